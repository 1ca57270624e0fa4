/** The minimap: a large flow as a whole, and which part of it is seen; a press goes there. */

const MANY = 60;  // nodes; fewer fit on the screen
const MAP = [168, 104];  // pixels

class Minimap {
  constructor(view) {
    this.view = view;
    this.canvas = view.canvas;
    this.el = make('canvas', {class: 'tf-minimap', 'aria-hidden': 'true', hidden: true});
    view.stage.append(this.el);
    const {canvas} = this;
    this.cards = make('canvas');  // what changes more seldom than the place that is seen
    canvas.cy.on('viewport', () => this.soon());
    canvas.cy.on('position select unselect', () => this.soon(true));
    canvas.listen(this.el, 'pointerdown', event => {
      this.el.setPointerCapture(event.pointerId);
      this.go(event);
    });
    canvas.listen(this.el, 'pointermove', event => event.buttons && this.go(event));
    this.offs = [canvas.on('structure', () => this.soon(true)), view.picture.on('frame', frame => frame.nodes && this.soon(true))];
    this.soon(true);
  }

  /** Draw in a moment; the cards too, or only where one looks. */
  soon(cards = false) {
    this.stale ||= cards;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.draw();
    }, 60);
  }

  draw() {
    const {cy, colours} = this.canvas;
    this.el.hidden = this.view.picture.nodes.size <= MANY;
    if (this.el.hidden) {
      return;
    }
    const ratio = devicePixelRatio || 1;
    if (this.el.width !== Math.round(MAP[0] * ratio)) {
      for (const canvas of [this.el, this.cards]) {
        [canvas.width, canvas.height] = MAP.map(side => Math.round(side * ratio));
      }
      this.stale = true;
    }
    if (this.stale) {
      this.stale = false;
      this.drawCards(ratio);
    }
    const g = this.el.getContext('2d');
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, this.el.width, this.el.height);
    g.drawImage(this.cards, 0, 0);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const {x1, y1, w, h} = cy.extent();
    g.strokeStyle = colours.number;
    g.lineWidth = 1.5;
    g.strokeRect(x1 * this.scale + this.shift.x, y1 * this.scale + this.shift.y, w * this.scale, h * this.scale);
  }

  drawCards(ratio) {
    const {cy, colours} = this.canvas;
    const g = this.cards.getContext('2d');
    const nodes = [...this.view.picture.nodes.values()].map(node => [node, this.canvas.place(node)]);
    const least = value => nodes.reduce((found, [node, at]) => Math.min(found, value(node, at)), Infinity);
    const left = least((node, at) => at.x - node.w / 2);
    const right = -least((node, at) => -at.x - node.w / 2);
    const top = least((node, at) => at.y - node.h / 2);
    const bottom = -least((node, at) => -at.y - node.h / 2);
    this.scale = Math.min((MAP[0] - 12) / (right - left), (MAP[1] - 12) / (bottom - top));
    this.shift = {x: MAP[0] / 2 - (left + right) / 2 * this.scale, y: MAP[1] / 2 - (top + bottom) / 2 * this.scale};
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, ...MAP);
    const chosen = new Set(cy.nodes(':selected').map(element => element.id()));
    for (const [node, at] of nodes) {
      const [wide, high] = [Math.max(node.w * this.scale, 1.5), Math.max(node.h * this.scale, 1.5)];
      const state = this.view.picture.values.nodes[node.id]?.[0];
      g.fillStyle = colours[chosen.has(node.id) ? 'number' : state === 'failed' ? 'bad' : 'soft'];
      g.fillRect(at.x * this.scale + this.shift.x - wide / 2, at.y * this.scale + this.shift.y - high / 2, wide, high);
    }
  }

  /** Bring what lies under the pointer into the middle. */
  go(event) {
    event.preventDefault();
    event.stopPropagation();
    const {cy} = this.canvas;
    const box = this.el.getBoundingClientRect();
    const x = (event.clientX - box.left - this.shift.x) / this.scale;
    const y = (event.clientY - box.top - this.shift.y) / this.scale;
    cy.pan({x: cy.width() / 2 - x * cy.zoom(), y: cy.height() / 2 - y * cy.zoom()});
  }

  destroy() {
    clearTimeout(this.timer);
    this.offs.forEach(off => off());
    this.el.remove();
  }
}
