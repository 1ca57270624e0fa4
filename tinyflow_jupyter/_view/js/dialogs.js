/** Small dialogs over the canvas: a new name, a node to find, the list of keys, and code to copy. */

class Renaming {
  constructor(view) {
    this.view = view;
    this.input = make('input', {type: 'text', class: 'tf-rename', 'aria-label': 'New name of the node', spellcheck: 'false',
      onkeydown: event => this.key(event), onblur: () => this.end(), oninput: () => this.blame('')});
    this.why = make('p', {class: 'tf-why', role: 'alert'});
    this.el = make('div', {class: 'tf-renaming', hidden: true}, this.input, this.why);
    view.el.append(this.el);
    view.canvas.cy.on('viewport', () => this.place());
  }

  /** Write over the title of a node. */
  begin(name) {
    const {picture, changes} = this.view;
    if (!picture.nodes.has(name) || !changes.editable) {
      return;
    }
    this.name = name;
    this.el.hidden = false;
    this.input.value = name;
    this.blame('');
    this.place();
    this.input.focus({preventScroll: true});
    this.input.select();
  }

  /** Where the node is. */
  place() {
    const {canvas, picture, el} = this.view;
    const node = picture.nodes.get(this.name);
    if (this.el.hidden || !node) {
      return;
    }
    const zoom = canvas.cy.zoom();
    const pan = canvas.cy.pan();
    const at = canvas.place(node);
    const inside = canvas.box.getBoundingClientRect().left - el.getBoundingClientRect().left;
    this.el.style.left = `${(at.x - node.w / 2) * zoom + pan.x + inside}px`;
    this.el.style.top = `${(at.y - node.h / 2) * zoom + pan.y}px`;
    this.el.style.width = `${Math.max(node.w * zoom, 140)}px`;
  }

  key(event) {
    event.stopPropagation();
    if (event.key === 'Enter') {
      this.take(this.name, this.input.value.trim());
    } else if (event.key === 'Escape') {
      this.view.el.focus({preventScroll: true});
    } else {
      return;
    }
    event.preventDefault();
  }

  /** Give the node this name; what is wrong with it is said below it, and it stays to be mended. */
  async take(name, to) {
    const there = () => !this.el.hidden && this.name === name;
    const refused = error => (there() ? this.blame(errorText(error)) : this.view.complain(error));
    const taken = !to || to === name || await this.view.changes.rename(name, to, refused);
    if (taken && there()) {
      this.view.el.focus({preventScroll: true});
    }
  }

  blame(why) {
    this.why.textContent = why;
    this.input.setAttribute('aria-invalid', String(Boolean(why)));
  }

  end() {
    this.el.hidden = true;
  }

  destroy() {
    this.el.remove();
  }
}

class Dialogs {
  constructor(view) {
    this.view = view;
    this.open = null;
    this.search = new Chooser({
      label: 'Find a node', empty: 'No node is called so.',
      find: text => [['', this.found(text)]],
      row: node => ({title: node.id, detail: node.component, colour: 'any'}),
      take: node => this.take(node),
      leave: () => this.close(),
    });
  }

  found(text) {
    return [...this.view.picture.nodes.values()]
      .map(node => [score(text, node.id, `${node.component} ${node.description}`), node])
      .filter(([points]) => points)
      .sort(([a], [b]) => (text ? b - a : 0))
      .slice(0, 60)
      .map(([, node]) => node);
  }

  take(node) {
    const {canvas, keys} = this.view;
    this.close();
    canvas.cy.elements().unselect();
    const element = canvas.cy.getElementById(node.id);
    element.select();
    if (canvas.cy.zoom() < SHOW.labels) {
      canvas.cy.zoom(0.9);
    }
    canvas.cy.center(element);
    keys.focus(node.id);
  }

  /** Show something over the canvas. */
  show(title, ...children) {
    this.close();
    this.open = make('div', {class: 'tf-dialog', role: 'dialog', 'aria-label': title, tabindex: '-1',
      onkeydown: event => this.key(event)},
      make('div', {class: 'tf-top'}, make('b', {}, title),
        make('button', {type: 'button', class: 'tf-x', 'aria-label': 'Close', onclick: () => this.close()}, '×')),
      ...children);
    this.view.el.append(this.open);
    this.open.focus({preventScroll: true});
  }

  key(event) {
    if (event.key === 'Escape' || (event.key === '?' && !isText(event.target))) {
      this.close();
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** Close what is open; whether anything was. */
  close() {
    const was = this.open;
    was?.remove();
    this.open = null;
    if (was) {
      this.view.el.focus({preventScroll: true});
    }
    return Boolean(was);
  }

  find() {
    this.show('Find a node', this.search.el);
    this.search.open();
  }

  help() {
    const key = text => text.replace('C-', `${CONTROL}-`).split('-').filter(Boolean).flatMap((one, number) =>
      [number ? '-' : null, make('kbd', {}, one)]);
    const row = ([keys, words]) => make('tr', {}, make('td', {}, ...(keys === '-' ? [make('kbd', {}, '-')] : key(keys))), make('td', {}, words));
    this.show('Keys of the canvas', make('table', {class: 'tf-keys'}, make('tbody', {}, ...SHORTCUTS.map(row))));
  }

  /** The Python that builds this flow: into a new cell where the front end lets us, else to copy by hand. */
  async code() {
    const code = await this.view.changes.asked('code');
    if (code === null) {
      return;
    }
    const copied = await navigator.clipboard?.writeText(code).then(() => true, () => false) ?? false;
    if (insertCell(this.view.el, code)) {
      this.view.say(`The code is in a new cell below${copied ? ', and on the clipboard' : ''}.`);
    } else if (copied) {
      this.view.say('The code is on the clipboard: paste it into a cell.');
    } else {
      const text = make('textarea', {class: 'tf-code', readonly: true, 'aria-label': 'The code of this flow', spellcheck: 'false', rows: '12'});
      text.value = code;
      this.show('The code of this flow', text);
      text.select();
    }
  }

  destroy() {
    this.open?.remove();
  }
}

/** Put code into a new cell below the one that holds an element; whether JupyterLab lets us. */
const insertCell = (element, code) => {
  const app = globalThis.jupyterapp;
  const notebook = app?.shell?.currentWidget?.content;
  const index = notebook?.widgets?.findIndex(cell => cell.node.contains(element)) ?? -1;
  if (index < 0 || !notebook.model?.sharedModel?.insertCell) {
    return false;
  }
  notebook.model.sharedModel.insertCell(index + 1, {cell_type: 'code', source: code, metadata: {}});
  return true;
};
