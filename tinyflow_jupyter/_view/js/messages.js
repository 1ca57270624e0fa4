/** The messages of one port or edge, newest first: live, filtered, pinned, paused without losing count. */

const ROWS_MOST = 200; // rows in the page; older ones are asked for again
const HELD_MOST = 200; // rows that are kept while somebody has paused
const EARLY_MOST = 20; // frames that are kept until the first answer: it has the newest messages itself
const FIRST_PAGE = 20;

/** The time of day of a moment, to the millisecond. */
const clockText = seconds => {
  const moment = new Date(seconds * 1000);
  return `${moment.toLocaleTimeString('en-GB')}.${String(moment.getMilliseconds()).padStart(3, '0')}`;
};

/** A button of ours; its words are its name, and a sign is named by its title. */
const actButton = (text, title, act, attributes = {}) => {
  const sign = !/\w/.test(text);
  const button = make('button', {type: 'button', title, 'aria-label': sign ? title : null, ...attributes}, text);
  button.addEventListener('click', act);
  return button;
};

/** One message: a line that opens. */
class MessageRow {
  constructor(list, told) {
    this.list = list;
    this.told = told;
    this.pinned = false;
    const size = `${bytesText(told.size)}${told.whole ? '' : '+'}`;
    this.button = make(
      'button',
      {type: 'button', class: 'tf-head', 'aria-expanded': 'false', 'data-id': told.id},
      make('span', {class: 'tf-twist', 'aria-hidden': 'true'}),
      make('span', {class: 'tf-time'}, clockText(told.time)),
      make('span', {class: `tf-preview tf-k-${told.tree.k}`, dir: 'ltr'}, ...visibleText(previewText(told.tree))),
      make('span', {class: 'tf-size', title: 'Size as a message'}, size),
      told.reason && make('span', {class: 'tf-why', title: told.reason}, ...visibleText(told.reason.split('\n')[0])),
    );
    this.el = make('li', {class: 'tf-row'}, this.button);
    this.button.addEventListener('click', () => this.toggle());
  }

  toggle() {
    const open = this.button.getAttribute('aria-expanded') === 'false';
    this.button.setAttribute('aria-expanded', String(open));
    if (open && !this.inside) {
      this.inside = make('div', {class: 'tf-open'});
      this.el.append(this.inside);
      this.fill();
    }
  }

  /** What stands below the line once it is open. */
  async fill() {
    const {told, list} = this;
    const named = told.letter ? {letter: told.letter} : {address: told.at, id: told.id};
    const tree = new Tree(told.tree, {
      label: `Payload of ${told.id}`,
      more: (path, start) => list.ask('part', {...named, path, start}),
      copy: async path => (await list.ask('text', {...named, path})).text,
      say: (text, kind) => list.say(text, kind),
    });
    const facts = [['at', told.at], ['id', told.id], ['trace', told.trace], ['hops', told.hops]].map(([name, value]) =>
      make('span', {}, make('span', {class: 'tf-soft'}, `${name} `), make('span', {class: 'tf-fact'}, String(value))),
    );
    this.inside.append(this.reason(), tree.el, make('div', {class: 'tf-facts'}, ...facts), make('div', {class: 'tf-acts'}, ...list.acts(this)));
  }

  /** Why a dead letter is one. */
  reason() {
    const {reason, error} = this.told;
    return reason === undefined ? '' : make('div', {class: 'tf-reason'}, make('b', {}, error), make('pre', {}, ...visibleText(reason)));
  }

  matches(word) {
    const {told} = this;
    return !word || told.id.includes(word) || told.trace === word || treeHolds(told.tree, word) || (told.reason ?? '').toLowerCase().includes(word);
  }
}

/** A line between rows: so many went by that are not shown. */
const gapRow = missed => make('li', {class: 'tf-gap', 'data-missed': missed}, `${missed.toLocaleString('en')} not shown`);

