/** What is drawn on and around a card: text, ports, latest values, state and badges. In the canvas's own units. */

const FACES = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif";
const MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace";
const PAD = 12;
// From which zoom on something is drawn: below it nobody could read it.
const SHOW = {names: 0.1, dots: 0.3, labels: 0.5, values: 0.72};
const STATES = {running: 'good', idle: 'soft', waiting: 'warn', blocked: 'bad', failed: 'bad', stale: 'warn', paused: 'number'};

const MEASURED = 13;  // pixels of the letters by which names are measured
const COUNTED = 66;  // the room for counts, beside the component's name

const widths = new Map();

/** How wide a text is in the present font; remembered, for most texts come again. */
const wide = (g, text) => {
  const key = `${g.font}|${text}`;
  let known = widths.get(key);
  if (known === undefined) {
    known = g.measureText(text).width;
    if (widths.size > 8000) {
      widths.clear();
    }
    widths.set(key, known);
  }
  return known;
};

const cuts = new Map();

/** The text cut with an ellipsis where it is wider than the room; remembered too. */
const cut = (g, text, room) => {
  const key = `${g.font}|${text}|${room | 0}`;
  let known = cuts.get(key);
  if (known === undefined) {
    known = text;
    if (g.measureText(text).width > room) {
      let low = 0;
      let high = text.length;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (g.measureText(`${text.slice(0, middle)}…`).width <= room) {
          low = middle;
        } else {
          high = middle - 1;
        }
      }
      known = low ? `${text.slice(0, low).trimEnd()}…` : '';
    }
    if (cuts.size > 4000) {
      cuts.clear();
    }
    cuts.set(key, known);
  }
  return known;
};

/** The same, cut in its middle: the names of many nodes differ at their ends. */
const cutInside = (g, text, room) => {
  if (wide(g, text) <= room) {
    return text;
  }
  for (let kept = Math.min(text.length - 1, 24); kept > 3; kept -= 1) {
    const said = `${text.slice(0, kept >> 1)}…${text.slice(text.length - ((kept + 1) >> 1))}`;
    if (wide(g, said) <= room) {
      return said;
    }
  }
  return [4, 3, 2].map(kept => text.slice(-kept)).find(end => wide(g, end) <= room) ?? '';
};

/** A box with round corners, as a path. */
const roundBox = (g, x, y, w, h, r) => {
  g.beginPath();
  g.roundRect(x, y, w, h, Math.min(r, w / 2, h / 2));
};

class CardInk {
  constructor(colours) {
    this.colours = colours;
  }

  /** What stays as it is while messages pass: name, component, ports and their names. */
  still(g, node, at, zoom, marks) {
    if (zoom < SHOW.names) {
      return;
    }
    if (zoom < SHOW.labels) {
      this.name(g, node, at, zoom);
    } else {
      this.heading(g, node, at.x - node.w / 2, at.y - node.h / 2);
    }
    if (zoom >= SHOW.dots) {
      for (const port of node.ports) {
        this.port(g, node, port, at, zoom, marks);
      }
    }
  }

  /** What changes: state, counts, newest values, badges. */
  live(g, node, at, zoom, values) {
    const told = values.nodes[node.id];
    const left = at.x - node.w / 2;
    const top = at.y - node.h / 2;
    if (zoom >= SHOW.labels) {
      if (told) {
        this.state(g, node, left, top, told);
      }
      for (const port of node.ports) {
        const value = values.ports[`${node.id}:${port.name}`];
        if (value?.[0] && (port.kind === 'status' || (zoom >= SHOW.values && port.dir === 'out'))) {
          this.value(g, node, port, portPlace(port, at), value[0]);
        }
      }
    }
    if (told && zoom >= SHOW.dots) {
      this.badge(g, node, left, top, told, zoom);
    }
  }

