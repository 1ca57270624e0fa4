/** The palette is every component that the kernel knows: as a panel at the left, and as a list at the pointer. */

const LINGER = 4;  // pixels a pointer moves before it is dragging something

class Palette {
  constructor(view) {
    this.view = view;
    this.canvas = view.canvas;
    this.components = [];
    const shared = {find: text => this.found(text), row: entry => this.row(entry), empty: 'No component is called so.'};
    this.panel = new Chooser({
      ...shared, label: 'Search components', doubly: true, take: entry => this.put(entry), leave: () => this.close(),
      carry: (entry, event) => this.carry(entry, event),
    });
    this.list = new Chooser({...shared, label: 'Add a component', take: entry => this.put(entry), leave: () => this.dismiss()});
    this.el = make('aside', {class: 'tf-palette', 'aria-label': 'Components', hidden: true},
      make('div', {class: 'tf-top'}, make('b', {}, 'Components'),
        make('button', {type: 'button', class: 'tf-x', 'aria-label': 'Close the palette', onclick: () => this.close()}, '×')),
      this.panel.el,
      make('p', {class: 'tf-hint'}, 'Drag one onto the canvas or an edge, double-click it, or press Enter.'));
    this.quick = make('div', {class: 'tf-quick', role: 'dialog', 'aria-label': 'Add a component', hidden: true}, this.list.el);
    const key = letter => make('kbd', {}, letter);
    this.blank = make('div', {class: 'tf-blank', hidden: true},
      make('p', {}, 'Double-click to add a node.'),
      make('p', {}, 'By keyboard: ', key('/'), ' adds one, ', key('P'), ' opens the palette, ', key('?'), ' shows all keys.'));
    view.el.prepend(this.el);
    view.el.append(this.quick);
    view.stage.append(this.blank);
    this.quick.addEventListener('focusout', event => !this.quick.contains(event.relatedTarget) && this.dismiss(false));
    this.ended = new AbortController();
    this.offs = [
      view.picture.on('loaded', () => this.take(view.picture.head.palette)),
      view.canvas.on('structure', () => this.empty()),
    ];
    this.take(view.picture.head.palette);
    this.empty();
  }

  /** Ask what there is now; what was known stays until the answer comes. */
  async fetch() {
    try {
      this.take(await this.view.ask('palette'));
    } catch {
      return;  // what was known stays
    }
  }

  /** Show these; a flow that cannot be edited has no palette. */
  take(told) {
    if (!told) {
      return;
    }
    const {components, types, fits} = told;
    const known = JSON.stringify(components);
    if (known === this.known) {
      return;  // the list stays as it is, under the pointer that is in it
    }
    this.known = known;
    this.components = components;
    Object.assign(this.view.picture.head, {types, fits});
    [this.panel, this.list].forEach(one => one.el.offsetParent && one.fill());
  }

  /** An empty canvas says what to do. */
  empty() {
    this.blank.hidden = this.view.picture.nodes.size > 0 || !this.view.changes.editable;
  }

  /** The components that fit a text, by where they come from; with a port, those that can be connected to it. */
  found(text) {
    const connect = this.wish?.connect;
    const entries = this.components
      .filter(entry => !connect || this.portFor(entry, connect))
      .map(entry => [score(text, entry.title, `${entry.description} ${entry.tags.join(' ')}`), entry])
      .filter(([points]) => points)
      .sort(([a], [b]) => (text ? b - a : 0));
    const groups = new Map([['This notebook', []]]);
    for (const [, entry] of entries) {
      const names = entry.own ? ['This notebook'] : entry.tags.length ? [entry.tags[0]] : [entry.component[0]];
      names.forEach(name => groups.set(name, [...(groups.get(name) ?? []), entry]));
    }
    return [...groups];
  }

  portFor(entry, connect) {
    const {changes} = this.view;
    return entry.ports.find(port => port.dir !== connect.port.dir && port.kind !== 'settings' && port.name !== 'settings'
      && changes.match(connect.port, port));
  }

