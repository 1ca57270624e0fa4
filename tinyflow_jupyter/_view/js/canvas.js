/** The canvas of one view: ipycytoscape's real view with our cards, ports and values drawn above it. */

const COLOURS = ['page', 'rim', 'card', 'line', 'ink', 'soft', 'shade', 'number', 'text', 'truth', 'list', 'record',
  'any', 'other', 'good', 'warn', 'bad', 'on'];
const HALO = 12;  // pixels around a port within which it is meant
const MOST_SEEN = 600;  // ports whose values are asked for at once
const MARGIN = 240;  // pixels drawn beyond each side, so that a moving picture need not be drawn again
const STRETCH = 1.5;  // how much a moving picture is magnified before it is drawn again
const STILL = 140;  // milliseconds without motion after which it is
const FAR = 0.3;  // below this zoom a card is a coloured box

class Canvas extends Events {
  constructor(picture, root, cytoscapeView) {
    super();
    this.picture = picture;
    this.root = root;
    this.cytoscapeView = cytoscapeView;
    this.cy = cytoscapeView.cytoscape_obj;
    this.box = this.cy.container();
    this.colours = {};
    this.card = new CardInk(this.colours);
    this.wire = new WireInk(this.colours);
    this.note = new NoteInk(this.colours);
    this.marks = {dim: false, ports: new Map()};  // ports in another light, by address
    this.extra = [];  // what others draw above all: functions of (context, zoom)
    this.ended = new AbortController();
    this.drawn = 0;
    this.owed = false;
    this.visible = true;
    this.under = make('canvas', {class: 'tf-ink tf-under', 'aria-hidden': 'true'});
    this.ink = make('canvas', {class: 'tf-ink', 'aria-hidden': 'true'});
    this.alive = make('canvas', {class: 'tf-ink', 'aria-hidden': 'true'});
    this.layers = [this.under, this.ink, this.alive];  // wires; what stays; what changes with every message
    this.box.prepend(this.under);
    this.box.append(this.ink, this.alive);
    this.restyle();
    this.reset();
    this.follow();
    this.farOrNear();
  }

  /** Listen until the view ends. */
  listen(target, event, listener, options = {}) {
    target.addEventListener(event, listener, {...options, signal: this.ended.signal});
  }

  follow() {
    const {picture, cy} = this;
    this.offs = [
      picture.on('loaded', () => this.reset()),
      picture.on('changed', change => this.change(change)),
      picture.on('frame', frame => this.frame(frame)),
    ];
    cy.on('render', () => this.glide());
    cy.on('position', 'node', event => this.moved(event.target));
    cy.on('select unselect add remove style', () => this.stale());
    cy.on('viewport', () => {
      this.lookAround();
      this.farOrNear();
    });
    cy.on('dragfree', 'node', () => this.dropped());
    this.size = new ResizeObserver(() => {
      cy.resize();
      this.lookAround();
      this.soon();
    });
    this.size.observe(this.box);
    this.sight = new IntersectionObserver(([entry]) => {
      this.visible = entry.isIntersecting;
      this.lookAround();
      this.soon();
    });
    this.sight.observe(this.box);
    this.theme = new MutationObserver(() => this.restyle());
    this.theme.observe(document.body, {attributes: true, attributeFilter: ['data-jp-theme-light', 'data-vscode-theme-kind']});
    this.listen(matchMedia('(prefers-color-scheme: dark)'), 'change', () => this.restyle());
    this.listen(window, 'pointerup', () => this.lookAround());
    // Cytoscape remembers where its container is, and was made before the page around it could tell it of scrolling.
    for (const event of ['pointerdown', 'pointerover', 'wheel']) {
      this.listen(this.box, event, () => cy.renderer().invalidateContainerClientCoordsCache(), {capture: true, passive: true});
    }
  }

