/** A line of numbers without axes: how it has been going. The colours are those of the theme around it. */

const SVG = 'http://www.w3.org/2000/svg';
const PAPER = {wide: 200, high: 40, rim: 3};

/** An element of a drawing. */
const drawn = (tag, attributes) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    element.setAttribute(name, value);
  }
  return element;
};

/** A number for people: thousands apart, six digits that count. */
const numberText = text => {
  const number = Number(text);
  if (text === '' || !Number.isFinite(number)) {
    return text;
  }
  if (Number.isInteger(number) && !/[.e]/i.test(text)) {
    return Number.isSafeInteger(number) ? number.toLocaleString('en') : text;
  }
  const size = Math.abs(number);
  return size !== 0 && (size < 1e-4 || size >= 1e12)
    ? number.toExponential(3)
    : number.toLocaleString('en', {maximumSignificantDigits: size >= 1e6 ? 9 : 6});
};

class Sparkline {
  constructor() {
    this.line = drawn('path', {class: 'tf-spark-line', 'vector-effect': 'non-scaling-stroke'});
    this.area = drawn('path', {class: 'tf-spark-area'});
    const paper = drawn('svg', {viewBox: `0 0 ${PAPER.wide} ${PAPER.high}`, preserveAspectRatio: 'none', 'aria-hidden': 'true'});
    paper.append(this.area, this.line);
    this.end = make('span', {class: 'tf-spark-end'});
    this.most = make('span', {class: 'tf-spark-most'});
    this.least = make('span', {class: 'tf-spark-least'});
    const sheet = make('div', {class: 'tf-spark-sheet'}, paper, this.end);
    this.el = make('div', {class: 'tf-spark', hidden: true}, sheet, make('div', {class: 'tf-spark-scale'}, this.most, this.least));
  }

  /** Draw these numbers from left to right; null is a gap. Fewer than `room` fill their share of the paper. */
  draw(numbers, room = numbers.length) {
    const known = numbers.filter(one => one !== null);
    this.el.hidden = known.length < 2;
    if (this.el.hidden) {
      return;
    }
    const least = Math.min(...known);
    const most = Math.max(...known);
    const across = (PAPER.wide - 1) / Math.max(1, Math.max(room, numbers.length) - 1);
    const high = PAPER.high - 2 * PAPER.rim;
    const down = one => (most === least ? PAPER.high / 2 : PAPER.rim + high * (1 - (one - least) / (most - least)));
    let line = '';
    let area = '';
    let from = null;
    let last = null;
    numbers.forEach((one, index) => {
      const x = (index * across).toFixed(1);
      if (one === null) {
        area += from === null ? '' : `V${PAPER.high}H${from}Z`;
        from = null;
        return;
      }
      const y = down(one).toFixed(1);
      line += `${from === null ? 'M' : 'L'}${x} ${y}`;
      area += from === null ? `M${x} ${PAPER.high}V${y}` : `L${x} ${y}`;
      from ??= x;
      last = [x, y];
    });
    this.line.setAttribute('d', line);
    this.area.setAttribute('d', from === null ? area : `${area}V${PAPER.high}H${from}Z`);
    this.end.style.left = `${(100 * last[0]) / PAPER.wide}%`;
    this.end.style.top = `${(100 * last[1]) / PAPER.high}%`;
    this.most.textContent = numberText(String(most));
    this.least.textContent = most === least ? '' : numberText(String(least));
  }
}
