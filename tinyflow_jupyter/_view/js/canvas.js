/** The canvas of one view: ipycytoscape's real view with our cards, ports and values drawn above it. */

const COLOURS = ['page', 'rim', 'card', 'line', 'ink', 'soft', 'shade', 'number', 'text', 'truth', 'list', 'record',
  'any', 'other', 'good', 'warn', 'bad', 'on'];
const HALO = 12;  // pixels around a port within which it is meant
const MOST_SEEN = 600;  // ports whose values are asked for at once
const THICK = [[1000, 'thick3'], [100, 'thick2'], [10, 'thick1']];  // messages a second

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
    this.marks = {dim: false, ports: new Map()};  // ports in another light, by address
    this.extra = [];  // what others draw above all: functions of (context, zoom)
    this.ended = new AbortController();
    this.drawn = 0;
    this.owed = false;
    this.visible = true;
    this.ink = make('canvas', {class: 'tf-ink', 'aria-hidden': 'true'});
    this.box.append(this.ink);
    this.paint = this.ink.getContext('2d');
    this.restyle();
    this.reset();
    this.follow();
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
    cy.on('render', () => this.draw());
    cy.on('position', 'node', event => this.moved(event.target));
    cy.on('viewport', () => this.lookAround());
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
  }

  /** Take the colours of the theme around us. */
  restyle() {
    const style = getComputedStyle(this.root);
    for (const name of COLOURS) {
      this.colours[name] = style.getPropertyValue(`--tf-${name}`).trim() || '#888888';
    }
    const c = this.colours;
    const families = ['number', 'text', 'truth', 'list', 'record', 'any', 'other', 'bad'];
    this.cy.style().fromJson([
      {selector: 'node', style: {
        shape: 'round-rectangle', width: 'data(w)', height: 'data(h)', label: '', 'background-color': c.card,
        'border-width': 1.2, 'border-color': c.line, 'overlay-opacity': 0}},
      {selector: 'node.failed', style: {'border-color': c.bad, 'border-width': 2}},
      {selector: 'node.waiting', style: {'border-color': c.warn, 'border-width': 2}},
      {selector: 'node.blocked', style: {'border-color': c.bad, 'border-width': 2, 'border-style': 'dashed'}},
      {selector: 'node.paused', style: {'border-color': c.number, 'border-width': 2, 'border-style': 'dashed'}},
      {selector: 'node.stale', style: {'border-color': c.warn, 'border-width': 2, 'border-style': 'dotted'}},
      {selector: 'node.note', style: {'background-color': c.page, 'border-style': 'dashed', 'z-index': 0}},
      {selector: 'node:selected', style: {'border-color': c.number, 'border-width': 3}},
      {selector: 'node.pending', style: {opacity: 0.6, 'border-style': 'dashed'}},
      {selector: 'edge', style: {
        'curve-style': 'unbundled-bezier', 'edge-distances': 'node-position',
        'control-point-distances': 'data(distances)', 'control-point-weights': 'data(weights)',
        'source-endpoint': 'data(se)', 'target-endpoint': 'data(te)', width: 1.8, opacity: 0.85,
        'target-arrow-shape': 'triangle', 'arrow-scale': 0.8, 'overlay-opacity': 0,
        label: 'data(label)', 'font-size': 10, 'font-family': 'monospace', 'min-zoomed-font-size': 6, color: c.ink,
        'text-background-color': c.card, 'text-background-opacity': 1, 'text-background-shape': 'round-rectangle',
        'text-background-padding': 4, 'text-border-color': c.line, 'text-border-width': 1, 'text-border-opacity': 1}},
      ...families.map(family => ({selector: `edge[family = "${family}"]`, style: {
        'line-color': c[family], 'target-arrow-color': c[family]}})),
      {selector: 'edge.loop', style: {'line-style': 'dashed'}},
      {selector: 'edge.thick1', style: {width: 2.6}},
      {selector: 'edge.thick2', style: {width: 3.6}},
      {selector: 'edge.thick3', style: {width: 5}},
      {selector: 'edge.full', style: {'line-color': c.bad, 'target-arrow-color': c.bad}},
      {selector: 'edge:selected', style: {width: 4, opacity: 1}},
      {selector: 'edge.lit', style: {width: 5, opacity: 1}},
      {selector: 'edge.pending', style: {opacity: 0.5, 'line-style': 'dotted'}},
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
    this.states(picture.values.nodes);
    this.edgeStates(picture.values.edges);
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
    this.emit('structure');
    this.lookAround();
  }

  frame(frame) {
    if (frame.nodes) {
      this.states(frame.nodes);
    }
    if (frame.edges) {
      this.edgeStates(frame.edges);
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

  edgeStates(edges) {
    this.cy.batch(() => {
      for (const [id, [queued, capacity, rate]] of Object.entries(edges)) {
        const element = this.cy.getElementById(id);
        const thick = THICK.find(([least]) => rate >= least)?.[1] ?? '';
        const classes = [thick, queued >= capacity ? 'full' : ''].filter(Boolean).join(' ');
        if (element.nonempty() && (element.scratch('_state') ?? '') !== classes) {
          element.removeClass(element.scratch('_state') ?? '').addClass(classes).scratch('_state', classes);
        }
      }
    });
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
  seen() {
    const {x1, y1, x2, y2} = this.cy.extent();
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
      if (this.visible) {
        this.draw();
      }
    });
  }

  draw() {
    if (this.ended.signal.aborted) {
      return;
    }
    const {cy, ink, paint: g, box} = this;
    const ratio = devicePixelRatio || 1;
    const [wide, high] = [Math.round(box.clientWidth * ratio), Math.round(box.clientHeight * ratio)];
    if (ink.width !== wide || ink.height !== high) {
      ink.width = wide;
      ink.height = high;
    }
    const zoom = cy.zoom();
    const pan = cy.pan();
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, wide, high);
    g.setTransform(zoom * ratio, 0, 0, zoom * ratio, pan.x * ratio, pan.y * ratio);
    const {values} = this.picture;
    for (const [node, at] of this.seen()) {
      this.card.draw(g, node, at, zoom, values, this.marks);
    }
    if (zoom >= SHOW.dots) {
      this.drawEdges(g, zoom, values.edges);
    }
    for (const extra of this.extra) {
      extra(g, zoom);
    }
    this.drawn += 1;
    if (this.owed) {
      this.owed = false;
      this.emit('drawn');
    }
  }

  drawEdges(g, zoom, edges) {
    const {x1, y1, x2, y2} = this.cy.extent();
    for (const [id, told] of Object.entries(edges)) {
      if (!told[0] && !told[2]) {
        continue;
      }
      const element = this.cy.getElementById(id);
      const at = element.nonempty() && element.midpoint();
      if (at && at.x > x1 && at.x < x2 && at.y > y1 && at.y < y2) {
        const [from, to] = [element.sourceEndpoint(), element.targetEndpoint()];
        this.card.waiting(g, at, told, zoom, Math.abs(to.x - from.x), Boolean(element.data('label')));
      }
    }
  }

  destroy() {
    this.ended.abort();
    clearTimeout(this.looking);
    clearTimeout(this.droppedSoon);
    cancelAnimationFrame(this.asked);
    this.offs.forEach(off => off());
    this.size.disconnect();
    this.sight.disconnect();
    this.theme.disconnect();
    this.cy.destroy();
    this.cytoscapeView.remove();
  }
}
