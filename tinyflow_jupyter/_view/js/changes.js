/** Changes are what a person does to the flow: shown at once as pending, and taken back when the kernel refuses. */

const PORT_ROW = 22;  // how far apart ports stand on a card that the kernel has not measured yet

/** A name that no node has yet: the component's, or with a number. */
const freeName = (taken, wanted) => {
  const [, stem] = /^(.*?)(?:-\d+)?$/.exec(wanted);
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) {
    name = `${stem}-${number}`;
  }
  return name;
};

/** The card of a component that is not on the flow yet, about as the kernel will draw it. */
const ghostNode = (name, entry, {x, y}) => {
  const sides = {in: [], out: []};
  entry.ports.forEach(port => sides[port.dir].push(port));
  const rows = Math.max(sides.in.length, sides.out.length, 1);
  const [w, head] = [Math.max(130, name.length * 8 + 40), 42];
  const h = head + rows * PORT_ROW + 8;
  const ports = entry.ports.map(port => {
    const row = sides[port.dir].indexOf(port);
    return {
      kind: 'data', label: port.name, ...port, side: port.dir === 'in' ? 'left' : 'right',
      dx: port.dir === 'in' ? -w / 2 : w / 2, dy: head - h / 2 + 14 + row * PORT_ROW,
    };
  });
  const [module, component] = entry.component;
  return {id: name, component, module, description: entry.description ?? '', note: '', x, y, w, h, top: 0, head, ports, pending: true};
};

class Changes {
  constructor(view) {
    this.view = view;
    this.picture = view.picture;
    this.canvas = view.canvas;
    this.age = 0;  // of what is shown: a snapshot from the kernel ends whatever was only hoped for
    this.waiting = 0;
    this.offs = [
      this.picture.on('loaded', () => {
        this.age += 1;
      }),
      this.picture.on('changed', change => this.mark(change)),
    ];
  }

  get editable() {
    return this.picture.head.editable !== false;
  }

  /** Let what nobody has confirmed yet look so. */
  mark({put}) {
    const {cy} = this.canvas;
    for (const one of [...put.nodes, ...put.edges]) {
      cy.getElementById(one.id).toggleClass('pending', Boolean(one.pending));
    }
    this.canvas.layers.stale();
  }

  /** Change what is shown, here and in the other views of this model; returns what shows it as it was. */
  show({nodes = [], edges = [], drop = []}) {
    const {picture, age} = this;
    const old = {nodes: [], edges: []};
    const gone = {nodes: [], edges: []};
    const dropped = new Set(drop);
    for (const id of drop) {
      for (const edge of picture.edges.values()) {
        if (edge.source === id || edge.target === id) {
          dropped.add(edge.id);
        }
      }
    }
    for (const kind of ['nodes', 'edges']) {
      for (const id of dropped) {
        if (picture[kind].has(id)) {
          old[kind].push(picture[kind].get(id));
          gone[kind].push(id);
          picture[kind].delete(id);
        }
      }
      for (const one of kind === 'nodes' ? nodes : edges) {
        if (picture[kind].has(one.id)) {
          old[kind].push(picture[kind].get(one.id));
        }
        picture[kind].set(one.id, one);
      }
    }
    picture.emit('changed', {put: {nodes, edges}, drop: gone, head: {}});
    return () => age === this.age && this.restore({nodes, edges}, old);
  }

  /** As it was before, where nothing else has come from the kernel meanwhile. */
  restore(shown, old) {
    const {picture} = this;
    const drop = {nodes: [], edges: []};
    const put = {nodes: [], edges: []};
    for (const kind of ['nodes', 'edges']) {
      for (const one of shown[kind]) {
        if (picture[kind].get(one.id) === one) {
          picture[kind].delete(one.id);
          drop[kind].push(one.id);
        }
      }
      for (const one of old[kind]) {
        if (!picture[kind].has(one.id)) {
          picture[kind].set(one.id, one);
          put[kind].push(one);
          drop[kind] = drop[kind].filter(id => id !== one.id);
        }
      }
    }
    picture.emit('changed', {put, drop, head: {}});
  }

  /**
   * Do something to the flow, as one step that can be undone.
   *
   * @param ops As the kernel takes them.
   * @param shown What is shown meanwhile: nodes, edges and what to drop.
   * @param words What is said when it is done.
   * @param refused Told why when it is not.
   */
  async edit(ops, shown = {}, words = '', refused) {
    if (!this.editable) {
      this.view.say('A flow on a cluster is changed in the notebook, and pushed again.', 'bad');
      return null;
    }
    const back = this.show(shown);
    const answer = await this.asked('edit', {ops}, back, refused);
    if (answer && words) {
      this.view.say(words);
    }
    return answer;
  }

