/** A form made of a JSON Schema; and the fields that hold others: fields by name, lists, choices. */

/** A field that holds others. */
class Holder extends Field {
  /** The frame around several fields. */
  surround(...inside) {
    const legend = this.bare ? null : make('legend', {class: 'tf-label'}, this.label, make('span', {class: 'tf-changed', title: 'Changed'}));
    const described = [this.help && this.help.id, this.error.id].filter(Boolean).join(' ');
    this.el = make('fieldset', {class: 'tf-group', 'aria-describedby': described}, legend, this.help, this.error, ...inside);
  }

  /** The fields in it, with the names or numbers by which a path finds them. */
  held() {
    return [];
  }

  *all() {
    yield this;
    for (const [, field] of this.held()) {
      yield* field.all();
    }
  }

  find([key, ...rest] = []) {
    const found = this.held().find(([name]) => String(name) === String(key));
    return found ? found[1].find(rest) : this;
  }
}

/** Fields by name; and further ones by names that a person gives, where a schema lets them. */
class ObjectField extends Holder {
  constructor(...of) {
    super(...of);
    const value = isRecord(this.first) ? this.first : {};
    const needed = new Set(this.schema.required ?? []);
    this.fields = Object.entries(this.schema.properties ?? {}).map(([name, schema]) => {
      const known = resolvedSchema(schema, this.form.defs);
      return [name, fieldOf(this.form, {title: name, ...known}, value[name], {name, required: needed.has(name)})];
    });
    this.rows = [];
    this.list = make('div', {class: 'tf-items'});
    this.surround(...this.fields.map(([, field]) => field.el));
    if (isRecord(this.schema.additionalProperties)) {
      const known = new Set(this.fields.map(([name]) => name));
      Object.entries(value).filter(([name]) => !known.has(name)).forEach(([name, part]) => this.add(name, part));
      const add = make('button', {type: 'button', class: 'tf-small'}, '+ add');
      add.addEventListener('click', () => {
        this.add('', undefined).key.focus();
        this.changed();
      });
      this.el.append(this.list, add);
    }
    this.first = this.read();
  }

  /** A field of a person's own name. */
  add(name, value) {
    const key = make('input', {type: 'text', class: 'tf-name', 'aria-label': 'Name', placeholder: 'name', spellcheck: 'false'});
    key.value = name;
    const field = fieldOf(this.form, this.schema.additionalProperties, value, {bare: true, name: 'Value'});
    const drop = make('button', {type: 'button', class: 'tf-icon', 'aria-label': 'Remove', title: 'Remove'}, '×');
    const row = {key, field, el: make('div', {class: 'tf-item'}, key, field.el, drop)};
    key.addEventListener('input', () => this.changed());
    drop.addEventListener('click', () => {
      this.rows.splice(this.rows.indexOf(row), 1);
      row.el.remove();
      this.changed();
    });
    this.rows.push(row);
    this.list.append(row.el);
    return row;
  }

  held() {
    return [...this.fields, ...this.rows.map(({key, field}) => [key.value, field])];
  }

  read() {
    const made = {};
    for (const [name, field] of this.held()) {
      const value = field.read();
      if (value !== undefined) {
        Object.defineProperty(made, name, {value, enumerable: true, configurable: true, writable: true});
      }
    }
    return made;
  }

  check() {
    const names = this.rows.map(({key}) => key.value);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    return twice === undefined ? '' : `${JSON.stringify(twice)} is there twice.`;
  }
}

/** Any number of values, or a fixed one where the schema names each. */
class ListField extends Holder {
  constructor(...of) {
    super(...of);
    const values = Array.isArray(this.first) ? this.first : [];
    this.parts = this.schema.prefixItems;
    this.items = [];
    this.list = make('div', {class: 'tf-items', role: 'list'});
    this.button = make('button', {type: 'button', class: 'tf-small'}, '+ add');
    this.button.addEventListener('click', () => {
      this.add(undefined);
      this.arrange();
      this.changed();
      this.items.at(-1).el.querySelector('input, select, textarea')?.focus();
    });
    this.surround(this.list, this.parts ? null : this.button);
    (this.parts ?? values).forEach((_, index) => this.add(values[index], index));
    this.arrange();
    this.first = this.read();
  }

