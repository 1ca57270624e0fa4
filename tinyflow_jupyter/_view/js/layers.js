/**
 * What is drawn over cytoscape, on two canvases: what stays as it is, and above it what changes with every message.
 * Cytoscape itself draws no more than the box that selects.
 */

const MARGIN = 240;  // pixels drawn beyond each side, so that a moving picture need not be drawn again
const STRETCH = 1.5;  // how much a moving picture is magnified before it is drawn again
const STILL = 140;  // milliseconds without motion after which it is

class Layers {
  constructor(canvas) {
    this.canvas = canvas;
    this.cy = canvas.cy;
    this.box = canvas.box;
    this.card = new CardInk(canvas.colours);
    this.boxes = new BoxInk();
    this.wire = new WireInk(canvas.colours);
    this.note = new NoteInk(canvas);
    this.marks = {dim: false, ports: new Map()};  // ports in another light, by address
    this.extra = [];  // what others draw above all: functions of (context, zoom)
    this.looks = new Map();  // how edges were drawn last, by id
    this.run = [];  // all wires, as they were drawn last
    this.sight = {cards: [], wires: []};  // what was on the screen then
    canvas.on('structure', () => this.looks.clear());
    this.drawn = 0;
    this.owed = false;
    this.ink = make('canvas', {class: 'tf-ink', 'aria-hidden': 'true'});
    this.alive = make('canvas', {class: 'tf-ink', 'aria-hidden': 'true'});
    this.box.append(this.ink, this.alive);
    this.quiet(this.cy.renderer());
    this.cy.on('render', () => this.glide());
  }

  /** Have cytoscape draw nothing of its elements: for every picture it looks at all of them. */
  quiet(renderer) {
    const {data, NODE, DRAG} = renderer;
    const render = renderer.render;
    renderer.render = (options = {}) => {
      if (!options.forcedContext) {
        data.canvasNeedsRedraw[NODE] = data.canvasNeedsRedraw[DRAG] = false;
      }
      render.call(renderer, options);
    };
    for (const layer of [NODE, DRAG]) {
      data.canvases[layer].style.display = 'none';
    }
  }

  /** A frame has come, and is owed an acknowledgement when it is drawn. */
  frame(frame) {
    this.changed ||= this.rethink(frame.edges ?? {});
    this.owed = true;
    this.soon();
  }

  /** Whether any of these wires looks other than it was drawn: thicker, or full. */
  rethink(edges) {
    let changed = false;
    for (const [id, [, , rate, full]] of Object.entries(edges)) {
      const look = `${full} ${thickness(rate)}`;
      changed ||= look !== this.looks.get(id);
      this.looks.set(id, look);
    }
    return changed;
  }

  /** The wires that leave a port, as they were drawn last. */
  leaving(address) {
    if (!this.byPort) {
      this.byPort = new Map();
      for (const wire of this.run) {
        const from = `${wire.edge.source}:${wire.edge.sourcePort}`;
        this.byPort.set(from, this.byPort.get(from) ?? []);
        this.byPort.get(from).push(wire);
      }
    }
    return this.byPort.get(address) ?? [];
  }

