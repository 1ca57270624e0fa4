/** Notes: texts on the canvas, below everything else. */

class NoteInk {
  constructor(canvas) {
    this.canvas = canvas;
    this.colours = canvas.colours;
  }

  draw(g, zoom) {
    for (const note of this.canvas.picture.head.notes ?? []) {
      const box = this.noteBox(note);
      roundBox(g, box.left, box.top, box.wide, box.high, 12);
      g.globalAlpha = 0.35;
      g.fillStyle = box.around ? this.colours.rim : this.colours.card;
      g.fill();
      g.globalAlpha = 1;
      g.lineWidth = Math.max(1, 0.6 / zoom);
      g.setLineDash(box.around ? [5, 4] : []);
      g.strokeStyle = this.colours.line;
      g.stroke();
      g.setLineDash([]);
      if (zoom >= SHOW.dots) {
        this.write(g, note.text, box);
      }
    }
  }

  /** The box that a note takes: around the nodes that it is about, or where it was put. */
  noteBox({nodes = [], at, size, text}) {
    const found = nodes.map(name => this.canvas.picture.nodes.get(name)).filter(Boolean);
    if (found.length) {
      const places = found.map(node => [node, this.canvas.place(node)]);
      const left = Math.min(...places.map(([node, {x}]) => x - node.w / 2)) - 22;
      const top = Math.min(...places.map(([node, {y}]) => y - node.h / 2)) - 40;
      const right = Math.max(...places.map(([node, {x}]) => x + node.w / 2)) + 22;
      const bottom = Math.max(...places.map(([node, {y}]) => y + node.h / 2)) + 22;
      return {left, top, wide: right - left, high: bottom - top, around: true};
    }
    const [left, top] = at ?? [0, -80];
    const [wide, high] = size ?? [220, 26 + 16 * Math.ceil(text.length / 34)];
    return {left, top, wide, high, around: false};
  }

  /** The text, line by line; what does not fit is cut. */
  write(g, text, {left, top, wide: width, high, around}) {
    g.font = around ? `600 12px ${FACES}` : `12px ${FACES}`;
    g.textAlign = 'left';
    g.fillStyle = around ? this.colours.soft : this.colours.ink;
    let y = top + 20;
    for (const line of wrapped(g, text, width - 24)) {
      if (y > top + (around ? 24 : high - 6)) {
        break;
      }
      g.fillText(line, left + 12, y);
      y += 16;
    }
  }
}

/** A text as lines that fit the room, broken between words; at most forty of them. */
const wrapped = (g, text, room) => {
  const lines = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/\s+/)) {
      const longer = line ? `${line} ${word}` : word;
      if (line && wide(g, longer) > room) {
        lines.push(line);
        line = word;
      } else {
        line = longer;
      }
    }
    lines.push(line);
  }
  return lines.slice(0, 40).map(line => cut(g, line, room));
};