  add(value, index = this.items.length) {
    const schema = this.parts?.[index] ?? this.schema.items ?? {};
    const item = {field: fieldOf(this.form, schema, value, {bare: !this.parts, name: String(index + 1)})};
    const tool = (text, title, act) => {
      const button = make('button', {type: 'button', class: 'tf-icon', title, 'aria-label': title}, text);
      button.addEventListener('click', () => {
        const at = this.items.indexOf(item);
        act(at);
        this.arrange();
        this.changed();
      });
      return button;
    };
    item.up = tool('↑', 'Move up', at => this.move(at, at - 1));
    item.down = tool('↓', 'Move down', at => this.move(at, at + 1));
    item.drop = tool('×', 'Remove', at => this.drop(at));
    const tools = this.parts ? [] : [make('span', {class: 'tf-moves'}, item.up, item.down, item.drop)];
    item.el = make('div', {class: 'tf-item', role: 'listitem'}, item.field.el, ...tools);
    item.el.addEventListener('keydown', event => this.key(event, item));
    this.items.push(item);
  }

  /** Alt with an arrow moves the item that one is in. */
  key(event, item) {
    const by = {ArrowUp: -1, ArrowDown: 1}[event.key];
    if (!by || !event.altKey || this.parts) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const focused = document.activeElement;
    const at = this.items.indexOf(item);
    this.move(at, at + by);
    this.arrange();
    focused.focus();
    this.changed();
  }

  move(from, to) {
    if (to >= 0 && to < this.items.length) {
      this.items.splice(to, 0, ...this.items.splice(from, 1));
    }
  }

  drop(at) {
    this.items.splice(at, 1);
    (this.items[Math.min(at, this.items.length - 1)]?.drop ?? this.button).focus();
  }

  /** Put the items into the page in their order. */
  arrange() {
    const {minItems = 0, maxItems = Infinity} = this.schema;
    this.list.replaceChildren(...this.items.map(({el}) => el));
    this.items.forEach((item, index) => {
      item.up.disabled = index === 0;
      item.down.disabled = index === this.items.length - 1;
      item.drop.disabled = this.items.length <= minItems;
      item.el.setAttribute('aria-label', `Item ${index + 1}`);
    });
    this.button.disabled = this.items.length >= maxItems;
    this.list.hidden = !this.items.length;
  }

  held() {
    return this.items.map(({field}, index) => [index, field]);
  }

  read() {
    return this.items.map(({field}) => field.read() ?? null);
  }

  check() {
    const {minItems = 0, maxItems = Infinity} = this.schema;
    const count = this.items.length;
    return count < minItems ? `At least ${minItems}.` : count > maxItems ? `At most ${maxItems}.` : '';
  }
}

/** One of several kinds of value; a person chooses. */
class UnionField extends Holder {
  constructor(...of) {
    super(...of);
    const {options, nullable} = optionsOf(this.schema, this.form.defs);
    this.options = nullable ? [{type: 'null'}, ...options] : options;
    const given = this.first;
    const at = given === null || given === undefined ? (nullable ? 0 : -1) : this.options.findIndex(one => looksLike(one, given));
    this.select = make('select', {'aria-label': `Kind of ${this.label}`}, ...this.options.map((one, index) => make('option', {value: index}, optionName(one))));
    this.place = make('div', {class: 'tf-choice'});
    this.surround(this.select, this.place);
    this.choose(Math.max(0, at), given);
    this.select.addEventListener('change', () => {
      this.choose(Number(this.select.value), undefined);
      this.changed();
    });
    this.first = this.read();
  }

  choose(at, value) {
    this.select.value = String(at);
    const schema = this.options[at];
    this.field = schema.type === 'null' ? null : fieldOf(this.form, schema, value, {bare: true, name: this.name});
    this.place.replaceChildren(...(this.field ? [this.field.el] : []));
  }

  held() {
    return this.field ? [['', this.field]] : [];
  }

  find(path) {
    return this.field ? this.field.find(path) : this;
  }

  read() {
    return this.field ? this.field.read() : null;
  }
}

