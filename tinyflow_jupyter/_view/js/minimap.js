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
    canvas.cy.on('viewport position', () => this.soon());
    canvas.listen(this.el, 'pointerdown', event => {
      this.el.setPointerCapture(event.pointerId);
      this.go(event);
    });
    canvas.listen(this.el, 'pointermove', event => event.buttons && this.go(event));
    this.offs = [canvas.on('structure', () => this.soon()), view.picture.on('frame', frame => frame.nodes && this.soon())];
    this.soon();
  }

  soon() {
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.draw();
    }, 60);
  }

  draw() {
    const {cy, colours} = this.canvas;
    this.el.hidden = cy.nodes().length <= MANY;
    if (this.el.hidden) {
      return;
    }
    const ratio = devicePixelRatio || 1;
    if (this.el.width !== MAP[0] * ratio) {
      [this.el.width, this.el.height] = MAP.map(side => side * ratio);
    }
    const box = cy.nodes().boundingBox({includeLabels: false, includeOverlays: false});
    this.scale = Math.min((MAP[0] - 12) / Math.max(box.w, 1), (MAP[1] - 12) / Math.max(box.h, 1));
    this.shift = {x: (MAP[0] - box.w * this.scale) / 2 - box.x1 * this.scale, y: (MAP[1] - box.h * this.scale) / 2 - box.y1 * this.scale};
    const g = this.el.getContext('2d');
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, ...MAP);
    for (const element of cy.nodes()) {
      const node = this.view.picture.nodes.get(element.id());
      const {x, y} = element.position();
      const [wide, high] = [Math.max(node?.w * this.scale, 1.5), Math.max(node?.h * this.scale, 1.5)];
      const state = this.view.picture.values.nodes[element.id()]?.[0];
      g.fillStyle = colours[element.selected() ? 'number' : ['failed', 'blocked'].includes(state) ? 'bad' : 'soft'];
      g.fillRect(x * this.scale + this.shift.x - wide / 2, y * this.scale + this.shift.y - high / 2, wide, high);
    }
    const {x1, y1, w, h} = cy.extent();
    g.strokeStyle = colours.number;
    g.lineWidth = 1.5;
    g.strokeRect(x1 * this.scale + this.shift.x, y1 * this.scale + this.shift.y, w * this.scale, h * this.scale);
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
