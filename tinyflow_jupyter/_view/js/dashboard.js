/** The dashboard of a flow: a tile for each node, with what it tells and what can be set. */

const LINE = 120; // numbers of a line
const LEAST = 40; // numbers that fill the paper; fewer take their share of it
const ROW = 4; // pixels of a row of the grid: a tile takes as many as it needs
const GAP = 12; // pixels between two tiles
const OPEN_MOST = 12; // forms that are open from the beginning

/** One status port in a tile. */
class Gauge {
  constructor(node, port, numbers) {
    this.numbers = [...(numbers ?? [])];
    this.value = new Value();
    this.line = new Sparkline();
    const name = make('div', {class: 'tf-gauge-name', title: port.type}, ...visibleText(port.label));
    this.el = make('div', {class: 'tf-gauge', 'data-port': `${node}:${port.name}`}, name, this.value.el, this.line.el);
    this.el.style.setProperty('--tf-mine', `var(--tf-${port.family})`);
    this.count = null;
  }

  draw([tree, count, rate, number]) {
    this.value.draw(tree);
    this.el.title = `${count.toLocaleString('en')} messages, ${short(rate)}/s`;
    if (this.count !== null && count < this.count) {
      this.numbers = [];
    }
    if (this.count !== null && count !== this.count && number !== null) {
      this.numbers.push(number);
      this.numbers.splice(0, this.numbers.length - LINE);
    }
    this.count = count;
    this.line.draw(number === null ? [] : this.numbers, LEAST);
  }
}

/** The settings of one node as a form, fetched when somebody wants to see them. */
class Settings {
  constructor(feed, node, open) {
    this.feed = feed;
    this.node = node;
    this.place = make('div', {class: 'tf-settings-place'});
    this.el = make('details', {class: 'tf-settings'}, make('summary', {}, 'Settings'), this.place);
    this.el.addEventListener('toggle', () => this.fill());
    this.el.open = open;
  }

  /** What they are now; what somebody is writing stays. */
  async fill() {
    const {node, feed} = this;
    if (!this.el.open || this.filling || this.form?.dirty || this.form?.busy) {
      return;
    }
    this.filling = true;
    try {
      const told = await feed.ask('form', {node});
      if (this.form?.dirty || this.form?.busy || (this.form && sameJson(this.form.value0, told.value) && sameJson(this.form.schema, told.schema))) {
        return;
      }
      this.form = new Form({
        schema: told.schema,
        value: told.value ?? undefined,
        label: `Settings of ${node}`,
        submit: settings => feed.ask('apply', {node, settings}),
      });
      this.place.replaceChildren(this.form.el);
    } catch (error) {
      this.place.replaceChildren(make('p', {class: 'tf-soft'}, errorText(error)));
    } finally {
      this.filling = false;
    }
  }
}

class Tile {
  constructor(feed, said, open) {
    this.feed = feed;
    this.said = said;
    const {id, component, description, ports} = said;
    this.light = make('span', {class: 'tf-state-light', role: 'img', 'aria-label': 'idle'});
    this.counted = make('span', {class: 'tf-tile-counted'});
    this.lost = make('span', {class: 'tf-tile-lost', hidden: true});
    const names = make('div', {class: 'tf-tile-names'}, make('h4', {}, ...visibleText(id)), make('span', {class: 'tf-soft'}, ...visibleText(component)));
    const head = make('header', {title: description}, this.light, names, this.lost, this.counted);
    this.gauges = new Map(ports.map(port => [`${id}:${port.name}`, new Gauge(id, port, feed.state[`line ${id}:${port.name}`])]));
    this.settings = said.settings ? new Settings(feed, id, open) : null;
    const values = ports.length ? make('div', {class: 'tf-gauges'}, ...[...this.gauges.values()].map(gauge => gauge.el)) : null;
    this.el = make('section', {class: 'tf-tile', 'aria-label': `Node ${id}`, 'data-node': id}, head, values, this.settings?.el);
    this.place = make('div', {class: 'tf-tile-place'}, this.el);
    const told = feed.state[`node ${id}`];
    if (told) {
      this.node(told);
    }
    for (const [address, gauge] of this.gauges) {
      const value = feed.state[`port ${address}`];
      gauge.draw(value ?? [null, 0, 0, null]);
    }
  }

