/** The controls: start and stop, pause, one message at a time, breakpoints, slow motion; and what is held. */

// By the letter that is pressed with Alt; letters alone belong to the canvas.
const CONTROL_KEYS = {KeyR: 'start', KeyP: 'pause', KeyN: 'step', KeyB: 'breakpoint', KeyM: 'slow'};
const HELD_AGAIN = 1000;  // ms between two questions after what is held, while something is

/** What a payload's tree says at a glance. */
const heldText = row => {
  const brief = told => told.t ?? (told.c ? '…' : told.k);
  const told = row?.tree ?? {t: ''};
  const text = String(told.c?.length ? told.c.map(([name, part]) => `${name}: ${brief(part)}`).join(', ') : brief(told));
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

class Controls {
  constructor(view) {
    this.view = view;
    this.target = null;
    this.state = 'stopped';
    this.held = {};
    this.breakpoints = {};
    this.stale = new Set();  // the nodes at which the flow says something else than what runs
    this.blocked = new Set();  // those that wait for room
    this.slow = false;
    this.asking = false;
    this.light = make('span', {class: 'tf-light', 'aria-hidden': 'true'});
    this.said = make('span', {class: 'tf-standing', role: 'status', 'aria-live': 'polite'});
    this.buttons = {
      start: this.button('start', 'Start', 'R', () => this.run(this.state === 'stopped' ? 'start' : 'stop')),
      pause: this.button('pause', 'Pause', 'P', () => this.run(this.paused ? 'resume' : 'pause')),
      step: this.button('step', 'Step', 'N', () => this.step()),
      breakpoint: this.button('breakpoint', 'Breakpoint', 'B', () => this.toggle()),
      slow: this.button('slow', 'Slow motion', 'M', () => this.slower()),
    };
    this.bar = make('div', {class: 'tf-run', role: 'toolbar', 'aria-label': 'Run the flow'},
      ...Object.values(this.buttons), make('span', {class: 'tf-state'}, this.light, this.said));
    this.when = make('input', {type: 'text', class: 'tf-when', 'aria-label': 'Condition of the breakpoint', placeholder: 'every message, or: msg > 3', spellcheck: 'false', maxlength: '1000'});
    this.asked = make('span', {class: 'tf-asked', dir: 'ltr'});
    this.why = make('p', {class: 'tf-why', role: 'alert'});
    this.form = make('form', {class: 'tf-point', hidden: true}, this.asked, this.when,
      make('button', {type: 'submit'}, 'Set'),
      make('button', {type: 'button', onclick: () => this.fold()}, 'Cancel'), this.why);
    this.when.addEventListener('input', () => this.blame(''));
    this.list = make('ul', {class: 'tf-holds', 'aria-label': 'What is held', hidden: true});
    this.el = make('div', {class: 'tf-controls'}, this.bar, this.form, this.list);
    this.form.addEventListener('submit', event => {
      event.preventDefault();
      this.set(this.form.dataset.address, this.when.value);
    });
    this.form.addEventListener('keydown', event => {
      event.stopPropagation();
      if (event.key === 'Escape') {
        this.fold();
      }
    });
    this.bar.addEventListener('keydown', event => this.rove(event));
    this.pressed = event => this.key(event);
    view.el.addEventListener('keydown', this.pressed);
    this.offs = [
      view.picture.on('frame', frame => this.frame(frame)),
      view.picture.on('changed', () => this.look()),
      view.picture.on('loaded', () => {
        this.pointed(view.picture.values.breakpoints);
        this.look();
      }),
      view.on('select', target => this.choose(target)),
    ];
    this.show();
    this.look();
    this.pointed(view.picture.values.breakpoints);
    if (view.picture.head.editable === false) {
      this.refresh();  // no frame tells of breakpoints on a cluster
    }
  }

  /** A button with an icon, a name and the key that does the same. */
  button(name, words, key, act) {
    const made = make('button', {type: 'button', class: 'tf-act', 'data-act': name, 'aria-keyshortcuts': `Alt+${key}`, tabindex: name === 'start' ? '0' : '-1', onclick: act}, icon(name));
    this.name(made, words, key);
    made.dataset.key = key;
    return made;
  }

  name(button, words, key = button.dataset.key) {
    button.setAttribute('aria-label', words);
    button.title = `${words} (Alt-${key})`;
  }

  get node() {
    return this.target?.split('>').pop().split(':')[0] ?? this.view.keys.node;
  }

  /** The port that is chosen; of an edge, the one that it enters. */
  get port() {
    const port = this.target?.split('>').pop() ?? '';
    const {node, port: focused} = this.view.keys;  // where the keyboard is
    return port.includes(':') ? port : !this.target && node && focused ? `${node}:${focused}` : null;
  }

  get paused() {
    const there = this.node && this.held[this.node];
    return this.node ? Boolean(there) : Object.keys(this.held).length > 0;
  }

  /** Something was chosen on the canvas: a node, a port, an edge, or nothing. A cell may have set a breakpoint there. */
  choose(target) {
    this.target = target;
    this.fold();
    this.show();
    if (target) {
      this.refresh();
    }
  }

  /** Ask for something to be done; the answer says how the flow stands then. */
  async ask(word, fields) {
    try {
      this.take(await this.view.ask(word, fields));
    } catch (error) {
      this.view.say(errorText(error), 'bad');
    }
  }

  run(action) {
    const node = action === 'pause' || action === 'resume' ? this.node : null;
    return this.ask('run', node ? {action, node} : {action});
  }

  /** One message at the chosen node, or at the only one that is held. */
  step() {
    const names = Object.keys(this.held);
    const node = this.node ?? (names.length === 1 ? names[0] : null);
    if (!node) {
      this.view.say('Choose a paused node first: a step is one message there.');
      return;
    }
    this.ask('run', {action: 'step', node});
  }

  /** A breakpoint at the chosen port: away with it, or ask for its condition. */
  toggle() {
    if (!this.port) {
      this.view.say('Choose a port first: a breakpoint holds its node at a message there.');
    } else if (this.port in this.breakpoints) {
      this.set(this.port, '');
    } else {
      this.form.dataset.address = this.port;
      this.asked.textContent = `Hold at ${this.port} when`;
      this.when.value = '';
      this.blame('');
      this.form.hidden = false;
      this.when.focus();
    }
  }

  /** Set it, or take it away; what is wrong with a condition is said below it, and it stays to be mended. */
  async set(address, when) {
    try {
      this.take(await this.view.ask('breakpoint', when.trim() ? {address, when} : {address}));
      this.fold();
    } catch (error) {
      if (this.form.hidden || this.form.dataset.address !== address) {
        this.view.say(errorText(error), 'bad');
      } else {
        this.blame(errorText(error));
        this.when.focus();
      }
    }
  }

  blame(why) {
    this.why.textContent = why;
    this.when.setAttribute('aria-invalid', String(Boolean(why)));
  }

  fold() {
    if (!this.form.hidden) {
      this.form.hidden = true;
      this.buttons.breakpoint.focus();
    }
  }

  /** Slow motion is the canvas' business: it is told. */
  slower() {
    this.slow = !this.slow;
    this.show();
    this.view.emit('slow', this.slow);
  }

  /** The state of the flow, as the snapshot has it. */
  look() {
    const {head, values} = this.view.picture;
    this.state = head.state;
    this.stale.clear();
    this.blocked.clear();
    this.note(values.nodes);
    this.show();
  }

  /** Note which nodes differ from what runs, and which wait for room. */
  note(nodes) {
    for (const [name, [state]] of Object.entries(nodes)) {
      this.stale[state === 'stale' ? 'add' : 'delete'](name);
      this.blocked[state === 'blocked' ? 'add' : 'delete'](name);
    }
  }

  /** A cell may set breakpoints too, and take them away: then nothing is told of one. */
  pointed(told = {}) {
    for (const [address, [when]] of Object.entries(told)) {
      if (when === undefined) {
        delete this.breakpoints[address];
      } else {
        this.breakpoints[address] = when;
      }
    }
    if (Object.keys(told).length) {
      this.view.emit('held');
      this.show();
    }
  }

  /** A frame tells which nodes are paused: what is held there must be asked for. */
  frame(frame) {
    this.pointed(frame.breakpoints);
    const before = this.standing();
    this.note(frame.nodes ?? {});
    if (before !== this.standing()) {
      this.show();
    }
    for (const [name, told] of Object.entries(frame.nodes ?? {})) {
      if ((told[0] === 'paused') !== (name in this.held)) {
        this.refresh();
        return;
      }
    }
  }

  /** Ask what is held, and go on asking while something is: a lease ends by itself. */
  async refresh() {
    if (this.asking) {
      return;
    }
    this.asking = true;
    clearTimeout(this.again);
    try {
      this.take(await this.view.ask('held', {}));
    } catch {
      this.held = {};  // who cannot be asked right now is asked again when a frame comes
    }
    this.asking = false;
    if (Object.keys(this.held).length && !this.over) {
      this.again = setTimeout(() => this.refresh(), HELD_AGAIN);
    }
  }

  take(told) {
    this.state = told.state ?? this.state;
    this.held = told.held ?? {};
    this.breakpoints = told.breakpoints ?? {};
    this.view.emit('held');
    this.show();
    if (Object.keys(this.held).length && !this.asking && !this.over) {
      clearTimeout(this.again);
      this.again = setTimeout(() => this.refresh(), HELD_AGAIN);
    }
  }

  /** The flow's state in words, and what is to be known of its nodes: what differs, what is blocked, what is paused. */
  standing() {
    const some = names => names.length && `${names.length === 1 ? names[0] : names.length}`;
    const stopped = this.state === 'stopped';
    const [blocked, paused] = [stopped ? 0 : some([...this.blocked]), some(Object.keys(this.held))];
    return [this.state, !stopped && this.stale.size && 'changed', blocked && `${blocked} blocked`, paused && `${paused} paused`]
      .filter(Boolean).join(', ');
  }

  /** Draw how it stands. */
  show() {
    const {start, pause, step, breakpoint, slow} = this.buttons;
    const stopped = this.state === 'stopped';
    const held = Object.keys(this.held);
    start.replaceChildren(icon(stopped ? 'start' : 'stop'));
    this.name(start, stopped ? 'Start the flow' : 'Stop the flow');
    const whom = this.node ?? 'the flow';
    pause.replaceChildren(icon(this.paused ? 'resume' : 'pause'));
    this.name(pause, this.paused ? `Let ${whom} go on` : `Pause ${whom}`);
    pause.setAttribute('aria-pressed', String(this.paused));
    this.name(step, this.node ? `Step ${this.node}: one message` : 'Step: one message at the chosen node');
    const there = this.port !== null && this.port in this.breakpoints;
    this.name(breakpoint, !this.port ? 'Breakpoint at the chosen port' : there ? `Take the breakpoint at ${this.port} away` : `Breakpoint at ${this.port}`);
    breakpoint.setAttribute('aria-pressed', String(there));
    slow.setAttribute('aria-pressed', String(this.slow));
    this.name(slow, this.slow ? 'Full speed' : 'Slow motion');
    pause.disabled = stopped;
    step.disabled = stopped || !held.length || (this.node !== null && !this.held[this.node]);
    breakpoint.disabled = stopped || !this.port;
    const stuck = this.state.startsWith('blocked') || (!stopped && this.blocked.size > 0);
    this.bar.dataset.state = held.length ? 'paused' : stuck ? 'blocked' : this.state;
    const changed = !stopped && this.stale.size > 0;
    const said = this.standing();
    if (this.said.textContent !== said) {
      this.said.textContent = said;
      this.said.title = changed ? 'The flow says something else than what runs: flow.start() applies it.' : '';
    }
    const rows = held.filter(name => this.held[name].port).map(name => this.holdRow(name, this.held[name]));
    this.list.replaceChildren(...rows.slice(0, 4));
    this.list.hidden = !rows.length;
    const focusable = Object.values(this.buttons).filter(button => !button.disabled);
    if (!focusable.some(button => button.tabIndex === 0)) {
      focusable.forEach((button, number) => button.setAttribute('tabindex', number ? '-1' : '0'));
    }
  }

  /** What is held at one breakpoint. */
  holdRow(name, held) {
    const left = held.lease === null || held.lease === undefined ? '' : `, goes on in ${Math.ceil(held.lease)} s`;
    return make('li', {},
      make('b', {dir: 'ltr'}, `${name}:${held.port}`),
      make('code', {dir: 'ltr', title: 'The message it is held at'}, heldText(held.message)),
      make('span', {class: 'tf-rest'}, `${held.queued} queued${left}`));
  }

  /** Arrows go from button to button, as in every toolbar. */
  rove(event) {
    const way = {ArrowRight: 1, ArrowLeft: -1}[event.key];
    if (!way || event.altKey) {
      return;
    }
    const buttons = Object.values(this.buttons).filter(button => !button.disabled);
    const next = buttons[(buttons.indexOf(event.target.closest('button')) + way + buttons.length) % buttons.length];
    Object.values(this.buttons).forEach(button => button.setAttribute('tabindex', button === next ? '0' : '-1'));
    next?.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  key(event) {
    const name = event.altKey && !event.ctrlKey && !event.metaKey && !event.shiftKey ? CONTROL_KEYS[event.code] : null;
    if (name) {
      event.preventDefault();
      event.stopPropagation();
      this.show();
      this.buttons[name].click();
    }
  }

  destroy() {
    this.over = true;
    clearTimeout(this.again);
    this.offs.forEach(off => off());
    this.view.el.removeEventListener('keydown', this.pressed);
    this.el.remove();
  }
}
