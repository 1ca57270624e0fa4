/** The toolbar: what one does most, as buttons with words for those who hover or listen. */

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
    canvas.cy.on('select unselect remove', () => {
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
