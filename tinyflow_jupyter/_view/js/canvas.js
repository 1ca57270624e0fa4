/** The canvas of one view: ipycytoscape's real view, which holds the elements and finds them; layers draw them. */

const HALO = 12;  // pixels around a port within which it is meant
const MOST_SEEN = 600;  // ports whose values are asked for at once
const FAR = 0.3;  // below this zoom a card is a coloured box
// Where everything is shown: pixels around it, above it, and how many times as large as life it may be.
const [EDGE, BUTTONS, LARGEST] = [36, 52, 1.15];

class Canvas extends Events {
  constructor(picture, root, cytoscapeView) {
    super();
    this.picture = picture;
    this.root = root;
    this.cytoscapeView = cytoscapeView;
    this.cy = cytoscapeView.cytoscape_obj;
    this.box = this.cy.container();
    this.ended = new AbortController();
    this.visible = true;
    this.colours = {};
    this.layers = new Layers(this);
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
    cy.on('position', 'node', event => this.moved(event.target));
    cy.on('select unselect add remove style', () => this.layers.stale());
    cy.on('viewport', () => {
      this.lookAround();
      this.farOrNear();
    });
    cy.on('dragfree', 'node', () => this.dropped());
    this.size = new ResizeObserver(() => {
      cy.resize();
      this.emit('resized');
      this.lookAround();
      this.layers.stale();
    });
    this.size.observe(this.box);
    this.sight = new IntersectionObserver(entries => {
      this.visible = entries.at(-1).isIntersecting;  // it may have come and gone since we were last asked
      this.lookAround();
      this.layers.soon();
    });
    this.sight.observe(this.box);
    this.theme = new MutationObserver(() => this.restyle());
    this.theme.observe(document.body, {attributes: true, attributeFilter: ['data-jp-theme-light', 'data-vscode-theme-kind']});
    this.listen(matchMedia('(prefers-color-scheme: dark)'), 'change', () => this.restyle());
    this.listen(window, 'pointerup', () => this.lookAround());
    // Who scrolls the page past a graph does not mean to zoom it: cytoscape hears of the wheel only from who works here.
    this.listen(this.root, 'wheel', event => {
      if (!this.root.contains(document.activeElement) && !event.ctrlKey && !event.metaKey) {
        event.stopPropagation();
      }
    }, {capture: true, passive: true});
    // Cytoscape remembers where its container is, and was made before the page around it could tell it of scrolling.
    for (const event of ['pointerdown', 'pointerover', 'wheel']) {
      this.listen(this.box, event, () => cy.renderer().invalidateContainerClientCoordsCache(), {capture: true, passive: true});
    }
  }

  /** Take the colours of the theme around us. */
  restyle() {
    Object.assign(this.colours, coloursOf(this.root));
    this.cy.style().fromJson(styleOf(this.colours)).update();
    this.layers.stale();
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
    return {group: 'edges', data: {
      id: edge.id, source: edge.source, target: edge.target, weights, distances,
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
    this.layers.stale();
    this.emit('structure');
    this.lookAround();
  }

  frame(frame) {
    if (frame.nodes) {
      this.states(frame.nodes);
    }
    this.layers.frame(frame);
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
    this.layers.stale();
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

  /** Show everything, notes too, no larger than life; the buttons lie above it. */
  fit() {
    const {cy} = this;
    const boxes = (this.picture.head.notes ?? []).map(note => this.layers.note.noteBox(note))
      .map(({left, top, wide: width, high}) => ({x1: left, y1: top, x2: left + width, y2: top + high}));
    if (cy.nodes().nonempty()) {
      boxes.push(cy.elements().boundingBox());
    }
    if (!boxes.length) {
      return;
    }
    const [left, top] = ['x1', 'y1'].map(side => Math.min(...boxes.map(box => box[side])));
    const [right, bottom] = ['x2', 'y2'].map(side => Math.max(...boxes.map(box => box[side])));
    const room = {wide: cy.width() - 2 * EDGE, high: cy.height() - EDGE - BUTTONS};
    const zoom = Math.max(cy.minZoom(), Math.min(room.wide / (right - left), room.high / (bottom - top), LARGEST));
    cy.viewport({zoom, pan: {
      x: EDGE + (room.wide - zoom * (left + right)) / 2,
      y: BUTTONS + (room.high - zoom * (top + bottom)) / 2,
    }});
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

  /** The nodes on the screen, with where they stand and cytoscape's elements of them. */
  seen({x1, y1, x2, y2} = this.cy.extent()) {
    const found = [];
    for (const element of this.cy.nodes()) {
      const node = this.picture.nodes.get(element.id());
      const at = element.position();
      if (node && at.x + node.w / 2 + 110 > x1 && at.x - node.w / 2 - 110 < x2
          && at.y + node.h / 2 + 30 > y1 && at.y - node.h / 2 - 30 < y2) {
        found.push([node, at, element]);
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

  /** Where a port is now, by its address; null where there is none. */
  placeOf(address) {
    const [name, portName] = address.split(':');
    const node = this.picture.nodes.get(name);
    const port = node?.ports.find(one => one.name === portName);
    return port ? portPlace(port, this.place(node)) : null;
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

  destroy() {
    this.ended.abort();
    clearTimeout(this.looking);
    clearTimeout(this.droppedSoon);
    this.offs.forEach(off => off());
    this.size.disconnect();
    this.sight.disconnect();
    this.theme.disconnect();
    this.cytoscapeView.remove();
    this.release();
  }

  /** JupyterLab keeps the view of all that a cell ever showed; its elements and pictures should not stay with it. */
  release() {
    const {cy} = this;
    cy.removeAllListeners();
    cy.elements().remove();
    cy.destroy();
    this.layers.destroy();
    this.cytoscapeView.el.replaceChildren();
    this.cytoscapeView.cytoscape_obj = null;
  }
}
