/** The boxes of cards, as cytoscape's style says that they look. */

const DASHES = {dashed: [4, 2], dotted: [1, 1]};
const ROUND = 8;  // of the corners

class BoxInk {
  draw(g, element, {w, h}, {x, y}, zoom) {
    g.globalAlpha = element.numericStyle('opacity');
    g.fillStyle = element.style('background-color');
    const border = element.numericStyle('border-width');
    if (!border && h * zoom < 4 * ROUND) {
      g.fillRect(x - w / 2, y - h / 2, w, h);  // nobody sees its corners, and they take time
    } else {
      roundBox(g, x - w / 2, y - h / 2, w, h, Math.min(ROUND, w / 4, h / 4));
      g.fill();
    }
    if (border) {
      g.lineWidth = border;
      g.strokeStyle = element.style('border-color');
      g.setLineDash(DASHES[element.style('border-style')] ?? []);
      g.stroke();
      g.setLineDash([]);
    }
    g.globalAlpha = 1;
  }
}