class Messages {
  /** @param inspector Asks, tells, sends and follows. */
  constructor(inspector) {
    this.inspector = inspector;
    this.address = null;
    this.rows = [];
    this.paused = false;
    this.held = [];
    this.early = [];
    this.wentBy = 0;
    this.spare = 0; // pixels below the rows
    this.search = make('input', {type: 'search', class: 'tf-search', placeholder: 'Filter', 'aria-label': 'Filter messages', spellcheck: 'false'});
    this.search.addEventListener('input', () => this.filter());
    this.pause = actButton('Pause', 'Pause the list; nothing is lost (Space)', () => this.hold(!this.paused), {'aria-pressed': 'false'});
    this.count = make('span', {class: 'tf-count', role: 'status'});
    this.ports = make('select', {class: 'tf-ports', 'aria-label': 'Port'});
    this.ports.addEventListener('change', () => this.inspector.view.emit('select', this.ports.value));
    this.pins = make('ul', {class: 'tf-list tf-pins', 'aria-label': 'Pinned messages'});
    this.list = make('ul', {class: 'tf-list', 'aria-label': 'Messages, newest first'});
    this.older = actButton('Older messages', 'Older messages', () => this.page(), {class: 'tf-older'});
    this.empty = make('p', {class: 'tf-empty'});
    const bar = make('div', {class: 'tf-bar'}, this.ports, this.search, this.pause);
    this.el = make('div', {class: 'tf-messages'}, bar, this.count, this.pins, this.list, this.empty, this.older);
    this.el.addEventListener('keydown', event => this.key(event));
  }

  ask(word, fields) {
    return this.inspector.view.ask(word, fields);
  }

  say(text, kind) {
    this.inspector.say(text, kind);
  }

  /** Look at another port or edge. */
  async show(address) {
    const meant = this.meant = {};
    this.address = address;
    this.watched = address?.split('>').at(-1) ?? null;  // what passes on an edge passes at its target
    this.told = null;
    this.spare = 0;
    this.el.style.paddingBottom = '';
    this.hold(false);
    this.rows = this.rows.filter(row => row.pinned);
    this.list.replaceChildren();
    this.older.hidden = true;
    this.empty.textContent = '';
    this.count.textContent = '';
    this.early = [];
    try {
      // What passes once it is watched comes in frames; what has passed until later is in the answer: nothing lies between.
      await this.ask('watch', {addresses: address === null ? [] : [this.watched]});
      const told = address !== null && this.meant === meant && await this.ask('port', {address, count: FIRST_PAGE});
      if (told && this.meant === meant) {
        this.told = told;
        this.put(told.rows, 0);
        this.olderThan(told);
        this.early.forEach(one => this.pass(this.since(told, one)));
        this.counted(told);
      }
    } catch (error) {
      if (address !== null && this.meant === meant) {
        this.empty.textContent = errorText(error);
      }
    }
  }

  /** What has passed since the last frame. */
  frame(messages) {
    const told = messages?.[this.watched];
    if (told && this.told) {
      this.pass(told);
    } else if (told) {  // it may hold what passed after the first answer was made, which comes later
      this.early = [...this.early.slice(1 - EARLY_MOST), told];
    }
  }

  /** What a frame tells that an answer, which was asked for before it came, does not. */
  since({rows, count}, told) {
    const later = told.rows.filter(row => row.time >= (rows.at(-1)?.time ?? 0));
    return {...told, rows: later, missed: later.length < told.rows.length ? 0 : told.missed, count: Math.max(count, told.count)};
  }

  /** Put in what a frame tells of this port. */
  pass(told) {
    if (this.address.includes('>')) {
      this.again(); // an edge's messages are chosen among its target's
      return;
    }
    Object.assign(this.told, {count: told.count, rate: told.rate});
    const rows = this.fresh(told.rows);
    const missed = rows.length < told.rows.length ? 0 : told.missed;
    if (this.paused) {
      this.held.push({rows, missed});
      this.wentBy += rows.length + missed;
      this.drop();
    } else {
      this.put(rows, missed);
    }
    this.counted(this.told);
  }

  /** Those that are not here yet: an answer and a frame, or two answers, may tell of the same. */
  fresh(rows) {
    const known = new Set(this.rows.filter(row => row.told.at === this.watched).map(row => row.told.id));
    return rows.filter(row => !known.has(row.id));
  }

  /** Of what is held, the newest: the others are counted. */
  drop() {
    let there = this.held.reduce((sum, {rows}) => sum + rows.length, 0);
    while (there > HELD_MOST) {
      const [first] = this.held;
      there -= first.rows.length;
      this.held.shift();
      if (this.held[0]) {
        this.held[0].missed += first.rows.length + first.missed;
      }
    }
  }

