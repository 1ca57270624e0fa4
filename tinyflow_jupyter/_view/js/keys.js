/** Keys do everything that a pointer can; what has the focus is drawn with a ring. */

const NUDGE = 10;  // pixels that an arrow moves a node with Alt, five times as far with Shift too
const LEAVE = 1500;  // milliseconds within which a second Escape leaves the canvas
const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
const CONTROL = /mac/i.test(navigator.platform) ? '⌘' : 'Ctrl';

/** Every shortcut: its keys, what it does in words, and the method of Keys that does it. C stands for Ctrl, or ⌘. */
const SHORTCUTS = [
  ['Arrows', 'Go to the nearest node in that direction; Shift selects it too'],
  ['Tab', 'Go through the ports of the node; after the last one, on to the buttons'],
  ['Enter', 'At a port: begin an edge; arrows choose its other end, Enter connects. At a node: inspect it'],
  ['I', 'Inspect the port or node', 'inspect'],
  ['Space', 'Select or unselect the node'],
  ['Alt-Arrows', 'Move what is selected; further with Shift'],
  ['/', 'Add a component at the pointer', 'add'],
  ['P', 'Open or close the palette', 'palette'],
  ['Delete', 'Delete what is selected', 'remove'],
  ['F2', 'Rename the node', 'rename'],
  ['C-Z', 'Undo', 'undo'],
  ['C-Shift-Z', 'Redo', 'redo'],
  ['C-A', 'Select all nodes', 'all'],
  ['C-C', 'Copy', 'copy'],
  ['C-X', 'Cut', 'cut'],
  ['C-V', 'Paste', 'paste'],
  ['C-D', 'Duplicate', 'duplicate'],
  ['C-F', 'Find a node', 'find'],
  ['L', 'Lay out what is selected, or what nobody has placed; with Shift everything', 'layout'],
  ['F', 'Fit everything into view', 'fit'],
  ['+', 'Zoom in', 'closer'],
  ['-', 'Zoom out', 'farther'],
  ['Alt-R', 'Start or stop the flow'],
  ['Alt-P', 'Pause what is chosen, else everything; or let it go on'],
  ['Alt-N', 'Let the paused node handle one message'],
  ['Alt-B', 'Set a breakpoint at the port, or take it away'],
  ['Alt-M', 'Slow motion, and back'],
  ['?', 'Show these keys', 'help'],
  ['Escape', 'Stop what was begun; twice: leave the canvas'],
];

/** How a key of an event is called in the list of shortcuts. */
const keyName = event => {
  const held = event.ctrlKey || event.metaKey;
  const letter = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  if (held) {
    return `C-${event.shiftKey ? 'Shift-' : ''}${letter}`;
  }
  return {'=': '+', Backspace: 'Delete'}[letter] ?? letter;
};

const METHODS = new Map(SHORTCUTS.filter(([, , method]) => method).map(([key, , method]) => [key, method]));
METHODS.set('C-Y', 'redo');

class Keys {
  constructor(view) {
    Object.assign(this, {view, canvas: view.canvas, changes: view.changes});
    this.node = null;  // what has the focus, by name
    this.port = null;
    const {canvas} = this;
    canvas.listen(view.el, 'keydown', event => this.key(event));
    canvas.listen(window, 'keydown', event => this.claim(event), {capture: true});
    canvas.listen(canvas.box, 'mousedown', () => view.el.focus({preventScroll: true}));  // cytoscape takes it away
    canvas.listen(view.el, 'focus', () => canvas.layers.soon());
    canvas.listen(view.el, 'blur', () => canvas.layers.soon());
    canvas.cy.on('tap', 'node', event => this.focus(event.target.id(), null, false));
    this.paint = (g, zoom) => this.ring(g, zoom);
    canvas.layers.extra.push(this.paint);
    this.off = canvas.on('structure', () => this.node && !view.picture.nodes.has(this.node) && this.focus(null));
  }

  /** JupyterLab gets no key that is meant for us, and every other one. */
  claim(event) {
    if (this.view.el.contains(event.target)) {
      const ours = !(event.ctrlKey || event.metaKey) || METHODS.has(keyName(event)) || isText(event.target);
      this.view.el.toggleAttribute('data-lm-suppress-shortcuts', ours);
      if (ours) {
        this.view.el.dataset.lmSuppressShortcuts = 'true';
      }
    }
  }