  /** Ask, and say that the kernel is busy when it takes a while; null when it refused. */
  async asked(word, fields = {}, back = () => {}, refused = error => this.view.complain(error)) {
    this.waiting += 1;
    const late = setTimeout(() => this.view.say('The kernel is busy: what you did is shown, and waits for it.'), 1500);
    this.timers = (this.timers ?? new Set()).add(late);
    try {
      return await this.view.ask(word, fields);
    } catch (error) {
      back();
      refused(error);
      return null;
    } finally {
      this.waiting -= 1;
      clearTimeout(late);
      this.timers.delete(late);
    }
  }

  /** Put a component on the flow; `edge` is one that it is put on. Returns the new node's name at once. */
  add(entry, at, {edge = null, connect = null} = {}) {
    const name = freeName(this.picture.nodes, entry.component[1]);
    const node = ghostNode(name, entry, at);
    const ops = [{op: 'node', name, component: entry.component, position: [at.x, at.y]}];
    if (edge) {
      ops[0] = {...ops[0], op: 'insert', edge: [`${edge.source}:${edge.sourcePort}`, `${edge.target}:${edge.targetPort}`]};
    }
    const shown = {nodes: [node], edges: [], drop: edge ? [edge.id] : []};
    if (connect) {
      const port = node.ports.find(one => one.dir !== connect.port.dir && one.kind !== 'settings' && this.match(connect.port, one));
      if (port) {
        const wire = this.wire(connect, {node, port});
        ops.push(wire.op);
        shown.edges.push(wire.edge);
      }
    }
    this.edit(ops, shown, `${name} is on the flow.`);
    this.canvas.cy.elements().unselect();
    this.canvas.cy.getElementById(name).select();
    return name;
  }

  /** Whether two ports fit, whichever of them is the output. */
  match(one, other) {
    return one.dir === 'out' ? this.picture.fits(one, other) : this.picture.fits(other, one);
  }

  /** The operation and the picture of an edge between two ends; one that closes a cycle is a loop. */
  wire(one, other) {
    const [from, to] = one.port.dir === 'out' ? [one, other] : [other, one];
    const source = `${from.node.id}:${from.port.name}`;
    const target = `${to.node.id}:${to.port.name}`;
    const loop = this.reaches(to.node.id, from.node.id);
    return {
      op: {op: 'edge', source, target, ...(loop ? {loop} : {})},
      edge: {
        id: `${source}>${target}`, source: from.node.id, sourcePort: from.port.name, target: to.node.id,
        targetPort: to.port.name, when: null, map: null, label: '', loop, capacity: 64, family: from.port.family, pending: true,
      },
    };
  }

  /** Whether messages can already come from one node to another, without a loop edge. */
  reaches(from, to) {
    const seen = new Set([from]);
    for (const name of seen) {
      if (name === to) {
        return true;
      }
      for (const edge of this.picture.edges.values()) {
        if (edge.source === name && !edge.loop) {
          seen.add(edge.target);
        }
      }
    }
    return false;
  }

  /** Connect two ends, or say why not. */
  connect(one, other) {
    const why = this.refusal(one, other);
    if (why) {
      this.view.say(why, 'bad');
      return false;
    }
    const {op, edge} = this.wire(one, other);
    if (this.picture.edges.has(edge.id)) {
      this.view.say(`${op.source} already goes to ${op.target}.`);
      return false;
    }
    const words = `${op.source} now goes to ${op.target}${op.loop ? ', as a loop: it closes a cycle' : ''}.`;
    this.edit([op], {edges: [edge]}, words);
    return true;
  }

  /** Why two ends cannot be connected; an empty text where they can. */
  refusal(one, other) {
    if (one.port.dir === other.port.dir) {
      const both = one.port.dir === 'out' ? 'outputs' : 'inputs';
      return `${one.address} and ${other.address} are both ${both}: an edge goes from an output to an input.`;
    }
    if (this.match(one.port, other.port)) {
      return '';
    }
    const [from, to] = one.port.dir === 'out' ? [one, other] : [other, one];
    return `${from.address} sends ${this.picture.typeOf(from.port)}, which ${to.address} does not take: `
      + `it takes ${this.picture.typeOf(to.port)}. Put a node between them that turns one into the other.`;
  }

  /** The names of what is selected. */
  chosen() {
    return this.canvas.cy.nodes(':selected').map(node => node.id());
  }

  /** Nodes stand elsewhere now. */
  move(positions, words = '') {
    const nodes = Object.entries(positions)
      .map(([id, [x, y]]) => this.picture.nodes.has(id) && {...this.picture.nodes.get(id), x, y})
      .filter(Boolean);
    return this.edit([{op: 'move', positions}], {nodes: nodes.map(node => ({...node, pending: node.pending ?? false, placed: true}))}, words);
  }

