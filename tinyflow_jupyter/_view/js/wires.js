/**
 * The wires and their labels, drawn below the cards: only those on the screen. Cytoscape holds the edges too, with the
 * same curves: it finds what is under the pointer, and selects.
 */

const THICKNESS = [[1000, 5], [100, 3.6], [10, 2.6], [0, 1.8]];  // by messages a second

/** How thick a wire is at a rate. */
const thickness = rate => THICKNESS.find(([least]) => rate >= least)[1];

const LABELS = 0.6;  // from which zoom on a condition or a mapping can be read
const LONG = 900;  // a wire that goes further is faint: one follows it by selecting it, and sees what lies beneath

class WireInk {
  constructor(colours) {
    this.colours = colours;
  }

  /** Draw wires: cytoscape's elements, each with what is known of its ends. */
  draw(g, wires, zoom, values) {
    const looks = new Map();
    for (const wire of wires) {
      const look = this.look(wire, values[wire.edge.id]);
      const key = `${look.colour}|${look.width}|${look.dash}|${look.alpha}`;
      if (!looks.has(key)) {
        looks.set(key, {...look, wires: []});
      }
      looks.get(key).wires.push(wire);
    }
    for (const look of looks.values()) {
      this.stroke(g, look, zoom);
    }
    g.setLineDash([]);
    for (const {alpha, wires: drawn} of zoom >= LABELS ? looks.values() : []) {
      g.globalAlpha = Math.min(1, 2 * alpha);
      drawn.filter(wire => wire.edge.label).forEach(wire => this.label(g, wire));
    }
    g.globalAlpha = 1;
  }

  /** What an edge asks and makes of a message, at its middle. */
  label(g, wire) {
    const {x, y} = alongWire(wire, 0.5);
    g.font = `10px ${MONO}`;
    const room = wide(g, wire.edge.label) + 8;
    roundBox(g, x - room / 2, y - 9, room, 18, 4);
    g.fillStyle = this.colours.card;
    g.fill();
    g.lineWidth = 1;
    g.strokeStyle = this.colours.line;
    g.stroke();
    g.fillStyle = this.colours.ink;
    g.textAlign = 'center';
    g.fillText(wire.edge.label, x, y + 3.5);
  }

  look({edge, element, start, end}, told) {
    const [, , rate, full] = told ?? [0, 1, 0, false];
    const lit = element.selected() || element.hasClass('lit');
    return {
      colour: this.colours[full ? 'bad' : edge.family],
      width: lit ? 5 : thickness(rate),
      dash: element.hasClass('pending') ? '2 4' : edge.loop ? '6 4' : '',
      alpha: element.hasClass('faded') ? 0.15 : lit ? 1 : Math.hypot(end.x - start.x, end.y - start.y) > LONG ? 0.3 : 0.85,
    };
  }

  stroke(g, {colour, width, dash, alpha, wires}, zoom) {
    g.globalAlpha = alpha;
    g.strokeStyle = colour;
    g.fillStyle = colour;
    g.lineWidth = Math.max(width, 0.8 / zoom);
    g.setLineDash(dash ? dash.split(' ').map(Number) : []);
    for (const {start, end, controls: [a, b]} of wires) {
      g.beginPath();  // one stroke each: a path of hundreds is three times as slow without a graphics card
      g.moveTo(start.x, start.y);
      g.bezierCurveTo(a.x, a.y, b.x, b.y, end.x, end.y);
      g.stroke();
    }
    if (zoom < SHOW.dots) {
      return;
    }
    g.beginPath();
    for (const {end, to} of wires) {
      const [dx, dy] = AWAY[to.side];
      g.moveTo(end.x + dx * 4, end.y + dy * 4);
      g.lineTo(end.x + dx * 12 + dy * 4.5, end.y + dy * 12 + dx * 4.5);
      g.lineTo(end.x + dx * 12 - dy * 4.5, end.y + dy * 12 - dx * 4.5);
    }
    g.fill();
  }
}

/** Whether a wire may be seen in a part of the canvas. */
const crosses = ({start, end, controls: [a, b]}, {x1, y1, x2, y2}) =>
  Math.max(start.x, end.x, a.x, b.x) >= x1 && Math.min(start.x, end.x, a.x, b.x) <= x2
  && Math.max(start.y, end.y, a.y, b.y) >= y1 && Math.min(start.y, end.y, a.y, b.y) <= y2;

/** Where a wire is at a share of its way, from 0 to 1. */
const alongWire = ({start, end, controls: [a, b]}, share) => {
  const rest = 1 - share;
  const weights = [rest ** 3, 3 * rest * rest * share, 3 * rest * share * share, share ** 3];
  const sum = axis => weights[0] * start[axis] + weights[1] * a[axis] + weights[2] * b[axis] + weights[3] * end[axis];
  return {x: sum('x'), y: sum('y')};
};