  key(event) {
    if (event.defaultPrevented || isText(event.target) || event.target.closest('.tf-inspector, .tf-dialog')) {
      return;
    }
    const button = event.target.closest('button');
    if (button && ['Enter', ' ', 'Tab'].includes(event.key)) {
      return;
    }
    if (this.moves(event) || this.does(event)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  does(event) {
    const name = keyName(event);
    const method = event.altKey ? null : METHODS.get(name);
    if (method) {
      this[method](event);
    }
    return Boolean(method);
  }

  /** Arrows, Tab, Enter, Space and Escape mean something else at a node, a port and an edge that is being drawn. */
  moves(event) {
    const arrow = ARROWS[event.key];
    const {choosing} = this.view.gestures;
    if (event.key === 'Escape') {
      return this.escape();
    }
    if (event.ctrlKey || event.metaKey) {
      return false;
    }
    if (arrow && event.altKey) {
      this.nudge(arrow, event.shiftKey ? 5 * NUDGE : NUDGE);
    } else if (arrow && choosing) {
      this.choose(arrow[0] + arrow[1]);
    } else if (arrow) {
      this.go(arrow, event.shiftKey);
    } else if (event.key === 'Tab' && !choosing) {
      return this.tab(event.shiftKey ? -1 : 1);
    } else if (event.key === 'Enter') {
      this.enter();
    } else if (event.key === ' ' && this.node) {
      const element = this.canvas.cy.getElementById(this.node);
      element[element.selected() ? 'unselect' : 'select']();
    } else {
      return false;
    }
    return true;
  }

  /** Give a node or one of its ports the focus; bring it into sight. */
  focus(name, port = null, reveal = true) {
    this.node = name;
    this.port = port;
    this.view.emit('focus', name, port);
    if (name && reveal) {
      this.reveal(name);
    }
    this.canvas.layers.soon();
  }

  reveal(name) {
    const {cy} = this.canvas;
    const box = cy.getElementById(name).renderedBoundingBox();
    const beyond = (low, high, size) => (low < 20 ? 20 - low : high > size - 20 ? size - 20 - high : 0);
    cy.panBy({x: beyond(box.x1, box.x2, cy.width()), y: beyond(box.y1, box.y2, cy.height())});
  }

  /** To the nearest node in a direction; from nothing, to the first one. */
  go([dx, dy], extend) {
    const {cy} = this.canvas;
    const here = this.node && cy.getElementById(this.node).position();
    let best = null;
    for (const element of cy.nodes()) {
      const at = element.position();
      const [x, y] = here ? [at.x - here.x, at.y - here.y] : [at.x, at.y];
      const along = x * dx + y * dy;
      const across = Math.abs(x * dy) + Math.abs(y * dx);
      const cost = here ? along + 2.5 * across : at.x + at.y / 4;
      if (element.id() !== this.node && (!here || along > 1) && !(best && best.cost <= cost)) {
        best = {cost, element};
      }
    }
    if (best) {
      if (!extend) {
        cy.elements().unselect();
      }
      best.element.select();
      this.focus(best.element.id());
    }
  }

  /** Through the ports; false where Tab goes on to what comes after the canvas. */
  tab(step) {
    const ports = this.view.picture.nodes.get(this.node)?.ports ?? [];
    const next = this.port === null && step < 0 ? -1 : ports.findIndex(port => port.name === this.port) + step;
    if (!ports[next]) {
      if (this.port !== null) {
        this.focus(this.node, null, false);
      }
      return false;
    }
    this.focus(this.node, ports[next].name);
    return true;
  }

  /** The end that has the focus. */
  end() {
    const node = this.view.picture.nodes.get(this.node);
    const port = node?.ports.find(one => one.name === this.port);
    return port && {node, port, address: `${node.id}:${port.name}`, place: portPlace(port, this.canvas.place(node))};
  }

  enter() {
    const {gestures} = this.view;
    if (gestures.choosing) {
      gestures.connect();
      return;
    }
    const end = this.end();
    if (!end) {
      this.inspect();
      return;
    }
    if (gestures.begin(end)) {
      this.choose(0);
    } else {
      const from = this.canvas.cy.getElementById(this.node).renderedPosition();
      this.view.say(`No port on the flow fits ${end.address}; here is what could.`);
      this.view.palette.offer(from.x + 80, from.y, {connect: end, at: {x: end.place.x + 180, y: end.place.y}});
    }
  }

  /** The next or previous port that could be the other end. */
  choose(step) {
    const {gestures, picture} = this.view;
    gestures.next(step);
    const {end, choices, choice} = gestures.held;
    const other = choices[choice];
    this.reveal(other.node.id);
    this.view.say(`${end.address} → ${other.address} (${picture.typeOf(other.port)}), `
      + `${choice + 1} of ${choices.length}. Enter connects, Escape stops.`);
  }

  escape() {
    if (this.view.gestures.choosing) {
      this.view.gestures.cancel();
      this.view.say('Nothing was connected.');
    } else if (this.view.gestures.cancel() || this.view.dialogs.close()) {
      return true;
    } else if (this.port !== null) {
      this.focus(this.node);
    } else if (performance.now() - (this.escaped ?? -LEAVE) < LEAVE) {
      this.view.el.blur();
      this.view.el.closest('.jp-Notebook')?.focus?.();
    } else {
      this.escaped = performance.now();
      this.canvas.cy.elements().unselect();
      this.view.emit('select', null);
      this.view.say('Press Escape again to leave the canvas.');
    }
    return true;
  }

  /** Move what is selected a little; the kernel is told when it stands still. */
  nudge([dx, dy], by) {
    const chosen = this.canvas.cy.nodes(':selected');
    chosen.positions(node => ({x: node.position('x') + dx * by, y: node.position('y') + dy * by}));
    clearTimeout(this.nudging);
    this.nudging = setTimeout(() => this.canvas.dropped(), 350);
  }

  inspect() {
    if (this.node) {
      this.view.emit('select', this.port ? `${this.node}:${this.port}` : this.node);
    }
  }

  add() {
    const {gestures, palette} = this.view;
    const {box} = this.canvas;
    const [x, y] = gestures.pointer ?? [box.clientWidth / 2 - 120, box.clientHeight / 3];
    palette.offer(x, y, gestures.pointer ? {} : {at: palette.middle()});
  }

  palette() {
    this.view.palette.toggle();
  }

  remove() {
    if (!this.canvas.cy.$(':selected').length && this.node) {
      this.canvas.cy.getElementById(this.node).select();
    }
    this.changes.remove();
  }

  rename() {
    const name = this.changes.chosen()[0] ?? this.node ?? this.view.controls.node;  // what is looked into
    if (name) {
      this.view.renaming.begin(name);
    } else {
      this.view.say('Select the node that you want to rename first.');
    }
  }

  undo() {
    this.changes.again('undo');
  }

  redo() {
    this.changes.again('redo');
  }

  all() {
    this.canvas.cy.nodes().select();
    this.view.say(`${this.canvas.cy.nodes().length} nodes are selected.`);
  }

  copy() {
    this.changes.copy();
  }

  cut() {
    this.changes.cut();
  }

  paste() {
    this.changes.paste();
  }

  duplicate() {
    this.changes.duplicate();
  }

  find() {
    this.view.dialogs.find();
  }

  layout(event) {
    this.changes.layout(Boolean(event?.shiftKey));
  }

  fit() {
    this.canvas.fit();
  }

  closer() {
    this.zoom(1.25);
  }

  farther() {
    this.zoom(0.8);
  }

  zoom(by) {
    const {cy} = this.canvas;
    cy.zoom({level: cy.zoom() * by, renderedPosition: {x: cy.width() / 2, y: cy.height() / 2}});
  }

  help() {
    this.view.dialogs.help();
  }

  /** Where the focus is. */
  ring(g, zoom) {
    const node = this.view.picture.nodes.get(this.node);
    if (!node || document.activeElement !== this.view.el) {
      return;
    }
    const at = this.canvas.place(node);
    const end = this.end();
    g.strokeStyle = this.canvas.colours.number;
    g.lineWidth = 2 / zoom;
    if (end) {
      g.beginPath();
      g.arc(end.place.x, end.place.y, 11, 0, 7);
    } else {
      roundBox(g, at.x - node.w / 2 - 6, at.y - node.h / 2 - 6, node.w + 12, node.h + 12, 12);
    }
    g.stroke();
  }

  destroy() {
    clearTimeout(this.nudging);
    this.canvas.layers.extra = this.canvas.layers.extra.filter(one => one !== this.paint);
    this.off();
  }
}

/** Whether keys are text where an event comes from. */
const isText = target => target.matches?.('input, textarea, select, [contenteditable="true"]') ?? false;