  /** The list of an edge anew, now and then. */
  again() {
    if (this.waiting) {
      return;
    }
    this.waiting = setTimeout(async () => {
      this.waiting = null;
      const {address, meant} = this;
      const told = await this.ask('port', {address, count: FIRST_PAGE}).catch(() => null);
      if (!told || this.meant !== meant) {
        return;
      }
      const rows = this.fresh(told.rows);
      this.told = told;
      if (this.paused) {
        this.wentBy += rows.length;
        this.held.push({rows, missed: 0});
      } else {
        this.put(rows, 0);
      }
      this.counted(told);
    }, 500);
  }

  /** Put rows above the others; older ones go. What somebody reads stays where it is. */
  put(told, missed) {
    const panel = this.el.closest('.tf-panel');
    const reading = panel && (panel.scrollTop > 0 || this.list.querySelector('.tf-head[aria-expanded=true]'));
    const height = reading ? this.list.offsetHeight : 0;
    const word = this.search.value.trim().toLowerCase();
    if (missed) {
      this.list.prepend(gapRow(missed));
    }
    for (const one of told) {
      const row = new MessageRow(this, one);
      row.el.hidden = !row.matches(word);
      this.rows.unshift(row);
      this.list.prepend(row.el);
    }
    if (reading) {
      const top = panel.scrollTop + this.list.offsetHeight - height;
      this.spare = Math.max(0, top + panel.clientHeight - (this.el.offsetHeight - this.spare));
      this.el.style.paddingBottom = `${this.spare}px`; // a short list has to be able to move, too
      panel.scrollTop = top;
    }
    while (this.list.childElementCount > ROWS_MOST) {
      const last = this.list.lastElementChild;
      this.rows = this.rows.filter(row => row.el !== last || row.pinned);
      last.remove();
      this.older.hidden = false;
    }
    this.emptyText();
  }

  /** Messages before the oldest one here. */
  async page() {
    const oldest = this.rows.filter(row => !row.pinned).at(-1);
    const {meant} = this;
    try {
      const told = await this.ask('port', {address: this.address, count: FIRST_PAGE, before: oldest?.told.id});
      if (this.meant !== meant) {
        return;
      }
      const word = this.search.value.trim().toLowerCase();
      for (const one of told.rows.reverse()) {
        const row = new MessageRow(this, one);
        row.el.hidden = !row.matches(word);
        this.rows.push(row);
        this.list.append(row.el);
      }
      this.olderThan(told);
    } catch (error) {
      this.say(errorText(error), 'bad');
    }
  }

  olderThan({older}) {
    this.older.hidden = !older;
    this.older.textContent = `${older} older`;
  }

  /** How many there are, how fast they come, and how many went by. */
  counted({count, rate, type}) {
    const words = [
      `${count.toLocaleString('en')} message${count === 1 ? '' : 's'}`,
      rate >= 0.05 ? `${short(rate)}/s` : '',
      type,
      this.paused ? `paused, ${this.wentBy.toLocaleString('en')} went by` : '',
    ];
    this.count.textContent = words.filter(Boolean).join(' · ');
    this.count.classList.toggle('tf-paused', this.paused);
  }

  emptyText() {
    const shown = this.rows.some(row => !row.el.hidden);
    this.empty.textContent = shown ? '' : this.rows.length ? 'No message matches the filter.' : 'No message has passed here yet.';
  }

  /** Pause or go on; what went by meanwhile is put in. */
  hold(paused) {
    if (paused === this.paused) {
      return;
    }
    this.paused = paused;
    this.pause.setAttribute('aria-pressed', String(paused));
    this.pause.textContent = paused ? 'Go on' : 'Pause';
    if (!paused) {
      const held = this.held;
      this.held = [];
      this.wentBy = 0;
      held.forEach(({rows, missed}) => this.put(rows, missed));
    }
    if (this.told) {
      this.counted(this.told);
    }
  }

  filter() {
    const word = this.search.value.trim().toLowerCase();
    this.rows.forEach(row => {
      row.el.hidden = !row.matches(word);
    });
    this.list.classList.toggle('tf-filtered', Boolean(word));
    this.emptyText();
  }

  /** A pinned message stays on top, whatever passes. */
  pin(row) {
    row.pinned = !row.pinned;
    row.el.classList.toggle('tf-pinned', row.pinned);
    (row.pinned ? this.pins : this.list)[row.pinned ? 'append' : 'prepend'](row.el);
    if (!row.pinned && row.told.at !== this.watched) {
      row.el.remove();
    }
  }

