/** The fields of a form, one class for each kind of value that a JSON Schema can ask for. */

const KEPT_MARK = '$kept';
const NUMBER_MARK = '$number';
const CODE_FORMATS = new Set(['code', 'python', 'javascript', 'sql', 'json', 'multiline', 'textarea']);
const DATE_INPUTS = {date: 'date', time: 'time', 'date-time': 'datetime-local'};
let fieldCount = 0;

const isRecord = value => typeof value === 'object' && value !== null && !Array.isArray(value);
const isKept = value => isRecord(value) && KEPT_MARK in value;
const sameJson = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** A schema without references, and with what all of several say. */
const resolvedSchema = (schema, defs) => {
  let made = schema === true || !isRecord(schema) ? {} : schema;
  for (let turn = 0; made.$ref && turn < 40; turn++) {
    const {$ref, ...own} = made;
    made = {...(defs[$ref.split('/').pop()] ?? {}), ...own};
  }
  if (made.allOf?.length === 1) {
    const {allOf, ...own} = made;
    made = {...resolvedSchema(allOf[0], defs), ...own};
  }
  if (Array.isArray(made.type)) {
    const {type, ...own} = made;
    made = {...own, anyOf: type.map(one => ({type: one}))};
  }
  return made;
};

/** The choices of a schema, without None; and whether None is one. */
const optionsOf = (schema, defs) => {
  const all = (schema.anyOf ?? (schema.oneOf?.every(one => 'const' in one) ? [] : schema.oneOf) ?? []).map(one => resolvedSchema(one, defs));
  return {options: all.filter(one => one.type !== 'null'), nullable: all.some(one => one.type === 'null')};
};

/** What a choice is called. */
const optionName = schema => {
  const words = {string: 'Text', integer: 'Whole number', number: 'Number', boolean: 'Yes or no', array: 'List', object: 'Fields', null: 'None'};
  if (schema.type === 'array' && schema.items?.type) {
    return `List of ${(words[schema.items.type] ?? 'values').toLowerCase()}s`;
  }
  return schema.title ?? words[schema.type] ?? (schema.enum ? 'One of a few' : 'Anything');
};

/** Whether a value is of a schema's kind, for the first choice. */
const looksLike = (schema, value) => {
  if ('const' in schema || schema.enum || schema.oneOf) {
    return (schema.enum ?? schema.oneOf?.map(one => one.const) ?? [schema.const]).some(one => sameJson(one, value));
  }
  if (isKept(value)) {
    return schema.type === 'string';
  }
  if (isRecord(value) && !(NUMBER_MARK in value)) {
    const tag = Object.entries(schema.properties ?? {}).find(([, part]) => 'const' in part);
    const known = Object.keys(value).every(name => name in (schema.properties ?? {}) || schema.additionalProperties !== false);
    return schema.type === 'object' && known && (!tag || value[tag[0]] === tag[1].const);
  }
  const kind = Array.isArray(value) ? 'array' : isRecord(value) ? 'number' : typeof value;
  return schema.type === kind || (schema.type === 'integer' && kind === 'number' && Number.isInteger(value)) || schema.type === undefined;
};

/** A value to begin with, where there is none. */
const blankOf = (schema, defs) => {
  const known = resolvedSchema(schema, defs);
  if ('default' in known) {
    return structuredClone(known.default);
  }
  if ('const' in known) {
    return known.const;
  }
  const {options, nullable} = optionsOf(known, defs);
  if (nullable) {
    return null;
  }
  if (options.length) {
    return blankOf(options[0], defs);
  }
  if (known.type === 'array' && known.prefixItems) {
    return known.prefixItems.map(part => blankOf(part, defs));
  }
  const blanks = {array: [], object: {}, boolean: false};
  return structuredClone(blanks[known.type]);
};

/** The field that a schema asks for. */
const fieldOf = (form, schema, value, options = {}) => {
  const known = resolvedSchema(schema, form.defs);
  const {options: choices, nullable} = optionsOf(known, form.defs);
  if (choices.length === 1) {
    const {anyOf, oneOf, ...own} = known;
    const one = {...choices[0], ...own};
    const scalar = ['string', 'number', 'integer'].includes(one.type) && !one.enum;
    if (!nullable || scalar) {
      return fieldOf(form, one, value, {...options, nullable});
    }
  }
  const kind = choices.length ? UnionField
    : 'const' in known ? ConstField
    : known.enum || known.oneOf ? SelectField
    : known.type === 'boolean' ? SwitchField
    : known.type === 'integer' || known.type === 'number' ? NumberField
    : known.type === 'string' ? TextField
    : known.type === 'array' ? ListField
    : known.type === 'object' && (known.properties || isRecord(known.additionalProperties)) ? ObjectField
    : JsonField;
  return new kind(form, known, value, options);
};

