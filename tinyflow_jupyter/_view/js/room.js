/** The room that panels leave the graph: what was all in sight is so again, what was chosen comes back into sight. */

const SETTLED = 350;  // milliseconds until the graph moves: the second click of two should find what the first one did
const NARROW = 640;  // pixels of a view in which there is no room for an inspector beside the graph: it goes below

class Room {
  constructor(view) {
    const {canvas} = view;
    this.view = view;
    this.canvas = canvas;
    this.size = [canvas.box.clientWidth, canvas.box.clientHeight];
    this.offs = [
      canvas.on('resized', () => this.resized()),
      view.on('select', target => {
        this.chosen = target?.split('>').pop().split(':')[0] ?? null;
        this.soon();
      }),
    ];
    this.wide = new ResizeObserver(() => {
      this.turning ??= requestAnimationFrame(() => {
        this.turning = null;
        view.el.classList.toggle('tf-narrow', view.el.clientWidth < NARROW);
      });
    });
    this.wide.observe(view.el);
  }

  /** A panel has opened or closed, or the page has another size. */
  resized() {
    const size = [this.canvas.box.clientWidth, this.canvas.box.clientHeight];
    if (size.join() === this.size.join()) {
      return;
    }
    this.whole ??= this.holds() && this.place();  // in the room that there was
    this.size = size;
    this.soon();
  }

  /** Whether all nodes are in sight. */
  holds() {
    const [wide, high] = this.size;
    const nodes = this.canvas.cy.nodes();
    const {x1, y1, x2, y2} = nodes.renderedBoundingBox({includeLabels: false, includeOverlays: false});
    return nodes.nonempty() && x1 >= 0 && y1 >= 0 && x2 <= wide && y2 <= high;
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), SETTLED);
  }

  settle() {
    const {canvas, view, whole} = this;
    if (!this.size[0]) {  // another tab of JupyterLab is in front
      return;
    }
    if (view.gestures.pull || canvas.cy.nodes(':grabbed').nonempty()) {
      this.soon();
      return;
    }
    this.whole = null;
    const still = whole === this.place();  // nobody has moved it meanwhile
    if (still && (!this.holds() || this.fitted === whole)) {
      canvas.fit();
      this.fitted = this.place();
    } else if (view.picture.nodes.has(this.chosen)) {
      view.keys.reveal(this.chosen);
    }
    if (this.chosen && view.el.classList.contains('tf-narrow')) {
      view.inspector.el.scrollIntoView({block: 'nearest'});
    }
  }

  /** Where the graph stands. */
  place() {
    return JSON.stringify([this.canvas.cy.zoom(), this.canvas.cy.pan()]);
  }

  destroy() {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.turning);
    this.wide.disconnect();
    this.offs.forEach(off => off());
  }
}
