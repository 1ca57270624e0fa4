/** How cytoscape's elements look: colours are the theme's. What it says of boxes is what we draw; edges are only found. */

const COLOURS = ['page', 'rim', 'card', 'line', 'ink', 'soft', 'shade', 'number', 'text', 'truth', 'list', 'record',
  'any', 'other', 'good', 'warn', 'bad', 'on'];

/** The colours of the theme around an element. */
const coloursOf = root => {
  const style = getComputedStyle(root);
  return Object.fromEntries(COLOURS.map(name => [name, style.getPropertyValue(`--tf-${name}`).trim() || '#888888']));
};

const styleOf = c => [
  {selector: 'node', style: {
    shape: 'round-rectangle', width: 'data(w)', height: 'data(h)', label: '', 'background-color': c.card,
    'border-width': 1.2, 'border-color': c.line, 'overlay-opacity': 0}},
  {selector: 'node.failed', style: {'border-color': c.bad, 'border-width': 2}},
  {selector: 'node.blocked', style: {'border-color': c.bad, 'border-width': 2, 'border-style': 'dashed'}},
  {selector: 'node.waiting', style: {'border-color': c.warn, 'border-width': 2}},
  {selector: 'node.paused', style: {'border-color': c.number, 'border-width': 2, 'border-style': 'dashed'}},
  {selector: 'node.stale', style: {'border-color': c.warn, 'border-width': 2, 'border-style': 'dotted'}},
  {selector: 'node:selected', style: {'border-color': c.number, 'border-width': 3}},
  {selector: 'node.pending', style: {opacity: 0.6, 'border-style': 'dashed'}},
  {selector: 'node.far', style: {'background-color': c.line, 'border-width': 0}},
  {selector: 'node.far.failed, node.far.blocked', style: {'background-color': c.bad}},
  {selector: 'node.far:selected', style: {'background-color': c.number}},
  {selector: 'edge.far', style: {visibility: 'hidden'}},
  {selector: 'edge', style: {
    'curve-style': 'unbundled-bezier', 'edge-distances': 'node-position',
    'control-point-distances': 'data(distances)', 'control-point-weights': 'data(weights)',
    'source-endpoint': 'data(se)', 'target-endpoint': 'data(te)', width: 6,
    'target-arrow-shape': 'none', 'overlay-opacity': 0}},
  {selector: '.faded', style: {opacity: 0.2}},
];