/** What all fields share: a label, help, an error, a mark that it was changed. */
class Field {
  constructor(form, schema, value, {name = '', required = false, nullable = false, bare = false} = {}) {
    this.form = form;
    this.schema = schema;
    this.first = value === undefined ? blankOf(schema, form.defs) : value;
    this.name = name;
    this.nullable = nullable;
    this.required = required;
    this.id = `tf-field-${++fieldCount}`;
    this.error = make('div', {class: 'tf-error', id: `${this.id}-error`});
    this.help = schema.description && !bare ? make('div', {class: 'tf-help', id: `${this.id}-help`}, schema.description) : null;
    this.bare = bare;
  }

  get label() {
    return this.schema.title ?? (this.name || optionName(this.schema));
  }

  /** The frame around an input. */
  frame(input, ...more) {
    input.id ||= this.id;
    const described = [this.help && this.help.id, this.error.id].filter(Boolean).join(' ');
    input.setAttribute('aria-describedby', described);
    if (this.required) {
      input.setAttribute('aria-required', 'true');
    }
    const marks = this.required && !('default' in this.schema) ? make('span', {class: 'tf-needed', title: 'Needed'}, ' *') : null;
    const label = this.bare
      ? make('label', {class: 'tf-offstage', for: input.id}, this.label)
      : make('label', {class: 'tf-label', for: input.id}, this.label, marks, make('span', {class: 'tf-changed', title: 'Changed'}));
    this.input = input;
    this.el = make('div', {class: 'tf-field'}, label, make('div', {class: 'tf-enter'}, input, ...more), this.error, this.help);
  }

  /** The unit of a number or a text. */
  unit() {
    const unit = this.schema['x-unit'] ?? this.schema.unit;
    return unit ? make('span', {class: 'tf-unit'}, String(unit)) : null;
  }

  /** Something was entered: say at once what does not fit. */
  changed() {
    this.blame(this.check());
    this.form.changed();
  }

  blame(text) {
    this.error.textContent = text;
    this.el.classList.toggle('tf-wrong', Boolean(text));
    this.input?.setAttribute('aria-invalid', text ? 'true' : 'false');
  }

  /** What does not fit, as far as it can be said here; empty when all is well. */
  check() {
    return '';
  }

  /** All fields in it, and itself. */
  *all() {
    yield this;
  }

  /** The field at the end of a path, or the last one on the way. */
  find() {
    return this;
  }

  dirty() {
    return !sameJson(this.read() ?? null, this.first ?? null);
  }

  mark() {
    this.el.classList.toggle('tf-dirty', this.dirty());
  }
}

class TextField extends Field {
  constructor(...of) {
    super(...of);
    const {format = '', contentMediaType = ''} = this.schema;
    const secret = format === 'password' || this.schema.writeOnly;
    this.kept = isKept(this.first);
    this.first ??= this.nullable ? null : '';
    const text = this.kept ? '' : String(this.first ?? '');
    const code = CODE_FORMATS.has(format) || this.schema['x-code'] || contentMediaType.startsWith('text/') || text.includes('\n');
    const date = DATE_INPUTS[format];
    this.zone = format === 'date-time' ? (/(Z|[+-]\d\d:?\d\d)$/.exec(text)?.[0] ?? '') : '';
    const holder = {duration: 'P1DT2H, or PT30S', uuid: '00000000-0000-0000-0000-000000000000'}[format];
    const placeholder = this.kept ? 'set' : secret ? 'not set' : this.nullable ? 'none' : (holder ?? this.schema.examples?.[0] ?? '');
    const input = code
      ? make('textarea', {class: 'tf-code', rows: Math.min(14, Math.max(3, text.split('\n').length)), spellcheck: 'false', placeholder})
      : make('input', {
          type: secret || this.kept ? 'password' : (date ?? 'text'),
          autocomplete: secret ? 'new-password' : 'off',
          spellcheck: 'false',
          step: date && date !== 'date' ? 1 : null,
          placeholder,
        });
    input.value = this.zone ? text.slice(0, -this.zone.length) : text;
    if (date && !input.value && text) {
      input.type = 'text'; // what the browser's own input cannot hold
      input.value = text;
      this.zone = '';
    }
    input.addEventListener('input', () => this.changed());
    if (code) {
      input.addEventListener('keydown', event => this.indent(event));
    }
    const forget = this.kept ? make('button', {type: 'button', class: 'tf-small', title: `Forget ${this.label}`}, 'forget') : null;
    forget?.addEventListener('click', () => {
      this.kept = !this.kept;
      input.placeholder = this.kept ? 'set' : 'not set';
      forget.textContent = this.kept ? 'forget' : 'keep';
      this.changed();
    });
    const zone = this.zone ? make('span', {class: 'tf-unit'}, this.zone) : null;
    this.frame(input, this.unit(), zone, forget);
  }

