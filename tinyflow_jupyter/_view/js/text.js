/** Small pieces of the page. Text is always set as text. */

/** An element with attributes and children; a child that is a string becomes text. */
const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) {
      element.addEventListener(name.slice(2), value);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? '' : value);
    }
  }
  element.append(...children.filter(child => child !== null && child !== undefined));
  return element;
};

/** A number in as few letters as one reads at a glance: 1234 is 1.2k. */
const short = number => {
  for (const [size, sign] of [[1e9, 'G'], [1e6, 'M'], [1e4, 'k']]) {
    if (number >= size) {
      const scaled = number / (sign === 'k' ? 1e3 : size);
      return `${scaled >= 100 ? Math.round(scaled) : scaled.toPrecision(3).replace(/\.?0+$/, '')}${sign}`;
    }
  }
  return number >= 100 ? Math.round(number).toLocaleString('en') : String(Math.round(number * 10) / 10);
};

/** An error in one line: the kernel's with its code, what it is, where and the way out; another one's own words. */
const errorText = error =>
  [error.code, error.what, error.where, error.wayOut].filter(Boolean).join(' ') || error.message || String(error);

/** Who listens to what: `on` returns what ends it. */
class Events {
  constructor() {
    this.listeners = new Map();
  }

  on(event, listener) {
    const all = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, all.add(listener));
    return () => all.delete(listener);
  }

  emit(event, ...values) {
    for (const listener of [...(this.listeners.get(event) ?? [])]) {
      listener(...values);
    }
  }
}
