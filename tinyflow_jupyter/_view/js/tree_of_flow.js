/** The flow in words, as a tree for those who listen: nodes, and in them their ports with what they are connected to. */

const SPELT_OUT = 120;  // nodes up to which all ports are in the tree; beyond, those of the node with the focus
const CALM = 700;  // milliseconds between two looks at states: words that change faster cannot be heard

let trees = 0;

class TreeOfFlow {
  constructor(view) {
    this.view = view;
    this.id = `tf-tree-${++trees}`;
    this.items = new Map();
    this.el = make('div', {class: 'tf-unseen', role: 'tree', 'aria-label': `Nodes of ${view.picture.head.flow}`});
    view.el.append(this.el);
    view.el.setAttribute('role', 'application');
    view.el.setAttribute('aria-roledescription', 'flow canvas');
    const {picture, canvas} = view;
    this.offs = [
      canvas.on('structure', () => {
        this.edges = null;
        this.soon();
      }),
      picture.on('frame', frame => frame.nodes && this.soon()),
      view.on('focus', (node, port) => this.focus(node, port)),
      view.on('held', () => this.soon()),
    ];
    this.build();
  }

  soon() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.build();
    }, CALM);
  }

  /** Write what has changed; what has not stays, so that nobody hears it again. */
  build() {
    const {picture} = this.view;
    const edges = this.edges ??= this.edgeWords();
    const all = picture.nodes.size <= SPELT_OUT;
    let number = 0;
    for (const [id, item] of this.items) {
      if (!picture.nodes.has(id)) {
        item.remove();
        this.items.delete(id);
      }
    }
    for (const node of picture.nodes.values()) {
      number += 1;
      const words = this.words(node);
      const ports = all || node.id === this.node ? node.ports.map(port => [port.name, this.portWords(node, port, edges)]) : [];
      const key = `${words}|${ports.join('|')}`;
      let item = this.items.get(node.id);
      if (!item) {
        item = make('div', {role: 'treeitem', id: `${this.id}-${number}-${Date.now() % 1e6}`, 'aria-level': '1', tabindex: '-1'});
        this.items.set(node.id, item);
        this.el.append(item);
      }
      if (item.tfKey !== key) {
        item.tfKey = key;
        this.fill(item, words, ports);
      }
    }
  }

  /** What each port is connected to, in words. */
  edgeWords() {
    const edges = new Map();
    const told = (address, words) => {
      edges.set(address, edges.get(address) ?? []);
      edges.get(address).push(words);
    };
    for (const edge of this.view.picture.edges.values()) {
      const [from, to] = [`${edge.source}:${edge.sourcePort}`, `${edge.target}:${edge.targetPort}`];
      const how = `${edge.when ? `, when ${edge.when}` : ''}${edge.loop ? ', a loop' : ''}`;
      told(from, `goes to ${to}${how}`);
      told(to, `comes from ${from}${how}`);
    }
    return edges;
  }

  fill(item, words, ports) {
    item.setAttribute('aria-label', words);
    item.toggleAttribute('aria-expanded', false);
    if (ports.length) {
      item.setAttribute('aria-expanded', 'true');
    }
    item.replaceChildren(words, ports.length
      ? make('div', {role: 'group'}, ...ports.map(([name, text]) =>
        make('div', {role: 'treeitem', id: `${item.id}-${name}`, 'aria-level': '2', 'data-port': name, tabindex: '-1'}, text)))
      : '');
  }

  words(node) {
    const [state, , , dead, failed, queued] = this.view.picture.values.nodes[node.id] ?? [];
    return [
      `${node.id}, ${node.component}`,
      state,
      node.pending ? 'waits for the kernel' : null,
      dead ? `${dead} dead letters` : null,
      failed ? `${failed} failed` : null,
      queued ? 'messages wait' : null,
    ].filter(Boolean).join(', ');
  }

  portWords(node, port, edges) {
    const address = `${node.id}:${port.name}`;
    const kind = port.kind === 'data' ? '' : `${port.kind} `;
    const all = edges.get(address) ?? ['not connected'];
    const more = all.length > 8 ? [`and ${all.length - 8} more`] : [];
    return `${port.label}, ${kind}${port.dir === 'in' ? 'input' : 'output'} of ${this.view.picture.typeOf(port)}, `
      + [...all.slice(0, 8), ...more].join(', ') + (address in (this.view.controls?.breakpoints ?? {}) ? ', a breakpoint' : '');
  }

  /** Say what has the focus now. */
  focus(node, port) {
    this.node = node;
    if (this.view.picture.nodes.size > SPELT_OUT) {
      this.build();
    }
    const item = this.items.get(node);
    const target = port ? item?.querySelector(`[data-port="${CSS.escape(port)}"]`) : item;
    this.el.querySelector('[aria-selected]')?.removeAttribute('aria-selected');
    target?.setAttribute('aria-selected', 'true');
    if (target) {
      this.view.el.setAttribute('aria-activedescendant', target.id);
    } else {
      this.view.el.removeAttribute('aria-activedescendant');
    }
  }

  destroy() {
    clearTimeout(this.timer);
    this.offs.forEach(off => off());
    this.el.remove();
  }
}
