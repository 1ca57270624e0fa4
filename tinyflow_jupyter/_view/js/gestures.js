/** Gestures are what a pointer does on the canvas: draw edges, drop nodes on edges, point at ports. */

const NEAR = 16;  // pixels from a wire within which something is dropped on it
const HOVER = 350;  // milliseconds over a port before its words come

class Gestures {
  constructor(view) {
    this.view = view;
    this.canvas = view.canvas;
    this.changes = view.changes;
    this.pull = null;  // the edge being drawn: from which end, and where its other end is now
    this.held = null;  // one that stays drawn while somebody chooses its other end; by keys among `choices`
    const {canvas} = this;
    const {box, cy} = canvas;
    this.tip = make('div', {class: 'tf-tip', role: 'tooltip', hidden: true});
    view.el.append(this.tip);
    const capture = {capture: true};
    const listen = (event, act) => canvas.listen(box, event, act, capture);
    listen('pointerdown', event => this.down(event));
    listen('pointermove', event => this.over(event));
    listen('pointerup', event => this.up(event));
    listen('pointercancel', () => this.cancel());
    listen('pointerleave', () => this.hint(null));
    for (const event of ['mousedown', 'touchstart']) {
      listen(event, one => this.pull && one.stopPropagation());  // or cytoscape would grab the node, or pan
    }
    listen('dblclick', event => this.twice(event));
    canvas.listen(view.el, 'click', event => {
      if (this.swallow) {  // the end of a drag is no click
        this.swallow = false;
        event.stopPropagation();
      }
    }, capture);
    cy.on('drag', 'node', event => this.dragged(event.target));
    cy.on('viewport', () => this.hint(null));
    this.paint = (g, zoom) => this.draw(g, zoom);
    canvas.layers.extra.push(this.paint);
    this.offs = [
      canvas.on('moved', positions => this.dropped(positions)),
      view.on('dismissed', () => this.clear()),
    ];
  }

  /** A port under the pointer is the beginning of an edge. */
  down(event) {
    this.swallow = false;
    this.hint(null);
    this.pointer = this.canvas.within(event);
    if (event.button !== 0 || !event.isPrimary) {
      return;
    }
    const end = this.canvas.portAt(...this.pointer);
    if (!end) {
      return;
    }
    event.stopPropagation();
    event.preventDefault();
    this.cancel();
    this.view.el.focus({preventScroll: true});
    this.canvas.box.setPointerCapture(event.pointerId);
    this.pull = {end, from: this.pointer, to: end.place, moved: false};
  }

  over(event) {
    this.pointer = this.canvas.within(event);
    const [x, y] = this.pointer;
    if (!this.pull) {
      if (event.buttons === 0 && event.pointerType !== 'touch') {
        this.hint(this.canvas.portAt(x, y));
      }
      return;
    }
    event.stopPropagation();
    if (!this.pull.moved && Math.hypot(x - this.pull.from[0], y - this.pull.from[1]) < LINGER) {
      return;
    }
    if (!this.pull.moved) {
      this.pull.moved = true;
      this.light(this.pull.end);
    }
    const target = this.target(x, y);
    this.pull.to = target?.place ?? this.canvas.toCanvas(x, y);
    this.point(target);
  }

  up(event) {
    const {pull} = this;
    if (!pull) {
      return;
    }
    this.pull = null;
    event.stopPropagation();
    if (!pull.moved) {
      this.clear();
      return;
    }
    this.swallow = true;
    setTimeout(() => {
      this.swallow = false;
    });
    const [x, y] = this.canvas.within(event);
    const target = this.target(x, y, pull.end);
    if (target) {
      this.clear();
      this.changes.connect(pull.end, target);
    } else if (this.nodeAt(x, y)) {
      this.clear();
      const node = this.nodeAt(x, y);
      const inputs = pull.end.port.dir === 'out' ? 'input' : 'output';
      if (node.id !== pull.end.node.id) {
        this.view.say(`${node.id} has no ${inputs} for ${this.view.picture.typeOf(pull.end.port)}, the type of ${pull.end.address}.`, 'bad');
      }
    } else {
      this.held = {...pull, to: this.canvas.toCanvas(x, y)};  // it stays drawn while somebody chooses
      this.view.palette.offer(x, y, {connect: pull.end});
      this.canvas.layers.soon();
    }
  }

  /** What an edge would end at: the port there, else the obvious port of the node there. */
  target(x, y, end = this.pull?.end) {
    const port = this.canvas.portAt(x, y);
    if (port && port.address !== end.address) {
      return port;
    }
    const node = port ? null : this.nodeAt(x, y);
    return node && node.id !== end.node.id ? this.obvious(node, end) : null;
  }

