/** The drawings on buttons, of 16 by 16, as strokes. */

const ICONS = {
  add: 'M8 3v10M3 8h10',
  undo: 'M6 3 3 6l3 3M3 6h6a4 4 0 0 1 0 8H6',
  redo: 'M10 3l3 3-3 3M13 6H7a4 4 0 0 0 0 8h3',
  layout: 'M2 6h4v4H2zM10 2h4v4h-4zM10 10h4v4h-4zM6 8h2M8 4v8M8 4h2M8 12h2',
  fit: 'M2 5V2h3M11 2h3v3M14 11v3h-3M5 14H2v-3',
  find: 'M7 2a5 5 0 1 0 0 10A5 5 0 0 0 7 2zM11 11l3 3',
  code: 'M5 4 1 8l4 4M11 4l4 4-4 4M9 3 7 13',
  help: 'M6 6a2 2 0 1 1 2.6 1.9c-.5.2-.6.6-.6 1.1M8 11.6v.4',
  left: 'M2 2v12M5 4h8v3H5zM5 9.500h5v3H5z',
  top: 'M2 2h12M4 5h3v8H4zM9.500 5h3v5h-3z',
  across: 'M2 2v12M14 2v12M6.500 5h3v6h-3z',
  down: 'M2 2h12M2 14h12M5 6.500h6v3H5z',
  start: 'M4 2.500v11l9-5.500z',
  stop: 'M3.500 3.500h9v9h-9z',
  pause: 'M5.500 3v10M10.500 3v10',
  resume: 'M3 3v10M6.500 3v10l7-5z',
  step: 'M3 3v10l7-5zM13 3v10',
  breakpoint: 'M8 3.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9z',
  slow: 'M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11zM8 5v3l2 1.500',
};

/** One of them. */
const icon = name => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
};
