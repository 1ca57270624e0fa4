/** A payload as a tree that opens where one looks. Whatever is in it is set as text. */

const TREE_LINE = 160; // letters of a text on its line; all that is known of it stands below when it is opened
const ODD_MOST = 300; // odd characters of one text that are named
// Controls, what turns the direction of a text, what cannot be seen: named, so that nothing hides behind them.
const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff]/g;
const ROUND_OF = {list: '[]', tuple: '()', set: '{}', dict: '{}', record: '()', object: '()'};

/** A text as nodes of the page: odd characters stand there by their names. */
const visibleText = text => {
  const parts = [];
  let last = 0;
  let named = 0;
  for (const found of text.matchAll(ODD)) {
    if (named++ >= ODD_MOST) {
      break;
    }
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
    parts.push(text.slice(last, found.index), make('span', {class: 'tf-odd', title: `U+${code}`}, `U+${code}`));
    last = found.index + found[0].length;
  }
  parts.push(named > ODD_MOST ? text.slice(last).replace(ODD, '\ufffd') : text.slice(last));
  return parts.filter(part => part !== '');
};

/** A number of bytes for people. */
const bytesText = size => {
  if (size < 1000) {
    return `${size} B`;
  }
  return size < 1e6 ? `${(size / 1e3).toFixed(size < 1e4 ? 1 : 0)} kB` : `${(size / 1e6).toFixed(1)} MB`;
};

const keyText = key => (typeof key === 'object' ? key.t : String(key));

/** What is written of a value that has no parts. */
const leafText = node => {
  switch (node.k) {
    case 'str':
      return JSON.stringify(node.t ?? '');
    case 'bytes':
      return `${node.n.toLocaleString('en')} bytes  ${node.t ?? ''}${node.n > 64 ? ' …' : ''}`;
    case 'image':
      return `${node.t}${node.size ? ` ${node.size.join(' × ')}` : ''}${node.n ? `, ${bytesText(node.n)}` : ''}`;
    case 'table':
      return `${node.t} ${node.shape.map(one => one.toLocaleString('en')).join(' × ')}${node.dtype ? ` ${node.dtype}` : ''}`;
    case 'cycle':
      return `↺ ${node.t}`;
    default:
      return node.t ?? '';
  }
};

const hasParts = node => node.k in ROUND_OF && (node.n ?? 0) > 0;

/** A value on one line. */
const previewText = (node, room = 110) => {
  if (!(node.k in ROUND_OF)) {
    const text = leafText(node);
    return text.length > room ? `${text.slice(0, room)}…` : text;
  }
  const [open, close] = ROUND_OF[node.k];
  const name = node.k === 'record' || node.k === 'object' ? node.t : '';
  const told = [];
  let left = room - name.length - 4;
  for (const [key, child] of node.c ?? []) {
    if (left <= 0) {
      break;
    }
    const value = previewText(child, Math.min(left, 60));
    const part = typeof key === 'number' && node.k !== 'dict' ? value : `${keyText(key)}: ${value}`;
    told.push(part);
    left -= part.length + 2;
  }
  const rest = told.length < (node.n ?? 0) ? [`… ${(node.n - told.length).toLocaleString('en')} more`] : [];
  return `${name}${open}${[...told, ...rest].join(', ')}${close}`;
};

/** All texts of a tree, for a filter. */
const treeHolds = (node, word) =>
  (node.t ?? '').toLowerCase().includes(word) ||
  (node.c ?? []).some(([key, child]) => keyText(key).toLowerCase().includes(word) || treeHolds(child, word));

/** How an expression reaches a part: `msg.sizes[2]`. */
const partExpression = (parents, keys) =>
  keys.reduce((text, key, index) => {
    const name = keyText(key);
    if (typeof key === 'string' && /^[A-Za-z]\w*$/.test(name)) {
      return `${text}.${name}`;
    }
    return parents[index].k === 'record' ? `${text}.${name}` : `${text}[${typeof key === 'string' ? JSON.stringify(key) : name}]`;
  }, 'msg');

/** Put a text into the clipboard; a page that may not is told so by the rejection. */
const copyText = async text => {
  if (navigator.clipboard?.writeText) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // an insecure page or one without focus: the old way below still works
    }
  }
  const area = make('textarea', {class: 'tf-offstage', 'aria-hidden': 'true'});
  area.value = text;
  const before = document.activeElement;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  before?.focus?.();
  if (!done) {
    throw new Error('The browser did not let the page copy.');
  }
};

