/** A chooser is a field to write in and a list that follows it: arrows move in it, Enter takes, Escape leaves. */

let choosers = 0;

class Chooser {
  /**
   * @param label What is chosen, in words.
   * @param find From a text to groups: `[heading, [item, …]]`.
   * @param row From an item to its title, what stands behind it, and a colour.
   * @param take Called with the item, and where a pointer or a key took it.
   * @param leave Called at Escape.
   * @param carry Called with the item and the event when a pointer begins to drag it away; optional.
   * @param doubly Whether one click only chooses, and two take.
   */
  constructor({label, find, row, take, leave, carry = null, doubly = false, empty = 'Nothing is called so.'}) {
    Object.assign(this, {find, row, take, leave, carry, doubly, empty});
    this.id = `tf-chooser-${++choosers}`;
    this.rows = [];
    this.at = 0;
    this.input = make('input', {
      type: 'text', class: 'tf-find', placeholder: label, 'aria-label': label, role: 'combobox', 'aria-expanded': 'true',
      'aria-controls': this.id, 'aria-autocomplete': 'list', autocomplete: 'off', spellcheck: 'false',
      oninput: () => this.fill(), onkeydown: event => this.key(event),
    });
    this.list = make('div', {class: 'tf-options', role: 'listbox', id: this.id, 'aria-label': label});
    this.el = make('div', {class: 'tf-chooser'}, this.input, this.list);
  }

  /** Show what fits the text. */
  fill() {
    const groups = this.find(this.input.value.trim().toLowerCase());
    this.rows = [];
    this.list.replaceChildren(...groups.filter(([, items]) => items.length).map(([heading, items]) => {
      const rows = items.map(item => this.option(item));
      return heading
        ? make('div', {role: 'group', 'aria-label': heading}, make('div', {class: 'tf-heading', 'aria-hidden': 'true'}, heading), ...rows)
        : make('div', {role: 'presentation'}, ...rows);
    }));
    if (!this.rows.length) {
      this.list.append(make('div', {class: 'tf-heading'}, this.empty));
    }
    this.go(0);
  }

  option(item) {
    const {title, detail, colour} = this.row(item);
    const row = make('div', {class: 'tf-option', role: 'option', id: `${this.id}-${this.rows.length}`, 'aria-selected': 'false'},
      colour ? make('i', {class: 'tf-dot', style: `background:var(--tf-${colour})`, 'aria-hidden': 'true'}) : null,
      make('b', {}, title), make('span', {}, detail ?? ''));
    const number = this.rows.length;
    row.addEventListener('pointerdown', event => {
      event.preventDefault();  // the field keeps the focus
      this.go(number);
      this.carry?.(item, event);
    });
    row.addEventListener(this.doubly ? 'dblclick' : 'click', event => this.take(item, event));
    this.rows.push({row, item});
    return row;
  }

  /** Choose a row by its number. */
  go(number) {
    this.rows[this.at]?.row.setAttribute('aria-selected', 'false');
    this.at = Math.max(0, Math.min(number, this.rows.length - 1));
    const row = this.rows[this.at]?.row;
    row?.setAttribute('aria-selected', 'true');
    if (row) {  // scrollIntoView would scroll the notebook too
      const below = row.offsetTop + row.offsetHeight - this.list.offsetTop - this.list.clientHeight;
      this.list.scrollTop = Math.max(below, Math.min(this.list.scrollTop, row.offsetTop - this.list.offsetTop - (this.at ? 0 : 30)));
    }
    this.input.setAttribute('aria-activedescendant', row?.id ?? '');
  }

  key(event) {
    const step = {ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8}[event.key];
    if (step) {
      this.go(this.at + step);
    } else if (event.key === 'Enter') {
      const chosen = this.rows[this.at];
      if (chosen) {
        this.take(chosen.item, event);
      }
    } else if (event.key === 'Escape') {
      this.leave();
    } else {
      event.stopPropagation();  // it is text
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** Begin anew. */
  open() {
    this.input.value = '';
    this.fill();
    this.input.focus({preventScroll: true});
  }
}

/** How well a text is found in what stands for something: 0 not at all; earlier and in fewer letters is better. */
const score = (text, title, rest = '') => {
  const name = title.toLowerCase();
  if (!text) {
    return 1;
  }
  if (name.startsWith(text)) {
    return 4;
  }
  if (name.includes(text)) {
    return 3;
  }
  if (rest.toLowerCase().includes(text)) {
    return 2;
  }
  let at = -1;
  return [...text].every(letter => (at = name.indexOf(letter, at + 1)) >= 0) ? 1 : 0;
};