  /** Draw before the next picture on the screen; a hidden tab never does, and so owes its acknowledgement. */
  soon() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      if (this.canvas.visible && !this.gliding) {
        this.draw();
      }
    });
  }

  /** Something other than a value has changed: all of it is drawn again. */
  stale() {
    this.changed = true;
    this.soon();
  }

  /**
   * Cytoscape has drawn. Where only the viewport moved, what we drew before moves with it, as a picture; it is drawn
   * again when it stands still, or shows too little.
   */
  glide() {
    const {zoom, x, y} = this.drawnAt ?? {};
    const now = {zoom: this.cy.zoom(), ...this.cy.pan()};
    if (now.zoom === zoom && now.x === x && now.y === y) {
      return;
    }
    const scale = now.zoom / zoom;
    const shift = {x: now.x - x * scale, y: now.y - y * scale};
    const covers = axis => {
      const size = axis === 'x' ? this.box.clientWidth : this.box.clientHeight;
      return shift[axis] - MARGIN * scale <= 0 && shift[axis] + (size + MARGIN) * scale >= size;
    };
    if (!(scale < STRETCH && scale > 1 / STRETCH && covers('x') && covers('y'))) {
      this.draw();
      return;
    }
    for (const canvas of [this.ink, this.alive]) {
      canvas.style.transform = `translate(${shift.x}px, ${shift.y}px) scale(${scale})`;
    }
    this.gliding = true;
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.gliding = false;
      this.stale();
    }, STILL);
  }

  draw() {
    if (this.canvas.ended.signal.aborted) {
      return;
    }
    if (!this.box.clientWidth) {  // a page that changes its theme has no size for a moment, and no observer tells of it
      this.soon();
      return;
    }
    if (this.cy.width() !== this.box.clientWidth || this.cy.height() !== this.box.clientHeight) {
      this.cy.resize();  // cytoscape measured it in such a moment, and would take little for all there is to see
    }
    clearTimeout(this.settling);
    this.gliding = false;
    const zoom = this.cy.zoom();
    const {x, y} = this.cy.pan();
    const moved = !this.drawnAt || zoom !== this.drawnAt.zoom || x !== this.drawnAt.x || y !== this.drawnAt.y;
    this.drawnAt = {zoom, x, y};
    if (moved || this.changed) {
      this.changed = false;
      this.drawStill(zoom);
    }
    this.drawAlive(zoom);
    this.drawn += 1;
    if (this.owed) {
      this.owed = false;
      this.canvas.emit('drawn');
    }
  }

  /** Notes below wires below cards. */
  drawStill(zoom) {
    const g = this.brush(this.ink);
    const extent = this.extent();
    this.run = this.canvas.wires();
    this.byPort = null;
    const near = this.run.filter(wire => crosses(wire, extent));
    const screen = this.cy.extent();
    this.sight = {cards: this.canvas.seen(screen), wires: near.filter(wire => crosses(wire, screen))};
    this.note.draw(g, zoom);
    this.wire.draw(g, near, zoom, this.canvas.picture.values.edges);
    for (const [node, at, element] of this.canvas.seen(extent)) {
      this.boxes.draw(g, element, node, at, zoom);
      this.card.still(g, node, at, zoom, this.marks);
    }
  }

  /** It looks only at what was in sight when the rest was drawn: whatever moves has the rest drawn anew. */
  drawAlive(zoom) {
    const g = this.brush(this.alive);
    const {values} = this.canvas.picture;
    for (const [node, at] of this.sight.cards) {
      this.card.live(g, node, at, zoom, values);
    }
    if (zoom >= SHOW.dots) {
      this.drawWaiting(g, this.sight.wires, this.cy.extent(), zoom, values.edges);
    }
    for (const extra of this.extra) {
      extra(g, zoom);
    }
  }

  /** What is drawn, in the graph's units: the screen, and a margin around it. */
  extent() {
    const {x1, y1, x2, y2} = this.cy.extent();
    const margin = MARGIN / this.cy.zoom();
    return {x1: x1 - margin, y1: y1 - margin, x2: x2 + margin, y2: y2 + margin};
  }

  /** A clean canvas whose unit is the graph's. */
  brush(canvas) {
    const ratio = devicePixelRatio || 1;
    const size = [this.box.clientWidth, this.box.clientHeight].map(side => side + 2 * MARGIN);
    const [wide, high] = size.map(side => Math.round(side * ratio));
    const g = canvas.getContext('2d');
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
      canvas.style.width = `${size[0]}px`;
      canvas.style.height = `${size[1]}px`;
    }
    canvas.style.transform = '';
    const {zoom, x, y} = this.drawnAt;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, wide, high);
    g.setTransform(zoom * ratio, 0, 0, zoom * ratio, (x + MARGIN) * ratio, (y + MARGIN) * ratio);
    return g;
  }

  drawWaiting(g, wires, {x1, y1, x2, y2}, zoom, edges) {
    for (const wire of wires) {
      const told = edges[wire.edge.id];
      if (!told || (!told[0] && !told[2]) || Math.hypot(wire.end.x - wire.start.x, wire.end.y - wire.start.y) > LONG) {
        continue;
      }
      const at = alongWire(wire, 0.5);
      if (at.x > x1 && at.x < x2 && at.y > y1 && at.y < y2) {
        this.card.waiting(g, at, told, zoom, Math.abs(wire.end.x - wire.start.x), Boolean(wire.edge.label));
      }
    }
  }

  destroy() {
    clearTimeout(this.settling);
    cancelAnimationFrame(this.asked);
    for (const canvas of this.box.querySelectorAll('canvas')) {  // what holds an element need not hold its pixels
      canvas.width = 0;
      canvas.height = 0;
    }
  }
}