  /** Take the colours of the theme around us. */
  restyle() {
    const style = getComputedStyle(this.root);
    for (const name of COLOURS) {
      this.colours[name] = style.getPropertyValue(`--tf-${name}`).trim() || '#888888';
    }
    const c = this.colours;
    this.cy.style().fromJson([
      {selector: 'node', style: {
        shape: 'round-rectangle', width: 'data(w)', height: 'data(h)', label: '', 'background-color': c.card,
        'border-width': 1.2, 'border-color': c.line, 'overlay-opacity': 0}},
      {selector: 'node.failed', style: {'border-color': c.bad, 'border-width': 2}},
      {selector: 'node.waiting', style: {'border-color': c.warn, 'border-width': 2}},
      {selector: 'node.blocked', style: {'border-color': c.bad, 'border-width': 2, 'border-style': 'dashed'}},
      {selector: 'node.paused', style: {'border-color': c.number, 'border-width': 2, 'border-style': 'dashed'}},
      {selector: 'node.stale', style: {'border-color': c.warn, 'border-width': 2, 'border-style': 'dotted'}},
      {selector: 'node:selected', style: {'border-color': c.number, 'border-width': 3}},
      {selector: 'node.pending', style: {opacity: 0.6, 'border-style': 'dashed'}},
      {selector: 'node.far', style: {'background-color': c.line, 'border-width': 0}},
      {selector: 'node.far.failed', style: {'background-color': c.bad}},
      {selector: 'node.far:selected', style: {'background-color': c.number}},
      {selector: 'edge.far', style: {visibility: 'hidden'}},
      {selector: 'edge', style: {
        'curve-style': 'unbundled-bezier', 'edge-distances': 'node-position',
        'control-point-distances': 'data(distances)', 'control-point-weights': 'data(weights)',
        'source-endpoint': 'data(se)', 'target-endpoint': 'data(te)', width: 6, 'line-opacity': 0,
        'target-arrow-shape': 'none', 'overlay-opacity': 0,
        label: 'data(label)', 'font-size': 10, 'font-family': 'monospace', 'min-zoomed-font-size': 6, color: c.ink,
        'text-background-color': c.card, 'text-background-opacity': 1, 'text-background-shape': 'round-rectangle',
        'text-background-padding': 4, 'text-border-color': c.line, 'text-border-width': 1, 'text-border-opacity': 1}},
      {selector: '.faded', style: {opacity: 0.2}},
    ]).update();
    this.soon();
  }

  /** All elements anew, in one call. */
  reset() {
    const {cy, picture} = this;
    const first = cy.elements().empty();
    const chosen = new Set(cy.$(':selected').map(one => one.id()));
    cy.batch(() => {
      cy.elements().remove();
      cy.add([...picture.nodes.values()].map(node => this.nodeElement(node)));
      cy.add([...picture.edges.values()].filter(edge => this.ends(edge)).map(edge => this.edgeElement(edge)));
      cy.elements().filter(one => chosen.has(one.id())).select();
    });
    this.dress();
    if (first) {
      this.fit();
    }
    this.lookAround();
    this.emit('structure');
  }

  nodeElement(node) {
    return {group: 'nodes', data: {id: node.id, w: node.w, h: node.h}, position: {x: node.x, y: node.y}};
  }

  edgeElement(edge) {
    const [source, from, target, to] = this.ends(edge);
    const {weights, distances} = curve(this.place(source), this.place(target), from, to);
    return {group: 'edges', classes: edge.loop ? 'loop' : '', data: {
      id: edge.id, source: edge.source, target: edge.target, label: edge.label, family: edge.family, weights, distances,
      se: `${from.dx}px ${from.dy}px`, te: `${to.dx}px ${to.dy}px`}};
  }

  /** The nodes and ports that an edge connects; null while one of them is not there. */
  ends(edge) {
    const source = this.picture.nodes.get(edge.source);
    const target = this.picture.nodes.get(edge.target);
    const from = source?.ports.find(port => port.name === edge.sourcePort);
    const to = target?.ports.find(port => port.name === edge.targetPort);
    return from && to ? [source, from, target, to] : null;
  }

  /** Where a node stands on the canvas now: it may be on its way in somebody's hand. */
  place(node) {
    const element = this.cy.getElementById(node.id);
    return element.empty() ? {x: node.x, y: node.y} : element.position();
  }

  change({put, drop}) {
    const {cy} = this;
    cy.batch(() => {
      for (const id of [...drop.edges, ...drop.nodes]) {
        cy.getElementById(id).remove();
      }
      for (const node of put.nodes) {
        const element = cy.getElementById(node.id);
        if (element.empty()) {
          cy.add(this.nodeElement(node));
        } else {
          element.data({w: node.w, h: node.h});
          element.removeClass('pending');
          if (!element.grabbed()) {
            element.position({x: node.x, y: node.y});
          }
        }
      }
      for (const edge of put.edges) {
        cy.getElementById(edge.id).remove();
        if (this.ends(edge)) {
          cy.add(this.edgeElement(edge));
        }
      }
      for (const node of put.nodes) {
        this.rewire(cy.getElementById(node.id));
      }
    });
    this.dress();
    this.emit('structure');
    this.lookAround();
  }

