/** The view of a flow: what one cell shows. */

const MOST_FRAMES = 900;  // of the screen, until which ipycytoscape must have begun: where there is room it takes a few

/** The real view of ipycytoscape, ready to use; whatever it throws says that there is none. */
const hosted = async (model, place, signal) => {
  const name = model.get('graph').replace('IPY_MODEL_', '');
  const graph = await model.widget_manager.get_model(name);
  const view = await model.widget_manager.create_view(graph, {});
  try {
    place.append(view.el);
    view.trigger('displayed');
    await view.displayed;
    for (let frame = 0; !view.cytoscape_obj; frame += 1) {
      signal.throwIfAborted();
      if (frame > MOST_FRAMES) {
        throw new Error('ipycytoscape did not begin to draw.');
      }
      await new Promise(requestAnimationFrame);
    }
    return view;
  } catch (error) {
    view.remove();
    throw error;
  }
};

class View extends Events {
  constructor(picture, root) {
    super();
    this.picture = picture;
    this.id = Math.random().toString(36).slice(2, 12);  // by which Python knows whose eyes these are
    this.el = root;
    this.parts = [];
    this.note = make('div', {class: 'tf-say', role: 'status', 'aria-live': 'polite'});
    this.off = picture.on('late', error => this.complain(error));
    this.leave = () => this.tell('gone');
    addEventListener('pagehide', this.leave);
  }

  /** Ask the kernel; other views of the same flow, here and in other browsers, ask too. */
  ask(what, fields) {
    return this.picture.ask(what, {...fields, view: this.id});
  }

  /** Tell the kernel something of this view. */
  tell(word, fields) {
    this.picture.model.send({...fields, t: word, view: this.id});
  }

  /** Tell the person something; it goes after a while. */
  say(text, kind = 'note') {
    this.note.textContent = text;
    this.note.dataset.kind = kind;
    this.note.classList.toggle('tf-shown', Boolean(text));
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.note.classList.remove('tf-shown'), kind === 'bad' ? 9000 : 4000);
  }

  /** Tell of an error of the kernel's: what, where and the way out. */
  complain(error) {
    this.say(errorText(error), 'bad');
  }

  /** Where nothing interactive can be: say so, and show the picture that Python draws, as soon as it does. */
  still(words) {
    const image = make('img', {alt: `Flow ${this.picture.head.flow}`});
    this.el.replaceChildren(make('p', {role: 'status'}, words), image);
    this.el.classList.add('tf-still');
    this.ask('picture').then(
      svg => image.setAttribute('src', `data:image/svg+xml,${encodeURIComponent(svg)}`),
      error => image.replaceWith(errorText(error)),
    );
  }

  /** All that it is made of, in the order in which the parts need each other. */
  furnish(stage, host) {
    const {picture} = this;
    const add = part => {
      this.parts.push(part);
      return part;
    };
    this.stage = stage;
    add({destroy: () => this.canvas ?? host.remove()});
    const canvas = this.canvas = add(new Canvas(picture, this.el, host));
    canvas.on('drawn', () => picture.acknowledge());
    canvas.on('see', ports => this.tell('see', {ports}));
    this.inspector = add(new Inspector(this));
    this.el.append(this.inspector.el);
    add(new Choosing(this, canvas));
    add(new Attachment(this, host.model));
    for (const [name, Part] of Object.entries(EDITING)) {
      this[name] = add(new Part(this));
    }
    this.controls = add(new Controls(this));
    stage.append(this.controls.el);
    this.tokens = add(new Tokens(this, canvas));
    add(new Printed(this, picture.head.run));
    canvas.layers.draw();
  }

  destroy() {
    clearTimeout(this.saying);
    this.off();
    removeEventListener('pagehide', this.leave);
    this.parts.splice(0).reverse().forEach(part => part.destroy?.());
    this.leave();
  }
}

/** When the kernel goes, what is shown is the past: say so, and how to go on. */
class Attachment {
  /** @param model ipycytoscape's, which knows whether its kernel is there; ours is behind anywidget's. */
  constructor(view, model) {
    this.model = model;
    this.lost = make('div', {class: 'tf-lost', role: 'alert', hidden: true},
      'The kernel has gone: this is what was last seen. Run the cell again to attach.');
    view.el.append(this.lost);
    this.told = () => {
      this.lost.hidden = model.comm_live !== false;
      view.el.classList.toggle('tf-past', model.comm_live === false);
    };
    model.on('comm_live_update', this.told);
    this.told();
  }

  destroy() {
    this.model.off('comm_live_update', this.told);
  }
}

/** What a person clicks is what the inspector shows, and is marked on the canvas; the trace of a message lights up. */
class Choosing {
  constructor(view, canvas) {
    Object.assign(this, {view, canvas, target: null});
    const {cy} = canvas;
    cy.on('tap', event => {
      if (event.target === cy) {
        view.emit('select', null);
      } else {
        view.emit('select', event.target.id());
      }
    });
    canvas.listen(canvas.box, 'click', event => {
      const port = canvas.portAt(...canvas.within(event));
      if (port) {
        view.emit('select', port.address);
      }
    }, {capture: true});
    view.on('select', target => this.choose(target));
    view.on('held', () => canvas.layers.soon());
    view.on('trace', trace => this.light(canvas, trace));
    const none = {nodes: [], edges: []};
    this.offs = [
      view.picture.on('changed', change => this.follow(change)),
      view.picture.on('loaded', () => this.follow({drop: none})),
    ];
    this.paint = (g, zoom) => this.mark(g, zoom);
    canvas.layers.extra.push(this.paint);
  }