  /** Remove what is selected, edges too. */
  remove() {
    const {cy} = this.canvas;
    const names = this.chosen();
    const gone = new Set(names);
    const edges = cy.edges(':selected').map(edge => this.picture.edges.get(edge.id()))
      .filter(edge => edge && !gone.has(edge.source) && !gone.has(edge.target));
    const ends = edge => [`${edge.source}:${edge.sourcePort}`, `${edge.target}:${edge.targetPort}`];
    if (!names.length && !edges.length) {
      this.view.say('Select what you want to delete first.');
      return;
    }
    const ops = [...edges.map(edge => ({op: 'remove', ends: ends(edge)})), ...names.map(name => ({op: 'remove', ends: [name]}))];
    const what = [...names, ...edges.map(edge => edge.id.replace('>', ' → '))].join(', ');
    this.edit(ops, {drop: [...names, ...edges.map(edge => edge.id)]}, `Deleted ${what.slice(0, 120)}.`);
  }

  async rename(name, to, refused) {
    const answer = await this.edit([{op: 'rename', name, to}], {}, `${name} is called ${to} now.`, refused);
    if (answer) {
      this.canvas.cy.getElementById(to).select();
      this.view.keys.focus(to, null, false);
    }
    return Boolean(answer);
  }

  /** Undo or redo. */
  async again(word) {
    const answer = await this.asked(word);
    if (answer) {
      this.view.say(answer.left?.length ? `${word}: left alone: ${answer.left.join('; ')}` : word === 'undo' ? 'Undone.' : 'Done again.');
    }
  }

  async copy() {
    const names = this.chosen();
    if (!names.length) {
      this.view.say('Select the nodes that you want to copy first.');
      return false;
    }
    const answer = await this.asked('copy', {names});
    if (answer) {
      this.pasted = 0;
      this.view.say(`Copied ${names.length === 1 ? names[0] : `${names.length} nodes`}.`);
    }
    return Boolean(answer);
  }

  async cut() {
    const copying = this.copy();
    if (this.chosen().length) {
      this.remove();  // the kernel gets both in this order, however busy it is
    }
    await copying;
  }

  /** Paste what was copied, each time a little further. */
  async paste() {
    this.pasted = (this.pasted ?? 0) + 1;
    const answer = await this.edit([{op: 'paste', offset: [36 * this.pasted, 36 * this.pasted]}], {}, 'Pasted.');
    const {cy} = this.canvas;
    if (answer) {
      cy.elements().unselect();
      Object.values(answer.names?.[0] ?? {}).forEach(name => cy.getElementById(name).select());
    }
  }

  async duplicate() {
    if (await this.copy()) {
      await this.paste();
    }
  }

  /** Lay out what is selected; without a selection what nobody has placed, or everything there is. */
  async layout(everything = false) {
    const chosen = this.chosen();
    const free = [...this.picture.nodes.values()].filter(node => everything || !node.placed).map(node => node.id);
    const names = chosen.length > 1 ? chosen : free;
    if (!names.length) {
      this.view.say('Every node stands where somebody has put it; with Shift they are all laid out anew.');
      return;
    }
    if (await this.asked('layout', names.length === this.picture.nodes.size ? {} : {names})) {
      this.canvas.fit();
    }
  }

  /** Bring the selected nodes into line: left edges, top edges, or even gaps from left to right or top to bottom. */
  align(how) {
    const nodes = this.chosen().map(name => this.picture.nodes.get(name)).filter(Boolean);
    if (nodes.length < (how.startsWith('spread') ? 3 : 2)) {
      this.view.say(`Select ${how.startsWith('spread') ? 'three' : 'two'} nodes or more first.`);
      return;
    }
    const moved = how.startsWith('spread') ? this.spread(nodes, how === 'spread-across') : this.lined(nodes, how);
    this.move(Object.fromEntries(moved), 'Aligned.');
  }

  lined(nodes, how) {
    const left = Math.min(...nodes.map(node => node.x - node.w / 2));
    const top = Math.min(...nodes.map(node => node.y - node.h / 2));
    return nodes.map(node => [node.id, how === 'left' ? [left + node.w / 2, node.y] : [node.x, top + node.h / 2]]);
  }

  spread(nodes, across) {
    const [at, size] = across ? ['x', 'w'] : ['y', 'h'];
    const row = [...nodes].sort((a, b) => a[at] - b[at]);
    const first = row[0][at] - row[0][size] / 2;
    const last = row.at(-1)[at] + row.at(-1)[size] / 2;
    const gap = (last - first - row.reduce((sum, node) => sum + node[size], 0)) / (row.length - 1);
    let next = first;
    return row.map(node => {
      const middle = next + node[size] / 2;
      next += node[size] + gap;
      return [node.id, across ? [middle, node.y] : [node.x, middle]];
    });
  }

  destroy() {
    this.offs.forEach(off => off());
    this.timers?.forEach(clearTimeout);
  }
}