  /** The port of a node that fits an end best: one that nothing is connected to yet, rather than settings. */
  obvious(node, end) {
    const connected = new Set([...this.view.picture.edges.values()].map(edge => `${edge.target}:${edge.targetPort}`));
    const middle = this.canvas.place(node);
    const rank = port => (port.kind === 'data' ? 0 : 2) + (connected.has(`${node.id}:${port.name}`) ? 1 : 0);
    return node.ports
      .filter(port => port.dir !== end.port.dir && port.kind !== 'settings' && this.changes.match(end.port, port))
      .sort((a, b) => rank(a) - rank(b))
      .map(port => ({node, port, address: `${node.id}:${port.name}`, place: portPlace(port, middle)}))[0];
  }

  nodeAt(x, y) {
    const at = this.canvas.toCanvas(x, y);
    return this.canvas.seen().findLast(([node, middle]) =>
      Math.abs(at.x - middle.x) < node.w / 2 && Math.abs(at.y - middle.y) < node.h / 2)?.[0];
  }

  /** Let the ports that fit an end stand out, and everything else step back. */
  light(end) {
    const {marks} = this.canvas.layers;
    marks.dim = true;
    marks.ports = new Map([[end.address, 'number']]);
    for (const other of this.fitting(end)) {
      marks.ports.set(other.address, 'good');
    }
    this.canvas.root.classList.add('tf-pulling');
    this.canvas.layers.stale();
  }

  /** Every port that an end can be connected to, from left to right and top to bottom. */
  fitting(end) {
    const found = [];
    for (const node of this.view.picture.nodes.values()) {
      for (const port of node.ports) {
        if (port.dir !== end.port.dir && this.changes.match(end.port, port)) {
          found.push({node, port, address: `${node.id}:${port.name}`, place: portPlace(port, this.canvas.place(node))});
        }
      }
    }
    return found.sort((a, b) => a.place.x - b.place.x || a.place.y - b.place.y);
  }

  /** The pointer is at what would be the other end. */
  point(target) {
    const {marks} = this.canvas.layers;
    if (this.pointed && this.pointed !== target?.address) {
      marks.ports.delete(this.pointed);
      this.pointed = null;
      this.light(this.pull.end);
    }
    const why = target && this.changes.refusal(this.pull.end, target);
    if (target && this.pointed !== target.address) {
      this.pointed = target.address;
      marks.ports.set(target.address, why ? 'bad' : 'number');
      this.canvas.layers.stale();
    }
    this.words(target ? [why || `${this.pull.end.address} → ${target.address}`] : [], target?.place, Boolean(why));
    this.canvas.layers.soon();
  }

  /** As if nothing was being drawn. */
  clear() {
    this.pull = null;
    this.held = null;
    this.pointed = null;
    this.canvas.layers.marks.dim = false;
    this.canvas.layers.marks.ports = new Map();
    this.canvas.root.classList.remove('tf-pulling');
    this.words([]);
    this.canvas.layers.stale();
  }

  /** Whether keys choose the other end of an edge. */
  get choosing() {
    return Boolean(this.held?.choices);
  }

  /** Begin an edge by keys: its other end is the nearest port that fits, until another one is chosen. False without any. */
  begin(end) {
    const choices = this.fitting(end).filter(one => one.node.id !== end.node.id);
    if (!choices.length) {
      return false;
    }
    const away = choices.map(one => Math.hypot(one.place.x - end.place.x, one.place.y - end.place.y));
    this.held = {end, choices, choice: away.indexOf(Math.min(...away))};
    this.next(0);
    return true;
  }

  /** Choose the so many-th port after the one that is chosen. */
  next(step) {
    const {held} = this;
    const {length} = held.choices;
    held.choice = (held.choice + step + length) % length;
    const other = held.choices[held.choice];
    held.to = other.place;
    this.light(held.end);
    this.canvas.layers.marks.ports.set(other.address, 'number');
  }

  /** Connect the edge that was begun by keys. */
  connect() {
    const {end, choices, choice} = this.held;
    this.clear();
    this.changes.connect(end, choices[choice]);
  }

  /** Stop drawing an edge; whether one was being drawn. */
  cancel() {
    const drawing = Boolean(this.pull ?? this.held);
    if (drawing) {
      this.clear();
    }
    return drawing;
  }

  /** The edge that is being drawn. */
  draw(g, zoom) {
    const pull = this.pull ?? this.held;
    if (!pull || (!pull.moved && !pull.choices)) {
      return;
    }
    const {colours} = this.canvas;
    const start = portPlace(pull.end.port, this.canvas.place(pull.end.node));
    const away = AWAY[pull.end.port.side];
    const [a, b] = controls(start, pull.to, away, [-away[0], -away[1]]);
    g.beginPath();
    g.moveTo(start.x, start.y);
    g.bezierCurveTo(a.x, a.y, b.x, b.y, pull.to.x, pull.to.y);
    g.strokeStyle = colours[pull.end.port.family];
    g.lineWidth = Math.max(2.2, 1.5 / zoom);
    g.setLineDash([7, 5]);
    g.stroke();
    g.setLineDash([]);
    g.beginPath();
    g.arc(pull.to.x, pull.to.y, 4, 0, 7);
    g.fillStyle = colours[pull.end.port.family];
    g.fill();
  }