  row(entry) {
    const port = entry.ports.find(one => one.dir === 'out') ?? entry.ports[0];
    return {title: entry.title, detail: entry.description.split('\n')[0].replaceAll('`', ''), colour: port?.family ?? 'any'};
  }

  /** Put a component where it was wished for, else into the middle of what is seen. */
  put(entry) {
    const {at, connect = null, edge = null} = this.wish ?? {};
    this.view.changes.add(entry, at ?? this.middle(), {connect, edge});
    if (this.wish) {
      this.dismiss();
    }
  }

  /** A free place near the middle of what is seen. */
  middle() {
    const {x1, y1, x2, y2} = this.canvas.cy.extent();
    const at = {x: (x1 + x2) / 2, y: (y1 + y2) / 2};
    const taken = () => [...this.view.picture.nodes.values()].some(node =>
      Math.abs(node.x - at.x) < node.w / 2 + 70 && Math.abs(node.y - at.y) < node.h / 2 + 40);
    while (taken()) {
      at.y += 30;
    }
    return at;
  }

  /** Offer what can be put at a place of the container. */
  offer(x, y, wish = {}) {
    if (!this.view.changes.editable) {
      return;
    }
    this.wish = {at: this.canvas.toCanvas(x, y), ...wish};
    this.quick.hidden = false;
    const [wide, high] = [this.view.el.clientWidth, this.view.el.clientHeight];
    const inside = this.canvas.box.getBoundingClientRect().left - this.view.el.getBoundingClientRect().left;
    this.quick.style.left = `${Math.max(4, Math.min(x + inside + 4, wide - this.quick.offsetWidth - 8))}px`;
    this.quick.style.top = `${Math.max(4, Math.min(y + 4, high - 270))}px`;
    this.list.open();
    this.fetch();
  }

  /** Close the list at the pointer. */
  dismiss(focus = true) {
    if (this.quick.hidden) {
      return;
    }
    this.quick.hidden = true;
    this.wish = null;
    this.view.emit('dismissed');
    if (focus) {
      this.view.el.focus({preventScroll: true});
    }
  }

  toggle() {
    if (this.el.hidden) {
      this.el.hidden = false;
      this.wish = null;
      this.panel.open();
      this.fetch();
    } else {
      this.close();
    }
  }

  close() {
    this.el.hidden = true;
    this.view.el.focus({preventScroll: true});
  }

  /** A component is dragged out of the panel; on an edge it goes between its ends. */
  carry(entry, {clientX, clientY, pointerId}) {
    const {canvas} = this;
    const ghost = make('div', {class: 'tf-carried'}, entry.title);
    const dragging = new AbortController();
    const done = () => {
      dragging.abort();
      ghost.remove();
      canvas.cy.edges().removeClass('lit');
    };
    const listen = (event, act) => window.addEventListener(event, one => one.pointerId === pointerId && act(one),
      {signal: AbortSignal.any([dragging.signal, this.ended.signal])});
    const over = event => {
      const [x, y] = canvas.within(event);
      return x > 0 && y > 0 && x < canvas.box.clientWidth && y < canvas.box.clientHeight ? canvas.toCanvas(x, y) : null;
    };
    listen('pointermove', event => {
      if (!ghost.isConnected && Math.hypot(event.clientX - clientX, event.clientY - clientY) < LINGER) {
        return;
      }
      this.view.el.append(ghost);
      const box = this.view.el.getBoundingClientRect();
      ghost.style.transform = `translate(${event.clientX - box.left + 6}px, ${event.clientY - box.top + 6}px)`;
      this.view.gestures.lightEdge(over(event));
    });
    listen('pointerup', event => {
      const at = ghost.isConnected && over(event);
      done();
      if (at) {
        this.view.changes.add(entry, at, {edge: this.view.gestures.edgeAt(at)});
      }
    });
    listen('pointercancel', done);
  }

  destroy() {
    this.offs.forEach(off => off());
    this.ended.abort();
    this.el.remove();
    this.quick.remove();
    this.blank.remove();
  }
}
