/** Where ports lie, and the way of a wire between two of them. */

const AWAY = {left: [-1, 0], right: [1, 0], top: [0, -1], bottom: [0, 1]};

/** The place of a port on the canvas, its node's middle being at `at`. */
const portPlace = (port, at) => ({x: at.x + port.dx, y: at.y + port.dy});

/** The control points of a wire that leaves and enters at right angles to the sides of the cards. */
const controls = (start, end, leaving, entering) => {
  const across = Math.abs(end.x - start.x);
  const down = Math.abs(end.y - start.y);
  const reach = away => away[0]
    ? Math.min(Math.max(across * 0.5, Math.min(across, 28), end.x < start.x ? 60 : 0), 160)
    : Math.min(Math.max(down * 0.6, 24), 110);
  const out = reach(leaving);
  const into = reach(entering);
  return [
    {x: start.x + leaving[0] * out, y: start.y + leaving[1] * out},
    {x: end.x + entering[0] * into, y: end.y + entering[1] * into},
  ];
};

/**
 * How cytoscape wants that: two points, each as a share of the way between the middles and a distance from it.
 * Its curve through two control points is two quadratic ones that meet halfway.
 */
const curve = (source, target, from, to) => {
  const a = portPlace(from, source);
  const b = portPlace(to, target);
  const vx = target.x - source.x;
  const vy = target.y - source.y;
  const length = Math.hypot(vx, vy) || 1;
  const said = controls(a, b, AWAY[from.side], AWAY[to.side]).map(point => {
    const px = point.x - source.x;
    const py = point.y - source.y;
    return {
      weight: (px * vx + py * vy) / (length * length),
      distance: (px * -vy + py * vx) / length,
    };
  });
  return {
    weights: said.map(one => one.weight.toFixed(4)).join(' '),
    distances: said.map(one => one.distance.toFixed(2)).join(' '),
  };
};