  node([state, handled, rate, dead, failed]) {
    this.light.dataset.state = state;
    this.light.title = state;
    this.light.setAttribute('aria-label', state);
    this.counted.textContent = handled ? `${short(handled)}${rate ? ` · ${short(rate)}/s` : ''}` : '';
    this.counted.title = `${handled.toLocaleString('en')} handled`;
    this.lost.hidden = !(dead + failed);
    this.lost.textContent = dead ? `${short(dead)} dead` : `${short(failed)} failed`;
  }
}

class Board {
  constructor(feed) {
    this.feed = feed;
    this.tiles = new Map();
    this.title = make('h3', {});
    this.state = make('span', {class: 'tf-board-state'});
    this.grid = make('div', {class: 'tf-grid'});
    this.sizes = new ResizeObserver(entries => {
      for (const {target} of entries) {
        target.parentElement.style.gridRowEnd = `span ${Math.ceil((target.offsetHeight + GAP) / ROW)}`;
      }
    });
    this.note = make('p', {class: 'tf-soft tf-board-note', hidden: true});
    this.trouble = make('p', {class: 'tf-trouble', role: 'status', hidden: true});
    this.el = make('article', {class: 'tf-flow tf-live tf-board'}, make('header', {class: 'tf-board-head'}, this.title, this.state), this.trouble, this.grid, this.note);
  }

  draw(changed) {
    const {state} = this.feed;
    if ('flow' in changed) {
      this.title.textContent = state.flow ?? '';
      this.el.setAttribute('aria-label', `Dashboard of ${state.flow}`);
    }
    if ('state' in changed) {
      this.state.textContent = state.state ?? '';
      this.state.dataset.state = state.state;
    }
    this.trouble.textContent = state.trouble;
    this.trouble.hidden = !state.trouble;
    this.el.dataset.stale = Boolean(state.trouble);
    if ('tiles' in changed) {
      this.arrange(state.tiles ?? []);
    }
    for (const [key, value] of Object.entries(changed)) {
      const [kind, name] = key.split(' ');
      const tile = name && this.tiles.get(name.split(':')[0]);
      if (!tile) {
        continue;
      }
      if (kind === 'port') {
        tile.gauges.get(name)?.draw(value);
      } else if (kind === 'node') {
        tile.node(value);
      } else if (kind === 'settings') {
        tile.settings?.fill();
      }
    }
  }

  /** One tile for each node; what is there already stays, with what somebody writes in it. */
  arrange(tiles) {
    const open = tiles.filter(tile => tile.settings).length <= OPEN_MOST;
    const known = this.tiles;
    this.tiles = new Map(
      tiles.map(said => {
        const old = known.get(said.id);
        return [said.id, old && sameJson(old.said, said) ? old : new Tile(this.feed, said, open)];
      }),
    );
    const wanted = [...this.tiles.values()].map(tile => tile.place);
    this.sizes.disconnect();
    for (const {el} of this.tiles.values()) {
      this.sizes.observe(el);
    }
    if (wanted.length !== this.grid.children.length || wanted.some((one, index) => one !== this.grid.children[index])) {
      this.grid.replaceChildren(...wanted);
    }
    const {more} = this.feed.state;
    this.note.hidden = tiles.length > 0 && !more;
    this.note.textContent = tiles.length
      ? `${more} nodes more have no tile here.`
      : 'No node of this flow has a status port or settings. Port(…, status=True) makes a port one.';
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
      const board = new Board(feed);
      el.append(board.el);
      const drawing = new Drawing(feed, board.el, changed => board.draw(changed));
      board.el.tfBoard = {feed, drawing, board};
      board.el.dataset.ready = 'true';
      return () => {
        drawing.destroy();
        board.sizes.disconnect();
        board.el.remove();
      };
    },
  };
};
