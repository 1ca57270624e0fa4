/** The view of a flow: what one cell shows. */

const FRONT_END = 'This front end cannot host the interactive graph; here is the picture.';

/** The real view of ipycytoscape, ready to use. */
const hosted = async (model, place) => {
  const name = model.get('graph').replace('IPY_MODEL_', '');
  const graph = await model.widget_manager.get_model(name);
  const view = await model.widget_manager.create_view(graph, {});
  place.append(view.el);
  view.trigger('displayed');
  await view.displayed;
  while (!view.cytoscape_obj) {
    await new Promise(requestAnimationFrame);
  }
  return view;
};

/** Where nothing interactive can be: the picture that Python draws. */
const still = async (picture, root, reason) => {
  const svg = await picture.ask('picture');
  const image = make('img', {src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: `Flow ${picture.head.flow}`});
  root.replaceChildren(image, make('p', {class: 'tf-say'}, `${FRONT_END} (${reason.message})`));
};

class View extends Events {
  constructor(picture, root) {
    super();
    this.picture = picture;
    this.el = root;
    this.parts = [];
    this.note = make('div', {class: 'tf-say', role: 'status', 'aria-live': 'polite'});
    this.off = picture.on('late', error => this.complain(error));
  }

  ask(what, fields) {
    return this.picture.ask(what, fields);
  }

  snapshot() {
    return this.picture;
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
    this.say([error.code, error.what, error.where, error.wayOut].filter(Boolean).join(' ') || String(error), 'bad');
  }

  destroy() {
    clearTimeout(this.saying);
    this.off();
    this.parts.reverse().forEach(part => part.destroy?.());
    this.emit('ended');
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
    this.paint = (g, zoom, wires) => this.mark(g, zoom, wires);
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
  mark(g, zoom, wires) {
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
    const wire = shown && wires.find(one => one.edge.id === shown);
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

    async render({model, el}) {
      const root = make('div', {class: 'tf-view tf-flow', role: 'group', tabindex: '0', 'aria-label': `Flow ${picture.head.flow}`});
      const stage = make('div', {class: 'tf-stage'});
      root.style.setProperty('--tf-height', `${model.get('height')}px`);
      root.append(stage);
      el.append(root);
      const view = new View(picture, root);
      root.append(view.note);
      try {
        const canvas = new Canvas(picture, root, await hosted(model, stage));
        view.canvas = canvas;
        view.stage = stage;
        canvas.on('drawn', () => picture.acknowledge());
        canvas.on('see', ports => model.send({t: 'see', ports}));
        root.tfView = {cy: canvas.cy, canvas, view, picture, stats: () => ({drawn: canvas.layers.drawn})};
        view.inspector = new Inspector(view);
        root.append(view.inspector.el);
        view.parts.push(canvas, new Choosing(view, canvas), view.inspector, new Attachment(view, canvas.cytoscapeView.model));
        for (const [name, Part] of Object.entries(EDITING)) {
          view[name] = new Part(view);
          view.parts.push(view[name]);
        }
        view.controls = new Controls(view);
        stage.append(view.controls.el);
        view.tokens = new Tokens(view, canvas);
        view.parts.push(view.controls, view.tokens);
        canvas.layers.draw();
        root.dataset.ready = 'true';
      } catch (error) {
        await still(picture, root, error);
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