class Form {
  /**
   * @param schema A JSON Schema; empty takes whatever JSON can hold.
   * @param value What the form begins with; undefined begins with the defaults.
   * @param submit `(value) => Promise<{errors, value}>`: errors are `{path, what}`, a value becomes the new beginning.
   * @param once Whether the same may be given twice: a message may be sent again, settings are applied once.
   */
  constructor({schema, value, submit, name = 'Apply', once = true, label = 'Form'}) {
    this.schema = schema ?? {};
    this.defs = this.schema.$defs ?? {};
    this.submit = submit;
    this.once = once;
    this.place = make('div', {class: 'tf-fields'});
    this.notes = make('div', {class: 'tf-error tf-of-form', role: 'alert'});
    this.state = make('span', {class: 'tf-state', role: 'status'});
    this.applyButton = make('button', {type: 'submit', class: 'tf-main'}, name);
    this.revertButton = make('button', {type: 'button'}, 'Revert');
    const foot = make('div', {class: 'tf-foot'}, this.state, this.revertButton, this.applyButton);
    this.el = make('form', {class: 'tf-form', novalidate: true, 'aria-label': label}, this.place, this.notes, foot);
    this.el.addEventListener('submit', event => {
      event.preventDefault();
      this.apply();
    });
    this.el.addEventListener('keydown', event => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.apply();
      }
    });
    this.revertButton.addEventListener('click', () => this.begin(this.value0));
    this.begin(value);
  }

  /** Begin with a value; what was entered is forgotten. */
  begin(value) {
    this.value0 = value;
    this.root = fieldOf(this, this.schema, value === null ? undefined : value, {bare: true, required: true});
    this.root.el.classList.add('tf-root');
    this.place.replaceChildren(this.root.el);
    this.notes.textContent = '';
    this.state.textContent = '';
    this.changed();
  }

  get value() {
    return this.root.read();
  }

  get dirty() {
    return this.root.dirty();
  }

  changed() {
    if (!this.root) {
      return;
    }
    for (const field of this.root.all()) {
      field.mark();
    }
    const dirty = this.dirty;
    const wrong = this.once && dirty && this.wrong();
    this.el.classList.toggle('tf-dirty', dirty);
    this.state.textContent = !dirty || !this.once ? '' : wrong ? 'Not applied yet: a value does not fit' : 'Not applied yet';
    this.applyButton.disabled = this.once && (!dirty || wrong);
    this.revertButton.disabled = !dirty;
  }

  /** Whether anything does not fit, which its field says; what Python has said of others stays there. */
  wrong() {
    const found = [...this.root.all()].map(field => [field, field.check()]).filter(([, why]) => why);
    found.forEach(([field, why]) => field.blame(why));
    return found.length > 0;
  }

  /** Say what is wrong before anybody is asked; the first wrong field gets the focus. */
  check() {
    let first = null;
    for (const field of this.root.all()) {
      const wrong = field.check();
      field.blame(wrong);
      first ??= wrong ? field : null;
    }
    this.point(first);
    return first === null;
  }

  /** Show the errors that Python found, each at its field. */
  errors(list) {
    for (const field of this.root.all()) {
      field.blame('');
    }
    const general = [];
    let first = null;
    for (const {path, what} of list) {
      const field = path.length ? this.root.find(path) : null;
      if (field && (field !== this.root || !(field instanceof Holder))) {
        field.blame(what);
        first ??= field;
      } else {
        general.push(path.length ? `${path.join('.')}: ${what}` : what);
      }
    }
    this.notes.textContent = general.join('\n');
    this.point(first);
  }

  point(field) {
    if (field) {
      (field.input ?? field.el.querySelector('input, select, textarea, button'))?.focus();
      field.el.scrollIntoView({block: 'nearest'});
    }
  }

  async apply() {
    if (this.busy || (this.once && !this.dirty) || !this.check()) {
      return;
    }
    this.busy = true;
    this.applyButton.disabled = true;
    this.state.textContent = '…';
    this.notes.textContent = '';
    let done = '';
    try {
      const told = await this.submit(this.value);
      this.errors(told.errors ?? []);
      if (!told.errors?.length) {
        if (told.value !== undefined) {
          this.begin(told.value);
        }
        done = told.done ?? 'Applied';
      }
    } catch (error) {
      this.notes.textContent = errorText(error);
    } finally {
      this.busy = false;
      this.changed();
      if (done) {
        this.state.textContent = done;
      }
    }
  }
}