  /** Tab writes blanks into code; Escape gives the key back to whoever moves by keyboard. */
  indent(event) {
    if (event.key === 'Escape') {
      this.leaves = true;
    } else if (event.key === 'Tab' && !this.leaves && !event.shiftKey) {
      event.preventDefault();
      this.input.setRangeText('    ', this.input.selectionStart, this.input.selectionEnd, 'end');
      this.changed();
    } else {
      this.leaves = false;
    }
  }

  read() {
    const text = this.input.value;
    if (!text && this.kept) {
      return this.first;
    }
    if (!text && this.nullable) {
      return null;
    }
    return DATE_INPUTS[this.schema.format] && text ? text + this.zone : text;
  }

  check() {
    const {minLength, maxLength, pattern} = this.schema;
    const text = this.input.value;
    const letters = [...text].length;
    if ((!text && (this.kept || this.nullable)) || (!text && !this.required && !minLength)) {
      return '';
    }
    if (minLength !== undefined && letters < minLength) {
      return minLength === 1 ? 'It is needed.' : `At least ${minLength} letters; there are ${letters}.`;
    }
    if (maxLength !== undefined && letters > maxLength) {
      return `At most ${maxLength} letters; there are ${letters}.`;
    }
    if (pattern !== undefined) {
      try {
        if (!new RegExp(pattern, 'u').test(text)) {
          return `It does not match ${pattern}`;
        }
      } catch {
        return ''; // Python's expressions are not all JavaScript's: Python has the last word
      }
    }
    return '';
  }
}

class NumberField extends Field {
  constructor(...of) {
    super(...of);
    const {minimum, maximum, type, multipleOf} = this.schema;
    const value = isRecord(this.first) ? this.first[NUMBER_MARK] : this.first;
    const input = make('input', {
      type: 'text',
      inputmode: type === 'integer' ? 'numeric' : 'decimal',
      autocomplete: 'off',
      class: 'tf-number',
      placeholder: this.nullable ? 'none' : '',
      role: 'spinbutton',
      'aria-valuemin': minimum,
      'aria-valuemax': maximum,
    });
    input.value = value ?? '';
    input.addEventListener('input', () => this.changed());
    input.addEventListener('keydown', event => this.spin(event));
    const slides = minimum !== undefined && maximum !== undefined && maximum - minimum <= 1000;
    this.step = multipleOf ?? (type === 'integer' ? 1 : slides ? Number(((maximum - minimum) / 100).toPrecision(1)) : 1);
    if (slides) {
      this.slider = make('input', {type: 'range', min: minimum, max: maximum, step: this.step, tabindex: '-1', 'aria-hidden': 'true'});
      this.slider.value = value ?? minimum;
      this.slider.addEventListener('input', () => {
        input.value = this.slider.value;
        this.changed();
      });
    }
    this.frame(input, this.unit(), this.slider, this.bounds());
  }

  /** The bounds in words. */
  bounds() {
    const {minimum, maximum, exclusiveMinimum, exclusiveMaximum} = this.schema;
    const low = minimum ?? exclusiveMinimum;
    const high = maximum ?? exclusiveMaximum;
    const text =
      low !== undefined && high !== undefined ? `${low} – ${high}`
      : low !== undefined ? `${minimum === undefined ? '>' : '≥'} ${low}`
      : high !== undefined ? `${maximum === undefined ? '<' : '≤'} ${high}`
      : '';
    return text ? make('span', {class: 'tf-bounds'}, text) : null;
  }

