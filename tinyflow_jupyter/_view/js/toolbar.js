/** The toolbar: what one does most, as buttons with words for those who hover or listen. */

const ICONS = {  // of 16 by 16, as strokes
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
};

/** A drawing of one of our icons. */
const icon = name => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
};

class Toolbar {
  constructor(view) {
    this.view = view;
    const {keys, changes, dialogs, canvas, picture} = view;
    this.undo = this.button('undo', 'Undo', 'C-Z', () => keys.undo());
    this.redo = this.button('redo', 'Redo', 'C-Shift-Z', () => keys.redo());
    this.editing = [
      this.button('add', 'Open the palette of components', 'P', () => keys.palette()),
      this.undo,
      this.redo,
      this.button('layout', 'Lay out: what is selected, else what nobody has placed; with Shift everything', 'L', event => keys.layout(event)),
    ];
    this.align = make('div', {class: 'tf-tools', role: 'group', 'aria-label': 'Align what is selected', hidden: true},
      this.button('left', 'Align left edges', '', () => changes.align('left')),
      this.button('top', 'Align top edges', '', () => changes.align('top')),
      this.button('across', 'Make gaps from left to right even', '', () => changes.align('spread-across')),
      this.button('down', 'Make gaps from top to bottom even', '', () => changes.align('spread-down')));
    this.el = make('div', {class: 'tf-toolbar'}, this.align,
      make('div', {class: 'tf-tools', role: 'toolbar', 'aria-label': 'Flow'}, ...this.editing,
        this.button('fit', 'Fit everything into view', 'F', () => keys.fit()),
        this.button('find', 'Find a node', 'C-F', () => keys.find()),
        this.button('code', 'Copy as code', '', () => dialogs.code()),
        this.button('help', 'Keys', '?', () => keys.help())));
    view.stage.append(this.el);
    this.told = () => {
      this.editing.forEach(button => {
        button.hidden = !changes.editable;
      });
      this.undo.disabled = !picture.head.undo;
      this.redo.disabled = !picture.head.redo;
    };
    this.offs = [picture.on('loaded', this.told), picture.on('changed', this.told)];
    canvas.cy.on('select unselect', () => {
      this.counting ??= requestAnimationFrame(() => {
        this.counting = null;
        this.align.hidden = !changes.editable || canvas.cy.destroyed() || canvas.cy.nodes(':selected').length < 2;
      });
    });
    this.told();
  }

  button(name, words, key, act) {
    const said = key ? `${words} (${key.replace('C-', `${CONTROL}-`)})` : words;
    return make('button', {type: 'button', class: 'tf-tool', 'aria-label': words, title: said, 'data-tool': name, onclick: act}, icon(name));
  }

  destroy() {
    cancelAnimationFrame(this.counting);
    this.offs.forEach(off => off());
    this.el.remove();
  }
}
