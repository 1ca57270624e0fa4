/** What is known of the flow in the browser, shared by all views of one model: a snapshot, deltas and frames. */
class Picture extends Asking {
  constructor(model) {
    super(model);
    this.nodes = new Map();
    this.edges = new Map();
    this.values = {ports: {}, nodes: {}, edges: {}, breakpoints: {}};
    this.head = {};
    this.sequence = 0;
    this.load(model.get('snapshot'));
    this.follow('change:snapshot', () => this.load(model.get('snapshot')));
    model.send({t: 'hello'});
  }

  forget() {
    super.forget();
    this.nodes.clear();
    this.edges.clear();
    this.values = {ports: {}, nodes: {}, edges: {}, breakpoints: {}};
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
      for (const part of ['ports', 'nodes', 'edges', 'breakpoints']) {
        Object.assign(this.values[part], message[part] ?? {});
      }
      this.emit('frame', message);
    } else if (message.t === 'delta') {
      this.change(message);
    } else if (message.t === 'late') {
      this.emit('late', message.error);
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
    const fresh = put.nodes.filter(node => !this.nodes.has(node.id));
    for (const node of put.nodes) {
      this.nodes.set(node.id, node);
    }
    for (const edge of put.edges) {
      this.edges.set(edge.id, edge);
    }
    this.emit('changed', {put, drop, head, fresh});
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