class Tree {
  /**
   * @param node What Python made of a payload.
   * @param more `(path, start) => Promise<node>`: asks for parts that are not here.
   * @param copy `(path) => Promise<text>`: all of one part as text.
   * @param say `(text) => void`: tells a person what was done.
   */
  constructor(node, {label = 'Payload', more, copy, say = () => {}} = {}) {
    this.more = more;
    this.copy = copy;
    this.say = say;
    this.items = new Map();
    this.el = make('ul', {class: 'tf-tree', role: 'tree', 'aria-label': label});
    this.el.append(this.item(node, null, [], {}, 1, 1, 1));
    const first = this.el.firstElementChild;
    first.tabIndex = 0;
    this.open(first);
    this.el.addEventListener('keydown', event => this.key(event));
    this.el.addEventListener('click', event => this.click(event));
  }

  /** One part and what belongs to it. */
  item(node, key, path, chain, level, position, size) {
    const opens = this.opens(node);
    const name = key === null ? null : make('span', {class: `tf-key tf-key-${typeof key}`}, ...visibleText(keyText(key)));
    const value = make('span', {class: `tf-leaf tf-k-${node.k}`, dir: 'ltr'}, ...visibleText(previewText(node, TREE_LINE)));
    const line = make(
      'div',
      {class: 'tf-line'},
      make('span', {class: 'tf-twist', 'aria-hidden': 'true'}),
      name,
      name && make('span', {class: 'tf-colon'}, ': '),
      value,
      make(
        'span',
        {class: 'tf-copies'},
        make('button', {type: 'button', tabindex: '-1', 'data-do': 'path', title: 'Copy path (P)'}, 'path'),
        make('button', {type: 'button', tabindex: '-1', 'data-do': 'value', title: 'Copy value (C)'}, 'value'),
      ),
    );
    const item = make(
      'li',
      {
        role: 'treeitem',
        tabindex: '-1',
        'aria-level': level,
        'aria-posinset': position,
        'aria-setsize': size,
        'aria-expanded': opens ? 'false' : null,
        'aria-label': `${key === null ? '' : `${keyText(key)}: `}${previewText(node, 80)}`.replace(ODD, '\ufffd'),
      },
      line,
    );
    this.items.set(item, {node, key, path, chain, level});
    return item;
  }

  /** Whether there is more to see than its line. */
  opens(node) {
    const long = node.k === 'str' && ((node.t ?? '').length > TREE_LINE - 2 || /\n./.test(node.t ?? ''));
    return hasParts(node) || long || node.k === 'image' || node.k === 'table';
  }

  /** Open a part; what was never looked at is made now. */
  async open(item) {
    const known = this.items.get(item);
    if (!known || item.getAttribute('aria-expanded') !== 'false') {
      return;
    }
    item.setAttribute('aria-expanded', 'true');
    if (item.lastElementChild.classList.contains('tf-inside')) {
      return;
    }
    const {node} = known;
    if (!hasParts(node)) {
      item.append(make('div', {class: 'tf-inside'}, await this.block(known)));
      return;
    }
    const group = make('ul', {class: 'tf-inside', role: 'group'});
    item.append(group);
    this.grow(group, known);
    if (!node.c?.length) {
      await this.fetch(item, group, known);
    }
  }

  /** What stands below the line of a long text, a picture or a table. */
  async block({node, path}) {
    if (node.k === 'table') {
      return tableOf(node);
    }
    if (node.k === 'image') {
      const told = node.url || !this.more ? node : await this.more(path, 0);
      const safe = /^data:image\/(png|jpeg|gif);base64,[A-Za-z0-9+/=]*$/.test(told.url ?? '');
      return safe ? make('img', {class: 'tf-shot', src: told.url, alt: leafText(node)}) : 'This picture is too large to be shown.';
    }
    const rest = (node.n ?? 0) - (node.t ?? '').length;
    const note = rest > 0 ? make('div', {class: 'tf-soft'}, `${rest.toLocaleString('en')} letters more`) : null;
    return make('div', {}, make('pre', {class: 'tf-long', dir: 'ltr'}, ...visibleText(node.t ?? '')), note);
  }

  /** The parts that are known, and a line that asks for the others. */
  grow(group, {node, path, chain, key, level}) {
    const start = node.s ?? 0;
    const known = node.c ?? [];
    const keys = key === null ? [] : [...chain.keys, key];
    const inside = {parents: [...(chain.parents ?? []), node], keys};
    known.forEach(([name, child], index) => {
      group.append(this.item(child, name, [...path, start + index], inside, level + 1, start + index + 1, node.n));
    });
    this.rest(group, node, start + known.length, level);
  }

  /** The line that stands for what is not here. */
  rest(group, node, there, level) {
    const left = node.n - there;
    if (left <= 0) {
      return;
    }
    const line = make('div', {class: 'tf-line tf-more'}, `… ${left.toLocaleString('en')} more`);
    const more = make('li', {role: 'treeitem', tabindex: '-1', 'aria-level': level + 1, 'data-more': there}, line);
    group.append(more);
  }