  choose(target) {
    this.target = target;
    this.component = this.view.picture.nodes.get(target?.split(':')[0])?.component;
    this.canvas.layers.soon();
  }

  /** What was chosen is gone, or has another name now: where one node went and one like it came, that is it. */
  follow({drop, fresh = []}) {
    const {nodes, edges} = this.view.picture;
    const ends = this.target?.split('>') ?? [];
    const gone = ends.map(end => end.split(':')[0]).find(name => !nodes.has(name));
    if (!gone) {
      if (ends.length > 1 && !edges.has(this.target)) {
        this.view.emit('select', null);
      }
      return;
    }
    const [heir] = fresh;
    const renamed = drop.nodes.length === 1 && fresh.length === 1 && (ends.length > 1 || heir.component === this.component);
    const rest = end => (end.split(':')[0] === gone ? `${heir.id}${end.slice(gone.length)}` : end);
    this.view.emit('select', renamed ? ends.map(rest).join('>') : null);
  }

  /** A ring around the port, or a light along the edge, that the inspector shows; a red dot at each breakpoint. */
  mark(g, zoom) {
    const {canvas, view} = this;
    const {colours} = canvas;
    const size = Math.max(1, 0.5 / zoom);  // seen from far away too
    const round = ({x, y}, radius) => {
      g.beginPath();
      g.arc(x, y, radius * size, 0, 7);
    };
    for (const place of Object.keys(view.controls.breakpoints).map(address => canvas.placeOf(address)).filter(Boolean)) {
      round(place, 8);
      g.fillStyle = colours.bad;
      g.fill();
      round(place, 3);
      g.fillStyle = colours.on;
      g.fill();
    }
    const shown = view.inspector.target && view.inspector.address;
    const wire = shown && canvas.layers.leaving(shown.split('>')[0]).find(one => one.edge.id === shown);
    const place = shown && canvas.placeOf(shown);
    g.strokeStyle = colours.number;
    if (place) {
      round(place, 10);
      g.lineWidth = 2 * size;
      g.stroke();
    } else if (wire) {
      const {start, end, controls: [a, b]} = wire;
      g.beginPath();
      g.moveTo(start.x, start.y);
      g.bezierCurveTo(a.x, a.y, b.x, b.y, end.x, end.y);
      g.globalAlpha = 0.3;
      g.lineWidth = 12 * size;
      g.stroke();
      g.globalAlpha = 1;
    }
  }

  /** Light the way of one message, and let everything else step back; nothing lights everything again. */
  light(canvas, trace) {
    const nodes = new Set((trace?.addresses ?? []).map(address => address.split(':')[0]));
    const edges = new Set(trace?.edges ?? []);
    canvas.cy.batch(() => {
      canvas.cy.elements().removeClass('lit faded');
      if (nodes.size) {
        canvas.cy.nodes().forEach(node => node.toggleClass('faded', !nodes.has(node.id())));
        canvas.cy.edges().forEach(edge => edge.toggleClass('lit', edges.has(edge.id())).toggleClass('faded', !edges.has(edge.id())));
      }
    });
    canvas.layers.stale();
  }

  destroy() {
    this.offs.forEach(off => off());
    this.canvas.layers.extra = this.canvas.layers.extra.filter(one => one !== this.paint);
  }
}

/** What edits a flow, in the order in which the parts need each other. */
const EDITING = {
  changes: Changes, gestures: Gestures, palette: Palette, renaming: Renaming, dialogs: Dialogs, keys: Keys, toolbar: Toolbar,
  minimap: Minimap, tree: TreeOfFlow, room: Room,
};

export default () => {
  let picture;
  return {
    initialize({model}) {
      picture = new Picture(model);
      return () => picture.forget();
    },

    /** Since anywidget 0.11 a signal says that the page has no more use for it. */
    async render({model, el, signal = new AbortController().signal}) {
      const root = make('div', {class: 'tf-view tf-flow', role: 'group', tabindex: '0', 'aria-label': `Flow ${picture.head.flow}`});
      const stage = make('div', {class: 'tf-stage'});
      root.style.setProperty('--tf-height', `${model.get('height')}px`);
      root.append(stage);
      el.append(root);
      const view = new View(picture, root);
      root.append(view.note);
      const host = await hosted(model, stage, signal).catch(error => {
        if (!signal.aborted) {
          view.still(`This front end cannot host the interactive graph; here is the picture. (${errorText(error)})`);
        }
      });
      try {
        if (host) {
          view.furnish(stage, host);
          root.tfView = {cy: view.canvas.cy, canvas: view.canvas, view, picture, stats: () => ({drawn: view.canvas.layers.drawn})};
          root.dataset.ready = 'true';
        }
      } catch (error) {
        console.error(error);
        requestAnimationFrame(() => view.destroy());  // the page still has messages on their way to what it was given
        view.still(`The graph met an error of its own: ${error}. Here is the picture; run the cell again for another try.`);
      }
      return () => {
        view.destroy();
        delete root.tfView;
        root.replaceChildren();
        root.remove();
      };
    },
  };
};
