/** What a small widget knows, shared by all its views: how it was, and what has changed since. */
class Feed extends Asking {
  constructor(model) {
    super(model);
    this.state = structuredClone(model.get('snapshot'));
    model.send({t: 'hello'});
  }

  forget() {
    super.forget();
    this.state = {};
  }

  hear(message) {
    if (message.t === 'frame') {
      Object.assign(this.state, message.put);
      this.emit('frame', message.put);
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
        this.feed.acknowledge();
      }
    });
  }

  destroy() {
    this.off();
    this.sight.disconnect();
    cancelAnimationFrame(this.waiting);
  }
}
