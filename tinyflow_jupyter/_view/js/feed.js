/** What a small widget knows, shared by all its views: how it was, and what has changed since. */
class Feed extends Events {
  constructor(model) {
    super();
    this.model = model;
    this.state = structuredClone(model.get('snapshot'));
    this.questions = new Map();
    this.asked = 0;
    model.on('msg:custom', message => this.hear(message));
    model.send({t: 'hello'});
  }

  /** Ask the kernel for something; the promise waits as long as the kernel is busy. */
  ask(what, fields = {}) {
    const number = `${++this.asked}-${Math.random().toString(36).slice(2, 8)}`;
    const answer = new Promise((resolve, reject) => this.questions.set(number, {resolve, reject}));
    this.model.send({...fields, t: 'ask', ask: number, do: what});
    return answer;
  }

  /** The panels ask for it by this name. */
  snapshot() {
    return this.state;
  }

  hear(message) {
    if (message.t === 'frame') {
      Object.assign(this.state, message.put);
      this.emit('frame', message.put);
    } else if (message.t === 'answer') {
      const question = this.questions.get(message.ask);
      this.questions.delete(message.ask);
      if (message.error) {
        question?.reject(message.error);
      } else {
        question?.resolve(message.value);
      }
    }
  }
}

/** Draws a feed while it can be seen, at most once for each picture on the screen, and says when it has. */
class Drawing {
  constructor(feed, root, draw) {
    this.feed = feed;
    this.draw = draw;
    this.changed = {};
    this.owed = false;
    this.visible = true;
    this.drawn = 0;
    this.off = feed.on('frame', put => {
      Object.assign(this.changed, put);
      this.owed = true;
      this.soon();
    });
    this.sight = new IntersectionObserver(entries => {
      this.visible = entries.at(-1).isIntersecting;
      this.soon();
    });
    this.sight.observe(root);
    draw(feed.state);
  }

  /** A hidden tab or a widget out of sight never draws, and so owes its acknowledgement: nothing is sent to it. */
  soon() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = null;
      if (!this.visible || !this.owed) {
        return;
      }
      const changed = this.changed;
      this.changed = {};
      this.owed = false;
      this.drawn += 1;
      try {
        this.draw(changed);
      } finally {
        this.feed.model.send({t: 'ack'});
      }
    });
  }

  destroy() {
    this.off();
    this.sight.disconnect();
    cancelAnimationFrame(this.waiting);
  }
}