  frame(frame) {
    if (frame.nodes) {
      this.states(frame.nodes);
    }
    if (frame.edges && this.rethink()) {
      this.wiresStale = true;
    }
    this.owed = true;
    this.soon();
  }

  /** Only states touch cytoscape's elements, and only when they change: values are drawn above. */
  states(nodes) {
    this.cy.batch(() => {
      for (const [id, [state]] of Object.entries(nodes)) {
        const element = this.cy.getElementById(id);
        if (element.nonempty() && element.scratch('_state') !== state) {
          element.removeClass(element.scratch('_state') ?? '').addClass(state).scratch('_state', state);
        }
      }
    });
  }

  /** What is new looks as what was there does: by its state, and by how far away it is. */
  dress() {
    this.states(this.picture.values.nodes);
    this.far = undefined;
    this.farOrNear();
  }

  /** From far away cards are boxes that stand out from the page. */
  farOrNear() {
    const far = this.cy.zoom() < FAR;
    if (far !== this.far) {
      this.far = far;
      this.cy.elements().toggleClass('far', far);
    }
  }

  /** Every wire as it runs now. */
  wires() {
    const found = [];
    for (const element of this.cy.edges()) {
      const edge = this.picture.edges.get(element.id());
      const ends = edge && this.ends(edge);
      if (ends) {
        const [, from, , to] = ends;
        const start = portPlace(from, element.source().position());
        const end = portPlace(to, element.target().position());
        found.push({edge, element, start, end, to, controls: controls(start, end, AWAY[from.side], AWAY[to.side])});
      }
    }
    return found;
  }

  /** The notes with the boxes they take: around the nodes that they are about, or where they were put. */
  notes() {
    return (this.picture.head.notes ?? []).map(note => ({note, box: this.noteBox(note)}));
  }

  noteBox({nodes = [], at, size, text}) {
    const found = nodes.map(name => this.picture.nodes.get(name)).filter(Boolean);
    if (found.length) {
      const places = found.map(node => [node, this.place(node)]);
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

  /** Whether any wire looks other than it was drawn: thicker, or full. */
  rethink() {
    const looks = Object.entries(this.picture.values.edges)
      .map(([id, [queued, capacity, rate]]) => `${id}${queued >= capacity}${thickness(rate)}`).join();
    const changed = looks !== this.looks;
    this.looks = looks;
    return changed;
  }

  /** A node is being moved: its wires follow. */
  moved(element) {
    this.movedNodes ??= new Set();
    if (this.movedNodes.size === 0) {
      queueMicrotask(() => {
        const nodes = [...this.movedNodes];
        this.movedNodes.clear();
        this.cy.batch(() => nodes.forEach(node => this.rewire(node)));
      });
    }
    this.movedNodes.add(element);
    this.stale();
  }

  rewire(element) {
    for (const wire of element.connectedEdges()) {
      const edge = this.picture.edges.get(wire.id());
      const ends = edge && this.ends(edge);
      if (ends) {
        const [source, from, target, to] = ends;
        const {weights, distances} = curve(this.place(source), this.place(target), from, to);
        wire.data({weights, distances, se: `${from.dx}px ${from.dy}px`, te: `${to.dx}px ${to.dy}px`});
      }
    }
  }

  /** Somebody has let go of what was dragged. */
  dropped() {
    this.droppedSoon ??= setTimeout(() => {
      this.droppedSoon = null;
      const moved = [];
      for (const node of this.picture.nodes.values()) {
        const {x, y} = this.place(node);
        if (Math.abs(x - node.x) > 0.5 || Math.abs(y - node.y) > 0.5) {
          moved.push([node.id, [x, y]]);
        }
      }
      if (moved.length) {
        this.emit('moved', Object.fromEntries(moved));
      }
    });
  }

  /** Show everything, no larger than life. */
  fit() {
    const {cy} = this;
    if (cy.nodes().empty()) {
      return;
    }
    cy.fit(undefined, 36);
    if (cy.zoom() > 1.15) {
      cy.zoom(1.15);
      cy.center();
    }
  }

  /** Tell the kernel whose values can be seen, when that has changed. */
  lookAround() {
    clearTimeout(this.looking);
    this.looking = setTimeout(() => {
      const ports = this.cy.zoom() >= SHOW.labels && this.visible ? this.seenPorts() : [];
      const said = ports.join();
      if (said !== this.said) {
        this.said = said;
        this.emit('see', ports);
      }
    }, 120);
  }

  seenPorts() {
    const ports = [];
    for (const [node] of this.seen()) {
      for (const port of node.ports) {
        if (port.dir === 'out' && ports.length < MOST_SEEN) {
          ports.push(`${node.id}:${port.name}`);
        }
      }
    }
    return ports;
  }

  /** The nodes on the screen, with where they stand. */
  seen({x1, y1, x2, y2} = this.cy.extent()) {
    const found = [];
    for (const element of this.cy.nodes()) {
      const node = this.picture.nodes.get(element.id());
      const at = element.position();
      if (node && at.x + node.w / 2 + 110 > x1 && at.x - node.w / 2 - 110 < x2
          && at.y + node.h / 2 + 30 > y1 && at.y - node.h / 2 - 30 < y2) {
        found.push([node, at]);
      }
    }
    return found;
  }

  /** The port under a place in the container, with its node and address. */
  portAt(x, y) {
    const zoom = this.cy.zoom();
    if (zoom < SHOW.dots) {
      return null;
    }
    const pan = this.cy.pan();
    const at = {x: (x - pan.x) / zoom, y: (y - pan.y) / zoom};
    const halo = HALO / Math.max(zoom, 0.6);
    let best = null;
    for (const [node, middle] of this.seen()) {
      if (Math.abs(at.x - middle.x) > node.w / 2 + halo || Math.abs(at.y - middle.y) > node.h / 2 + halo) {
        continue;
      }
      for (const port of node.ports) {
        const place = portPlace(port, middle);
        const distance = Math.hypot(place.x - at.x, place.y - at.y);
        if (distance < halo && !(best && best.distance <= distance)) {
          best = {node, port, address: `${node.id}:${port.name}`, place, distance};
        }
      }
    }
    return best;
  }

  /** A place in the container as one of the canvas. */
  toCanvas(x, y) {
    const zoom = this.cy.zoom();
    const pan = this.cy.pan();
    return {x: (x - pan.x) / zoom, y: (y - pan.y) / zoom};
  }

  /** Where an event is, in the container. */
  within(event) {
    const box = this.box.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** Draw before the next picture on the screen; a hidden tab never does, and so owes its acknowledgement. */
  soon() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = null;
      if (this.visible && !this.gliding) {
        this.draw();
      }
    });
  }

