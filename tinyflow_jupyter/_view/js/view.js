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

/** What a person clicks is what the inspector shows; the trace of a message lights up. */
class Choosing {
  constructor(view, canvas) {
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
    view.on('select', target => target && requestAnimationFrame(() => this.reveal(canvas, target.split(':')[0])));
    view.on('trace', trace => this.light(canvas, trace));
  }

  /** A panel may have opened over what was chosen: bring it back into sight. */
  reveal({cy}, name) {
    const node = cy.getElementById(name);
    if (node.empty()) {
      return;
    }
    cy.resize();
    const box = node.renderedBoundingBox();
    const beyond = box.x2 + 24 - cy.width();
    if (beyond > 0) {
      cy.panBy({x: -Math.min(beyond, box.x1 - 24), y: 0});
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
}

/** What edits a flow, in the order in which the parts need each other. */
const EDITING = {
  changes: Changes, gestures: Gestures, palette: Palette, renaming: Renaming, dialogs: Dialogs, keys: Keys, toolbar: Toolbar,
  minimap: Minimap, tree: TreeOfFlow,
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
        const inspector = new Inspector(view);
        root.append(inspector.el);
        view.parts.push(canvas, new Choosing(view, canvas), inspector, new Attachment(view, canvas.cytoscapeView.model));
        for (const [name, Part] of Object.entries(EDITING)) {
          view[name] = new Part(view);
          view.parts.push(view[name]);
        }
        const controls = new Controls(view);
        stage.append(controls.el);
        view.tokens = new Tokens(view, canvas);
        view.parts.push(controls, view.tokens);
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