  /** From far away: the name alone, as large as there is room for and as can be read. */
  name(g, node, at, zoom) {
    const room = node.w - 8;
    g.font = `600 ${MEASURED}px ${FACES}`;  // at one size, for every zoom has another, and measuring takes its time
    let size = Math.max(13, Math.min(9.5 / zoom, node.h * 0.6));
    const over = wide(g, node.id) * size / MEASURED / room;
    if (over > 1) {
      size = Math.max(size / over, Math.min(size, 6.5 / zoom));
    }
    if (size * zoom < 5) {
      return;
    }
    const said = cutInside(g, node.id, room * MEASURED / size);
    g.font = `600 ${size.toFixed(1)}px ${FACES}`;
    g.textAlign = 'center';
    g.fillStyle = this.colours.ink;
    g.fillText(said, at.x, at.y + size * 0.36);
  }

  heading(g, node, left, top) {
    const base = top + node.top;
    const room = node.w - 2 * PAD;
    g.textAlign = 'left';
    g.font = `600 13px ${FACES}`;
    g.fillStyle = this.colours.ink;
    g.fillText(cut(g, node.id, room - 12), left + PAD, base + 18);
    g.font = `11px ${FACES}`;
    g.fillStyle = this.colours.soft;
    // A name that is the component's own says what it is; then there is room for what that does.
    const said = node.component === node.id ? node.description : node.component;
    const shown = cut(g, said, room - COUNTED);
    if (shown === said || shown.length > 5) {  // a letter or two say nothing
      g.fillText(shown, left + PAD, base + 32);
    }
    if (node.note) {
      g.font = `10px ${MONO}`;
      g.fillText(cut(g, node.note, room), left + PAD, base + 47);
    }
    if (node.ports.some(port => port.side === 'left' || port.side === 'right')) {
      g.fillStyle = this.colours.rim;
      g.fillRect(left + 1, base + node.head, node.w - 2, 1);
    }
  }

  /** A light, and how many were handled, how fast. */
  state(g, node, left, top, [state, handled, rate]) {
    const base = top + node.top;
    const right = left + node.w - PAD;
    g.beginPath();
    g.arc(right, base + 14, 4, 0, 7);
    g.fillStyle = this.colours[STATES[state] ?? 'soft'];
    g.fill();
    if (handled || rate) {
      g.font = `10.5px ${FACES}`;
      g.textAlign = 'right';
      g.fillStyle = this.colours.soft;
      g.fillText(rate ? `${short(handled)} · ${short(rate)}/s` : short(handled), right, base + 32);
    }
  }

  port(g, node, port, at, zoom, marks) {
    const {x, y} = portPlace(port, at);
    const lit = marks.ports.get(`${node.id}:${port.name}`);
    if (lit) {
      g.beginPath();
      g.arc(x, y, 10, 0, 7);
      g.fillStyle = this.colours[lit];
      g.globalAlpha = 0.28;
      g.fill();
    }
    g.globalAlpha = marks.dim && !lit ? 0.25 : 1;
    this.mark(g, port, x, y, this.colours[port.family]);
    if (zoom >= SHOW.labels) {
      this.label(g, node, port, x, y);
    }
    g.globalAlpha = 1;
  }

  /** A dot; a square for settings, a ring for a status: told apart without colours too. */
  mark(g, port, x, y, colour) {
    g.beginPath();
    if (port.kind === 'settings') {
      g.roundRect(x - 5, y - 5, 10, 10, 2);
    } else {
      g.arc(x, y, 5, 0, 7);
    }
    g.fillStyle = port.kind === 'status' ? this.colours.card : colour;
    g.fill();
    g.lineWidth = port.kind === 'status' ? 2 : 1.5;
    g.strokeStyle = port.kind === 'status' ? colour : this.colours.card;
    g.stroke();
    if (port.kind === 'status') {
      g.beginPath();
      g.arc(x, y, 2, 0, 7);
      g.fillStyle = colour;
      g.fill();
    }
  }

  /** The port's name, inside the card. */
  label(g, node, port, x, y) {
    g.fillStyle = port.kind === 'settings' || port.kind === 'error' ? this.colours.soft : this.colours.ink;
    const text = this.labelText(g, node, port);
    const [dx, dy] = {left: [11, 3.8], right: [-11, 3.8], top: [0, 16], bottom: [0, -9]}[port.side];
    g.textAlign = {left: 'left', right: 'right', top: 'center', bottom: 'center'}[port.side];
    g.fillText(text, x + dx, y + dy);
  }