  /** The edge at a place of the graph. */
  edgeAt(at, without = null) {
    let best = null;
    const near = NEAR / this.canvas.cy.zoom();
    for (const wire of this.canvas.layers.run) {
      if (without && (wire.edge.source === without || wire.edge.target === without)) {
        continue;
      }
      for (let part = 1; part < 24; part += 1) {
        const {x, y} = alongWire(wire, part / 24);
        const distance = Math.hypot(x - at.x, y - at.y);
        if (distance < near && !(best && best.distance <= distance)) {
          best = {distance, edge: wire.edge};
        }
      }
    }
    return best?.edge ?? null;
  }

  /** Light the edge that something would be dropped on. */
  lightEdge(at, without = null) {
    const edge = at && this.edgeAt(at, without);
    if (edge?.id !== this.lit) {
      this.canvas.cy.getElementById(this.lit ?? '').removeClass('lit');
      this.lit = edge?.id;
      this.canvas.cy.getElementById(this.lit ?? '').addClass('lit');
    }
    return edge;
  }

  /** A node in somebody's hand: one that is connected to nothing can be put on an edge. */
  dragged(element) {
    this.hint(null);
    const alone = element.connectedEdges().empty() && this.canvas.cy.nodes(':grabbed').length <= 1;
    this.onto = alone ? this.lightEdge(element.position(), element.id()) : null;
  }

  dropped(positions) {
    const edge = this.onto;
    this.onto = null;
    this.lightEdge(null);
    const names = Object.keys(positions);
    if (!edge || names.length !== 1) {
      this.changes.move(positions);
      return;
    }
    const [node] = names;
    const ends = [`${edge.source}:${edge.sourcePort}`, `${edge.target}:${edge.targetPort}`];
    this.changes.edit([{op: 'insert', edge: ends, node, position: positions[node]}], {drop: [edge.id]},
      `${node} is on the edge from ${ends[0]} to ${ends[1]}.`);
  }

  /** A double click renames a node, or offers components on the empty canvas. */
  twice(event) {
    const [x, y] = this.canvas.within(event);
    if (this.canvas.portAt(x, y)) {
      return;
    }
    const node = this.nodeAt(x, y);
    if (node) {
      this.view.renaming.begin(node.id);
    } else if (!this.edgeAt(this.canvas.toCanvas(x, y))) {
      this.view.palette.offer(x, y);
    }
  }

  /** Say what a port is, after a moment. */
  hint(end) {
    if (end?.address === this.hinted) {
      return;
    }
    this.hinted = end?.address;
    clearTimeout(this.hinting);
    this.words([]);
    this.canvas.box.style.cursor = end ? 'crosshair' : '';
    if (end) {
      this.hinting = setTimeout(() => this.words(portWords(this.view, end.node, end.port), end.place), HOVER);
    }
  }

  /** Write something beside a place of the graph; the first line stands out. */
  words(lines, place = null, bad = false) {
    this.tip.hidden = !lines.length;
    if (!lines.length) {
      return;
    }
    this.tip.replaceChildren(...lines.map((line, number) => make(number || lines.length === 1 ? 'div' : 'b', {}, line)));
    this.tip.classList.toggle('tf-refused', bad);
    const {cy, box} = this.canvas;
    const [zoom, pan] = [cy.zoom(), cy.pan()];
    const [whole, inner] = [this.view.el.getBoundingClientRect(), box.getBoundingClientRect()];
    const x = place.x * zoom + pan.x + inner.left - whole.left;
    const y = place.y * zoom + pan.y + inner.top - whole.top;
    const {offsetWidth: wide, offsetHeight: high} = this.tip;
    this.tip.style.left = `${Math.max(6, Math.min(x + 14, whole.width - wide - 6))}px`;
    this.tip.style.top = `${y + 16 + high < whole.height ? y + 16 : Math.max(6, y - high - 14)}px`;
  }

  destroy() {
    clearTimeout(this.hinting);
    this.canvas.layers.extra = this.canvas.layers.extra.filter(one => one !== this.paint);
    this.offs.forEach(off => off());
    this.tip.remove();
  }
}

/** What there is to say of a port, line by line. */
const portWords = ({picture, controls}, node, port) => {
  const address = `${node.id}:${port.name}`;
  const [text, count, rate] = picture.values.ports[address] ?? [];
  const kind = {settings: 'settings, ', status: 'status, ', error: 'errors, '}[port.kind] ?? '';
  return [
    port.label === port.name ? address : `${address} · ${port.label}`,
    `${kind}${port.dir === 'in' ? 'input' : 'output'} of ${picture.typeOf(port)}`,
    port.description ?? '',
    count ? `${short(count)} messages${rate ? `, ${short(rate)} a second` : ''}` : '',
    text ? `last: ${text}` : '',
    address in controls.breakpoints ? `breakpoint: ${controls.breakpoints[address] || 'every message'}` : '',
  ].filter(Boolean);
};
