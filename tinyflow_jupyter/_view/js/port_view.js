/** The view of one port: what a cell shows that ends with a port. */

const LEAST = 40; // numbers that fill the line's paper; fewer take their share of it

/** The time of day of a message, to the millisecond. */
const momentText = seconds => {
  const moment = new Date(seconds * 1000);
  return `${moment.toLocaleTimeString('en-GB')}.${String(moment.getMilliseconds()).padStart(3, '0')}`;
};

/** One message, opened: it stays while others pass. */
class Opened {
  constructor(feed, close) {
    this.feed = feed;
    this.title = make('span', {class: 'tf-soft'});
    this.place = make('div', {class: 'tf-opened-tree'});
    const shut = make('button', {type: 'button', class: 'tf-small-button', 'aria-label': 'Close this message', onclick: close}, '×');
    this.el = make('section', {class: 'tf-opened', hidden: true}, make('div', {class: 'tf-opened-head'}, this.title, shut), this.place);
  }

  /** Show all of a message; what the row has is there at once, the rest when Python has answered. */
  async show({id, time, tree, whole}) {
    this.id = id;
    this.el.hidden = false;
    this.title.textContent = momentText(time);
    this.fill(id, tree);
    if (!whole) {
      try {
        const told = await this.feed.ask('part', {address: this.feed.state.address, id, path: [], start: 0});
        if (this.id === id) {
          this.fill(id, told);
        }
      } catch (error) {
        this.title.textContent = `${momentText(time)} · ${errorText(error)}`;
      }
    }
  }

  fill(id, tree) {
    const address = this.feed.state.address;
    const made = new Tree(tree, {
      label: `Message at ${address}`,
      more: (path, start) => this.feed.ask('part', {address, id, path, start}),
      copy: async path => (await this.feed.ask('text', {address, id, path})).text,
      say: text => {
        this.title.textContent = text;
      },
    });
    this.place.replaceChildren(made.el);
  }

  hide() {
    this.id = null;
    this.el.hidden = true;
    this.place.replaceChildren();
  }
}

class PortCard {
  constructor(feed) {
    this.feed = feed;
    this.value = new Value();
    this.line = new Sparkline();
    this.opened = new Opened(feed, () => this.opened.hide());
    this.head = make('header', {class: 'tf-port-head'});
    this.counted = make('div', {class: 'tf-port-counted'});
    this.more = make('button', {type: 'button', class: 'tf-small-button', hidden: true, onclick: () => this.openNewest()}, 'Open');
    this.caption = make('caption', {}, 'Last messages');
    this.rows = make('tbody');
    this.table = make(
      'table',
      {class: 'tf-port-rows', onclick: event => this.open(event), onpointerleave: () => this.list()},
      this.caption,
      this.rows,
    );
    this.trouble = make('p', {class: 'tf-trouble', role: 'status'});
    const now = make('div', {class: 'tf-port-now'}, make('div', {class: 'tf-port-value'}, this.value.el, this.more), this.line.el);
    this.el = make('article', {class: 'tf-flow tf-live tf-port'}, this.head, now, this.table, this.opened.el, this.trouble);
  }

  draw(changed) {
    const {state} = this.feed;
    if ('address' in changed || 'type' in changed) {
      this.name(state);
    }
    this.count(state);
    const [newest] = state.rows ?? [];
    this.value.draw(newest?.tree);
    this.more.hidden = !newest || !(hasMore(newest.tree) || !newest.whole);
    this.line.draw(state.numbers ?? [], LEAST);
    // What somebody points at stays where it is, and says so.
    const held = this.table.matches(':hover, :focus-within');
    this.caption.textContent = held ? 'Last messages · they stay while you are here' : 'Last messages';
    if ('rows' in changed && !held) {
      this.list();
    }
    this.trouble.textContent = state.trouble;
    this.trouble.hidden = !state.trouble;
    this.el.dataset.stale = Boolean(state.trouble);
  }

  name({address, type, direction, family}) {
    this.el.setAttribute('aria-label', `Port ${address}`);
    this.el.style.setProperty('--tf-mine', `var(--tf-${family})`);
    this.head.replaceChildren(
      make('span', {class: 'tf-dot', 'aria-hidden': 'true'}),
      make('b', {}, address ?? ''),
      make('span', {class: 'tf-soft'}, `${type ?? ''} ${direction === 'in' ? 'input' : 'output'}`),
      this.counted,
    );
  }

  count({count = 0, rate = 0, skipped = 0}) {
    const parts = [`${count.toLocaleString('en')} message${count === 1 ? '' : 's'}`, `${short(rate)}/s`];
    if (skipped) {
      parts.push(`${skipped.toLocaleString('en')} not kept`);
    }
    this.counted.textContent = parts.join(' · ');
  }

  /** The last messages, newest first. */
  list() {
    const rows = this.feed.state.rows ?? [];
    this.listed = new Map(rows.map(row => [row.id, row]));
    this.table.hidden = !rows.length;
    this.rows.replaceChildren(
      ...rows.map(row =>
        make(
          'tr',
          {'data-id': row.id},
          make('td', {class: 'tf-soft'}, momentText(row.time)),
          make(
            'td',
            {class: 'tf-row-value', dir: 'ltr'},
            make('button', {type: 'button', class: 'tf-row', title: 'Open this message'}, ...visibleText(previewText(row.tree, 200))),
          ),
        ),
      ),
    );
  }

  open(event) {
    const row = this.listed?.get(event.target.closest('tr')?.dataset.id);
    if (row) {
      this.opened.show(row);
    }
  }

  openNewest() {
    const [newest] = this.feed.state.rows ?? [];
    if (newest) {
      this.opened.show(newest);
    }
  }
}

export default () => {
  let feed;
  return {
    initialize({model}) {
      feed = new Feed(model);
      return () => feed.forget();
    },

    render({el}) {
      const card = new PortCard(feed);
      el.append(card.el);
      const drawing = new Drawing(feed, card.el, changed => card.draw(changed));
      card.list();
      card.el.tfPort = {feed, drawing};
      card.el.dataset.ready = 'true';
      return () => {
        drawing.destroy();
        card.el.remove();
      };
    },
  };
};
