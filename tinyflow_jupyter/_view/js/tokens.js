/** Slow motion: what passes on an edge goes along it as a token, slowly enough for a class to follow. */

const JOURNEY = 1200;  // milliseconds for the way from port to port
const APART = 450;  // milliseconds between two tokens of a port: what passes meanwhile is not shown
const MOST_TOKENS = 60;  // at once: more are a crowd, not messages

class Tokens {
  constructor(view, canvas) {
    this.canvas = canvas;
    this.counts = new Map();
    this.tokens = [];
    this.still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    view.on('slow', on => this.turn(on));
    this.off = view.picture.on('frame', frame => this.frame(frame));
    this.extra = g => this.draw(g);
    canvas.layers.extra.push(this.extra);
  }

  turn(on) {
    this.on = on;
    this.tokens = [];
    this.counts = new Map(Object.entries(this.canvas.picture.values.ports).map(([port, [, count]]) => [port, count]));
    this.canvas.layers.soon();
  }

  /** One token for each edge of a port at which something has passed since it was last looked at. */
  frame({ports = {}}) {
    if (!this.on) {
      return;
    }
    const now = performance.now();
    for (const [port, [text, count]] of Object.entries(ports)) {
      const crowded = this.tokens.some(token => token.port === port && now - token.began < APART);
      if (count > (this.counts.get(port) ?? 0) && !crowded && this.tokens.length < MOST_TOKENS) {
        this.tokens.push({port, text, began: now});
      }
      this.counts.set(port, count);
    }
    this.move();
  }

  move() {
    const now = performance.now();
    this.tokens = this.tokens.filter(({began}) => now - began < JOURNEY);
    if (this.tokens.length) {
      this.canvas.layers.soon();
      this.moving ??= requestAnimationFrame(() => {
        this.moving = null;
        this.move();
      });
    }
  }

  draw(g) {
    const now = performance.now();
    for (const {port, text, began} of this.tokens) {
      // Who does not want motion sees the token at the middle of its way, and then no more.
      const share = this.still ? 0.5 : Math.min((now - began) / JOURNEY, 1);
      for (const wire of this.canvas.layers.leaving(port)) {
        this.token(g, alongWire(wire, share), text, this.canvas.colours[wire.edge.family]);
      }
    }
  }

  token(g, {x, y}, text, colour) {
    g.font = `600 10px ${MONO}`;
    const said = cut(g, text, 70);
    const room = Math.max(wide(g, said) + 12, 18);
    roundBox(g, x - room / 2, y - 9, room, 18, 9);
    g.fillStyle = colour;
    g.fill();
    g.fillStyle = this.canvas.colours.on;
    g.textAlign = 'center';
    g.fillText(said, x, y + 3.6);
  }

  destroy() {
    this.off();
    this.canvas.layers.extra.splice(this.canvas.layers.extra.indexOf(this.extra), 1);
    cancelAnimationFrame(this.moving);
  }
}