  /** What can be done with one message. */
  acts(row) {
    const {told} = row;
    const pin = actButton('Pin', 'Keep this message on top', () => {
      this.pin(row);
      pin.textContent = row.pinned ? 'Unpin' : 'Pin';
      pin.setAttribute('aria-pressed', String(row.pinned));
    });
    return [
      pin,
      actButton('Follow', 'Show where this message went', () => this.inspector.follow(told)),
      actButton('Send again', 'Send this message again, as it is', () => this.inspector.sendAgain(told)),
      actButton('Edit and send', 'Edit this message and send it', () => this.inspector.edit(told)),
    ];
  }

  /** Arrows go from row to row, Space pauses. */
  key(event) {
    const head = event.target.closest('.tf-head');
    if (event.key === ' ' && !head && !event.target.closest('button, input, select, [role=tree], textarea')) {
      event.preventDefault();
      this.hold(!this.paused);
    }
    const by = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (!head || !by) {
      return;
    }
    event.preventDefault();
    const heads = [...this.el.querySelectorAll('.tf-row:not([hidden]) > .tf-head')];
    heads[heads.indexOf(head) + by]?.focus();
  }

  destroy() {
    clearTimeout(this.waiting);
  }
}

/** The dead letters of a node, or of the whole flow. */
class Letters {
  constructor(inspector) {
    this.inspector = inspector;
    this.node = null;
    this.head = make('div', {class: 'tf-bar'});
    this.list = make('ul', {class: 'tf-list', 'aria-label': 'Dead letters, newest first'});
    this.empty = make('p', {class: 'tf-empty'});
    this.el = make('div', {class: 'tf-messages'}, this.head, this.empty, this.list);
  }

  ask(word, fields) {
    return this.inspector.view.ask(word, fields);
  }

  say(text, kind) {
    this.inspector.say(text, kind);
  }

  /** Read them anew; `node` null means all. */
  async show(node = this.node) {
    this.node = node;
    try {
      const told = await this.ask('letters', node ? {node} : {});
      if (this.node === node) {
        this.draw(told);
      }
    } catch (error) {
      if (this.node === node) {
        this.empty.textContent = errorText(error);
      }
    }
  }

  draw(told) {
    const open = new Set([...this.list.querySelectorAll('.tf-head[aria-expanded=true]')].map(head => head.dataset.id));
    const rows = told.rows.map(one => new MessageRow(this, one));
    this.list.replaceChildren(...rows.map(row => row.el));
    rows.filter(row => open.has(row.told.id)).forEach(row => row.toggle());
    rows.forEach(row => row.el.classList.add('tf-letter'));
    const more = told.count > rows.length ? `, the newest ${rows.length} here` : '';
    const lost = told.lost ? `, ${told.lost.toLocaleString('en')} were too many to keep` : '';
    const where = this.node ? ` of ${this.node}` : '';
    this.head.replaceChildren(
      make('span', {class: 'tf-count', role: 'status'}, `${told.count.toLocaleString('en')} dead letter${told.count === 1 ? '' : 's'}${where}${more}${lost}`),
      make('span', {class: 'tf-space'}),
      ...(told.count
        ? [
            actButton('Replay all', 'Send all of them again', () => this.act('replay', this.node ? {node: this.node} : {all: true})),
            actButton('Discard all', 'Forget all of them', () => this.act('discard', this.node ? {node: this.node} : {all: true}), {class: 'tf-danger'}),
          ]
        : []),
    );
    this.empty.textContent = told.count ? '' : 'No dead letters: every message was handled.';
    this.inspector.badge(told.count);
  }

  /** Replay or discard. */
  async act(word, fields) {
    try {
      const {count} = await this.ask(word, fields);
      this.say(`${count} ${word === 'replay' ? 'sent again' : 'discarded'}.`);
    } catch (error) {
      this.say(errorText(error), 'bad');
    }
    await this.show();
  }

  /** What can be done with one letter. */
  acts({told}) {
    return [
      actButton('Replay', 'Send it again', () => this.act('replay', {id: told.letter})),
      actButton('Edit and send', 'Edit it, send it, and drop the letter', () => this.inspector.edit(told)),
      actButton('Follow', 'Show where this message came from', () => this.inspector.follow(told)),
      actButton('Discard', 'Forget it', () => this.act('discard', {id: told.letter}), {class: 'tf-danger'}),
    ];
  }
}
