/** Notes: texts on the canvas, below everything else. */

class NoteInk {
  constructor(colours) {
    this.colours = colours;
  }

  draw(g, notes, zoom) {
    for (const {note, box} of notes) {
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