  spin(event) {
    const by = {ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10}[event.key];
    const now = Number(this.input.value);
    if (!by || Number.isNaN(now)) {
      return;
    }
    event.preventDefault();
    const {minimum = -Infinity, maximum = Infinity} = this.schema;
    const next = Math.min(maximum, Math.max(minimum, now + by * this.step));
    this.input.value = String(Number(next.toPrecision(12)));
    this.changed();
  }

  changed() {
    const now = Number(this.input.value);
    if (this.slider && !Number.isNaN(now)) {
      this.slider.value = now;
    }
    if (!Number.isNaN(now)) {
      this.input.setAttribute('aria-valuenow', now);
    }
    super.changed();
  }

  read() {
    const text = this.input.value.trim().replace(',', '.');
    if (!text) {
      return null;
    }
    const number = Number(text);
    if (Number.isFinite(number) && (!/^[+-]?\d+$/.test(text) || Number.isSafeInteger(number))) {
      return number;
    }
    return /^[+-]?(\d+|nan|inf(inity)?)$/i.test(text) ? {[NUMBER_MARK]: text} : text;
  }

  check() {
    const value = this.read();
    const {minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, type} = this.schema;
    if (value === null) {
      return this.nullable ? '' : 'It is needed.';
    }
    if (typeof value === 'string') {
      return type === 'integer' ? 'This is no whole number.' : 'This is no number.';
    }
    if (isRecord(value)) {
      return '';
    }
    if (type === 'integer' && !Number.isInteger(value)) {
      return 'This is no whole number.';
    }
    if (minimum !== undefined && value < minimum) {
      return `At least ${minimum}.`;
    }
    if (maximum !== undefined && value > maximum) {
      return `At most ${maximum}.`;
    }
    if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
      return `More than ${exclusiveMinimum}.`;
    }
    if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) {
      return `Less than ${exclusiveMaximum}.`;
    }
    const parts = value / multipleOf;
    return multipleOf !== undefined && Math.abs(parts - Math.round(parts)) > 1e-9 ? `A multiple of ${multipleOf}.` : '';
  }
}

class SwitchField extends Field {
  constructor(...of) {
    super(...of);
    const input = make('input', {type: 'checkbox', role: 'switch', class: 'tf-switch'});
    input.checked = this.first === true;
    input.addEventListener('change', () => this.changed());
    this.first = this.first === true;
    this.frame(input);
    this.el.classList.add('tf-inline');
  }

  read() {
    return this.input.checked;
  }
}

class SelectField extends Field {
  constructor(...of) {
    super(...of);
    const labels = this.schema.oneOf?.map(one => [one.const, one.title ?? String(one.const)]);
    this.choices = labels ?? this.schema.enum.map(value => [value, value === null ? 'none' : String(value)]);
    const input = make('select', {}, ...this.choices.map(([, text], index) => make('option', {value: index}, text)));
    const at = this.choices.findIndex(([value]) => sameJson(value, this.first));
    if (at < 0) {
      input.prepend(make('option', {value: '-1'}, 'choose'));
    }
    input.value = String(at);
    input.addEventListener('change', () => this.changed());
    this.frame(input);
  }

  read() {
    return this.choices[Number(this.input.value)]?.[0];
  }

  check() {
    return this.read() === undefined && this.required ? 'Choose one.' : '';
  }
}

class ConstField extends Field {
  constructor(...of) {
    super(...of);
    this.frame(make('output', {class: 'tf-const'}, String(this.schema.const)));
  }

  read() {
    return this.schema.const;
  }
}

/** Whatever JSON can hold, where nothing more is known. */
class JsonField extends Field {
  constructor(...of) {
    super(...of);
    const text = this.first === undefined || this.first === null ? '' : JSON.stringify(this.first, null, 2);
    const rows = Math.min(16, Math.max(3, text.split('\n').length));
    const input = make('textarea', {class: 'tf-code', rows, spellcheck: 'false', placeholder: '42, "text", [1, 2], {"name": "x"}'});
    input.value = text;
    input.addEventListener('input', () => this.changed());
    this.frame(input);
  }

  read() {
    try {
      return this.input.value.trim() ? JSON.parse(this.input.value) : null;
    } catch {
      return undefined;
    }
  }

  check() {
    if (!this.input.value.trim()) {
      return this.required ? 'It is needed.' : '';
    }
    try {
      JSON.parse(this.input.value);
      return '';
    } catch (error) {
      return `This is no JSON: ${error.message}`;
    }
  }

  dirty() {
    return this.read() === undefined || super.dirty();
  }
}
