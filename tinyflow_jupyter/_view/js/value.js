/** A value as one reads it at a glance: a number large, truth as a light, a record as a small table, a list line by line. */

const LINES = 6; // fields or parts that are shown; all of it is there when it is opened
const KINDS = {int: 'number', float: 'number', bool: 'truth', str: 'text', dict: 'record', record: 'record', list: 'list', tuple: 'list', set: 'list'};

/** A text as it is read: what a quoted one would say, without its quotes. */
const plainText = node => (node.k === 'str' ? node.t ?? '' : previewText(node));

/** Whether there is more to see than what is shown. */
const hasMore = node => hasParts(node) || ['image', 'table'].includes(node.k) || (node.t ?? '').length > 160 || (node.k === 'str' && 'n' in node);

class Value {
  constructor() {
    this.el = make('div', {class: 'tf-val'});
    this.shown = '';
  }

  /** Show what Python made of a payload; nothing is touched where it is the same. */
  draw(node) {
    const text = JSON.stringify(node);
    if (text === this.shown) {
      return;
    }
    this.shown = text;
    const kind = node ? (KINDS[node.k] ?? 'other') : 'none';
    this.el.dataset.kind = kind;
    this.el.replaceChildren(...this.parts(node, kind));
  }

  parts(node, kind) {
    switch (kind) {
      case 'none':
        return ['nothing yet'];
      case 'number':
        return [make('span', {class: 'tf-figure', title: node.t}, ...visibleText(numberText(node.t)))];
      case 'truth': {
        const on = node.t === 'True';
        return [make('span', {class: 'tf-light', 'data-on': on, 'aria-hidden': 'true'}), on ? 'true' : 'false'];
      }
      case 'text':
        return [make('div', {class: 'tf-words', dir: 'ltr'}, ...visibleText(node.t || '“”'))];
      case 'record':
        return node.c?.length ? [this.table(node), ...this.rest(node)] : [previewText(node)];
      case 'list':
        return node.c?.length ? [this.list(node), ...this.rest(node)] : [previewText(node)];
      default:
        return [make('div', {class: 'tf-words tf-raw', dir: 'ltr'}, ...visibleText(previewText(node, 200)))];
    }
  }

  table(node) {
    const lines = node.c.slice(0, LINES).map(([key, child]) =>
      make(
        'tr',
        {},
        make('th', {scope: 'row'}, ...visibleText(keyText(key))),
        make('td', {class: `tf-k-${child.k}`, dir: 'ltr'}, ...this.cell(child)),
      ),
    );
    return make('table', {class: 'tf-pairs'}, make('tbody', {}, ...lines));
  }

  list(node) {
    const lines = node.c.slice(0, LINES).map(([, child]) => make('li', {class: `tf-k-${child.k}`, dir: 'ltr'}, ...this.cell(child)));
    return make('ol', {class: 'tf-parts', start: 0}, ...lines);
  }

  cell(node) {
    return visibleText(KINDS[node.k] === 'number' ? numberText(node.t) : node.k === 'bool' ? node.t.toLowerCase() : plainText(node).slice(0, 160));
  }

  rest(node) {
    const left = (node.n ?? 0) - Math.min(LINES, node.c.length);
    return left > 0 ? [make('div', {class: 'tf-soft'}, `${left.toLocaleString('en')} more`)] : [];
  }
}
