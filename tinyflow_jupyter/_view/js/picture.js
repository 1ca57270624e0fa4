/** What is known of the flow in the browser, shared by all views of one model: a snapshot, deltas and frames. */
class Picture extends Events {
  constructor(model) {
    super();
    this.model = model;
    this.nodes = new Map();
    this.edges = new Map();
    this.values = {ports: {}, nodes: {}, edges: {}};
    this.head = {};
    this.sequence = 0;
    this.questions = new Map();
    this.asked = 0;
    this.load(model.get('snapshot'));
    model.on('change:snapshot', () => this.load(model.get('snapshot')));
    model.on('msg:custom', message => this.hear(message));
    model.send({t: 'hello'});
  }

  /** Ask the kernel for something; the promise waits as long as the kernel is busy. */
  ask(what, fields = {}) {
    const number = `${++this.asked}-${Math.random().toString(36).slice(2, 8)}`;
    const answer = new Promise((resolve, reject) => this.questions.set(number, {resolve, reject}));
    this.model.send({...fields, t: 'ask', ask: number, do: what});
    this.emit('asking', this.questions.size);
    return answer;
  }

  /** It has ended: what somebody still keeps of it is small. */
  forget() {
    this.nodes.clear();
    this.edges.clear();
    this.values = {ports: {}, nodes: {}, edges: {}};
  }

  /** Everything anew. */
  load(snapshot) {
    const {seq, nodes, edges, frame, ...head} = structuredClone(snapshot);
    this.sequence = seq;
    this.head = head;
    this.nodes = new Map(nodes.map(node => [node.id, node]));
    this.edges = new Map(edges.map(edge => [edge.id, edge]));
    this.values = frame;
    this.emit('loaded');
  }

  hear(message) {
    if (message.t === 'frame') {
      for (const part of ['ports', 'nodes', 'edges']) {
        Object.assign(this.values[part], message[part] ?? {});
      }
      this.emit('frame', message);
    } else if (message.t === 'delta') {
      this.change(message);
    } else if (message.t === 'late') {
      this.emit('late', message.error);
    } else if (message.t === 'answer') {
      const question = this.questions.get(message.ask);
      this.questions.delete(message.ask);
      this.emit('asking', this.questions.size);
      if (message.error) {
        question?.reject(message.error);
      } else {
        question?.resolve(message.value);
      }
    }
  }

  /** One step on; after a gap everything is fetched again. */
  change({seq, put, drop, t, ...head}) {
    if (seq !== this.sequence + 1) {
      this.model.send({t: 'resync'});
      return;
    }
    this.sequence = seq;
    Object.assign(this.head, head);
    for (const id of drop.edges) {
      this.edges.delete(id);
      delete this.values.edges[id];
    }
    for (const id of drop.nodes) {
      this.nodes.delete(id);
      delete this.values.nodes[id];
    }
    for (const node of put.nodes) {
      this.nodes.set(node.id, node);
    }
    for (const edge of put.edges) {
      this.edges.set(edge.id, edge);
    }
    this.emit('changed', {put, drop, head});
  }

  /** Whether what leaves one port may enter another, as far as their types say; the kernel has the last word. */
  fits(from, to) {
    return from.dir === 'out' && to.dir === 'in' && (this.head.fits?.[from.type]?.includes(to.type) ?? true);
  }

  /** The name of a port's type. */
  typeOf(port) {
    return this.head.types?.[port.type] ?? '';
  }
}