  /** Something other than a value has changed: the wires are drawn again too. */
  stale() {
    this.wiresStale = this.cardsStale = true;
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
    for (const canvas of this.layers) {
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
    if (this.ended.signal.aborted) {
      return;
    }
    clearTimeout(this.settling);
    this.gliding = false;
    const zoom = this.cy.zoom();
    const {x, y} = this.cy.pan();
    const moved = !this.drawnAt || zoom !== this.drawnAt.zoom || x !== this.drawnAt.x || y !== this.drawnAt.y;
    this.drawnAt = {zoom, x, y};
    const extent = this.extent();
    const {values} = this.picture;
    if (moved || this.wiresStale || this.cardsStale) {
      this.run = this.wires();
      const g = this.brush(this.ink);
      for (const [node, at] of this.seen(extent)) {
        this.card.still(g, node, at, zoom, this.marks);
      }
    }
    if (moved || this.wiresStale) {
      const below = this.brush(this.under);
      this.note.draw(below, this.notes(), zoom);
      this.wire.draw(below, this.run, extent, zoom, values.edges);
    }
    this.wiresStale = this.cardsStale = false;
    const g = this.brush(this.alive);
    for (const [node, at] of this.seen()) {
      this.card.live(g, node, at, zoom, values);
    }
    if (zoom >= SHOW.dots) {
      this.drawWaiting(g, this.run, this.cy.extent(), zoom, values.edges);
    }
    for (const extra of this.extra) {
      extra(g, zoom, this.run);
    }
    this.drawn += 1;
    if (this.owed) {
      this.owed = false;
      this.emit('drawn');
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
    this.ended.abort();
    clearTimeout(this.looking);
    clearTimeout(this.settling);
    clearTimeout(this.droppedSoon);
    cancelAnimationFrame(this.asked);
    this.offs.forEach(off => off());
    this.size.disconnect();
    this.sight.disconnect();
    this.theme.disconnect();
    this.cytoscapeView.remove();
    this.release();
  }

  /** Front ends keep what a cell once showed; they should not keep its elements and pictures. */
  release() {
    const {cy} = this;
    cy.removeAllListeners();
    cy.elements().remove();
    cy.destroy();
    for (const ink of this.box.querySelectorAll('canvas')) {
      ink.width = 0;
      ink.height = 0;
    }
    this.cytoscapeView.el.replaceChildren();
    this.cytoscapeView.cytoscape_obj = null;
  }
}