  /** The name as far as there is room for it beside those on the other side; sets the font. */
  labelText(g, node, port) {
    g.font = `${port.kind === 'settings' ? 'italic ' : ''}11px ${FACES}`;
    const facing = {left: 'right', right: 'left'}[port.side];
    const other = Math.max(0, ...node.ports.filter(one => one.side === facing).map(one => wide(g, one.label)));
    return cut(g, port.label, Math.max(node.w - other - (other ? 36 : 24), 30));
  }

  /** The newest value: of a status inside the card, of another port outside, above its wire. */
  value(g, node, port, {x, y}, text) {
    const inside = port.kind === 'status' && (port.side === 'left' || port.side === 'right');
    const end = inside ? 15 + wide(g, this.labelText(g, node, port)) : 0;
    g.font = `10px ${MONO}`;
    const said = cut(g, text, inside ? 74 : 92);
    const room = wide(g, said) + 10;
    const [left, top] = inside
      ? [port.side === 'right' ? x - end - room : x + end, y - 7.5]
      : {right: [x + 9, y - 20], left: [x - 9 - room, y - 20], top: [x + 9, y - 22], bottom: [x + 9, y + 6]}[port.side];
    roundBox(g, left, top, room, 15, 4);
    g.fillStyle = this.colours.page;
    g.fill();
    g.lineWidth = 1;
    g.strokeStyle = this.colours.rim;
    g.stroke();
    g.fillStyle = this.colours.ink;
    g.textAlign = 'left';
    g.fillText(said, left + 5, top + 10.9);
  }

  /** What a person should look at: dead letters before no room to send to before failures before a crowd at the door. */
  badge(g, node, left, top, [state, , , dead, failed, queued], zoom) {
    const blocked = state === 'blocked';
    const [text, colour] = dead
      ? [`${short(dead)} dead letter${dead > 1 ? 's' : ''}`, 'bad']
      : blocked ? ['blocked', 'bad'] : failed ? [`${short(failed)} failed`, 'warn'] : [`${short(queued)} waiting`, 'any'];
    if (!dead && !blocked && !failed && !(queued && zoom >= SHOW.labels)) {
      return;
    }
    g.font = `600 10px ${FACES}`;
    const room = wide(g, text) + 14;
    const x = left + node.w - room - 8;
    const y = top + (node.top ? 5.5 : -13);  // between ports on top, else clear of the name
    roundBox(g, x, y, room, 17, 8.5);
    g.fillStyle = this.colours[colour];
    g.fill();
    g.fillStyle = this.colours.on;
    g.textAlign = 'center';
    g.fillText(text, x + room / 2, y + 12.1);
  }

  /** What waits on an edge, as a bar at its middle: green, yellow from 60 %, red from 85 %; words where there is room. */
  waiting(g, at, [queued, capacity, rate], zoom, room, labelled) {
    const y = at.y + (labelled ? 13 : 7);
    if (queued) {
      const share = Math.min(queued / capacity, 1);
      roundBox(g, at.x - 20, y, 40, 6, 3);
      g.fillStyle = this.colours.rim;
      g.fill();
      roundBox(g, at.x - 20, y, Math.max(40 * share, 5), 6, 3);
      g.fillStyle = this.colours[share >= 0.85 ? 'bad' : share > 0.6 ? 'warn' : 'good'];
      g.fill();
    }
    if (zoom < SHOW.values) {
      return;
    }
    g.font = `9.5px ${FACES}`;
    g.textAlign = 'center';
    g.fillStyle = this.colours.soft;
    const words = [`${short(rate)}/s`, `${short(queued)} of ${short(capacity)}`];
    const said = queued ? (rate ? [words.join(' · '), words[1]] : [words[1]]) : [words[0]];
    const text = said.find(one => g.measureText(one).width < room - 12);
    if (text) {
      g.fillText(text, at.x, y + (queued ? 17 : 8));
    }
  }
}