  /** Ask for parts that are not here. */
  async fetch(item, group, known) {
    const line = group.lastElementChild;
    if (!this.more || line?.dataset.more === undefined || line.dataset.busy) {
      return;
    }
    line.dataset.busy = 'true';
    const start = Number(line.dataset.more);
    try {
      const told = await this.more(known.path, start);
      const focused = line === document.activeElement;
      const before = group.childElementCount;
      line.remove();
      if (told.c?.length) {
        this.grow(group, {...known, node: {...told, s: start, n: known.node.n}});
      }
      if (focused) {
        this.focus(group.children[before - 1] ?? item);
      }
    } catch (error) {
      delete line.dataset.busy;
      this.say(errorText(error), 'bad');
    }
  }

  close(item) {
    if (item.getAttribute('aria-expanded') === 'true') {
      item.setAttribute('aria-expanded', 'false');
    }
  }

  toggle(item) {
    if (item.dataset.more !== undefined) {
      const parent = item.parentElement.closest('[role=treeitem]');
      this.fetch(parent, item.parentElement, this.items.get(parent));
    } else if (item.getAttribute('aria-expanded') === 'true') {
      this.close(item);
    } else {
      this.open(item);
    }
  }

  focus(item) {
    this.el.querySelector('[tabindex="0"]')?.setAttribute('tabindex', '-1');
    item.tabIndex = 0;
    item.focus();
  }

  /** The lines that can be seen, from top to bottom. */
  visible() {
    return [...this.el.querySelectorAll('[role=treeitem]')].filter(item => !item.parentElement.closest('[aria-expanded=false]'));
  }

  click(event) {
    const item = event.target.closest('[role=treeitem]');
    if (!item) {
      return;
    }
    this.focus(item);
    const tool = event.target.closest('[data-do]');
    if (tool) {
      this.take(item, tool.dataset.do);
    } else if (event.target.closest('.tf-line') && !String(getSelection())) {
      this.toggle(item);
    }
  }

  key(event) {
    const item = event.target.closest('[role=treeitem]');
    if (!item || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const lines = this.visible();
    const at = lines.indexOf(item);
    const expanded = item.getAttribute('aria-expanded');
    const acts = {
      ArrowDown: () => lines[at + 1] && this.focus(lines[at + 1]),
      ArrowUp: () => lines[at - 1] && this.focus(lines[at - 1]),
      Home: () => this.focus(lines[0]),
      End: () => this.focus(lines.at(-1)),
      ArrowRight: () => (expanded === 'false' ? this.open(item) : expanded === 'true' && lines[at + 1] && this.focus(lines[at + 1])),
      ArrowLeft: () => {
        const parent = item.parentElement.closest('[role=treeitem]');
        return expanded === 'true' ? this.close(item) : parent && this.focus(parent);
      },
      Enter: () => this.toggle(item),
      ' ': () => this.toggle(item),
      c: () => this.take(item, 'value'),
      p: () => this.take(item, 'path'),
    };
    const act = acts[event.key];
    if (act) {
      event.preventDefault();
      event.stopPropagation();
      act();
    }
  }

  /** Copy the path or the value of a part. */
  async take(item, what) {
    const {key, path, chain} = this.items.get(item) ?? {};
    if (!path) {
      return;
    }
    try {
      const keys = key === null ? [] : [...chain.keys, key];
      await copyText(what === 'path' ? partExpression(chain.parents ?? [], keys) : await this.copy(path));
      this.say(what === 'path' ? 'Path copied.' : 'Value copied.');
    } catch (error) {
      this.say(errorText(error), 'bad');
    }
  }
}

/** The beginning of a data frame or an array. */
const tableOf = ({columns, rows, shape}) => {
  const head = make('tr', {}, make('td'), ...columns.map(name => make('th', {scope: 'col'}, ...visibleText(name))));
  const lines = rows.map(([name, ...cells]) =>
    make('tr', {}, make('th', {scope: 'row'}, ...visibleText(name)), ...cells.map(cell => make('td', {}, ...visibleText(cell)))),
  );
  const rest = (shape[0] ?? 0) - rows.length;
  return make(
    'div',
    {class: 'tf-scroll', tabindex: '0', role: 'region', 'aria-label': 'Table'},
    make('table', {class: 'tf-table'}, make('thead', {}, head), make('tbody', {}, ...lines)),
    rest > 0 ? make('div', {class: 'tf-soft'}, `… ${rest.toLocaleString('en')} rows more`) : null,
  );
};
