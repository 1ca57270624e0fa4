/** The inspector: a panel at the right for the node, port or edge that was chosen. */

const INSPECTOR_TABS = [['messages', 'Messages'], ['send', 'Send'], ['settings', 'Settings'], ['letters', 'Dead letters']];
let inspectorCount = 0;

class Inspector {
  constructor(view) {
    this.view = view;
    this.number = ++inspectorCount;
    this.target = null;
    this.messages = new Messages(this);
    this.letters = new Letters(this);
    this.sendPlace = make('div', {class: 'tf-place'});
    this.settingsPlace = make('div', {class: 'tf-place'});
    this.title = make('h2', {class: 'tf-title', dir: 'ltr'});
    this.about = make('div', {class: 'tf-about', dir: 'ltr'});
    const close = actButton('×', 'Close the inspector (Esc)', () => this.hide(), {class: 'tf-icon'});
    const top = make('header', {class: 'tf-top'}, make('div', {class: 'tf-titles'}, this.title, this.about), close);
    this.tabs = new Map();
    this.panels = new Map();
    const list = make('div', {class: 'tf-tabs', role: 'tablist', 'aria-label': 'Inspector'});
    const insides = {messages: this.messages.el, send: this.sendPlace, settings: this.settingsPlace, letters: this.letters.el};
    this.el = make('aside', {class: 'tf-inspector', 'aria-label': 'Inspector', hidden: true}, top, list);
    for (const [name, text] of INSPECTOR_TABS) {
      const id = `tf-inspector-${this.number}-${name}`;
      const tab = make('button', {type: 'button', role: 'tab', id: `${id}-tab`, 'aria-controls': id, 'aria-selected': 'false', tabindex: '-1'}, text);
      const panel = make('section', {role: 'tabpanel', id, class: 'tf-panel', 'aria-labelledby': `${id}-tab`, tabindex: '-1', hidden: true}, insides[name]);
      tab.addEventListener('click', () => this.choose(name));
      this.tabs.set(name, tab);
      this.panels.set(name, panel);
      list.append(tab);
      this.el.append(panel);
    }
    this.mark = make('span', {class: 'tf-mark', hidden: true});
    this.tabs.get('letters').append(this.mark);
    this.note = make('div', {class: 'tf-note', role: 'status', 'aria-live': 'polite'});
    this.el.append(this.note);
    list.addEventListener('keydown', event => this.key(event));
    this.el.addEventListener('keydown', event => event.key === 'Escape' && !event.defaultPrevented && this.hide());
    this.offs = [
      view.picture.on('frame', frame => this.frame(frame)),
      view.on('select', target => (target === null ? this.hide() : this.show(target))),
    ];
  }

  /** Tell a person something, here and where the view does so. */
  say(text, kind = 'note') {
    this.note.textContent = text;
    this.note.dataset.kind = kind;
    this.note.classList.add('tf-shown');
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.note.classList.remove('tf-shown'), kind === 'bad' ? 8000 : 2500);
  }

  /** What a target's text means: its node, port and edge. */
  parse(text) {
    const [source, end] = text.split('>');
    const [node, name] = (end ?? source).split(':');
    return {text, node, port: name ?? null, edge: end ? text : null};
  }

  /** Look at a node (`a`), a port (`a:out`) or an edge (`a:out>b:in`). */
  show(target, tab = null) {
    const wanted = this.parse(target);
    const node = this.view.picture.nodes.get(wanted.node);
    const data = node?.ports.filter(port => port.kind === 'data') ?? [];
    this.target = wanted;
    this.node = node;
    this.el.hidden = false;
    const other = data.find(port => port.dir === 'out') ?? data[0] ?? node?.ports[0];
    this.address = wanted.edge ?? (wanted.port ? wanted.text : other ? `${wanted.node}:${other.name}` : null);
    this.title.replaceChildren(...visibleText(wanted.edge ? wanted.edge.replace('>', ' → ') : wanted.text));
    this.about.replaceChildren(...visibleText(this.story(wanted, node)));
    this.choices(node);
    const input = this.input();
    this.tabs.get('send').hidden = input === null;
    this.tabs.get('settings').hidden = !node?.ports.some(port => port.kind === 'settings');
    this.messages.show(this.address);
    this.sending = this.setting = null;  // what was asked for another target is not meant any more
    this.stale = {send: true, settings: true};
    const chosen = tab ?? (node?.ports.find(port => port.name === wanted.port)?.kind === 'settings' ? 'settings' : (this.tab ?? 'messages'));
    this.choose(this.tabs.get(chosen).hidden ? 'messages' : chosen);
    this.letters.show(wanted.node);
  }

  /** One line about what is looked at. */
  story({edge, port}, node) {
    if (edge) {
      const known = this.view.picture.edges.get(edge);
      return ['edge', known?.when && `when ${known.when}`, known?.map && `map ${known.map}`].filter(Boolean).join(' · ');
    }
    const known = node?.ports.find(one => one.name === port);
    return known ? `${known.dir === 'in' ? 'input' : 'output'} of ${node.id}` : [node?.component, node?.description].filter(Boolean).join(' · ');
  }

  /** The ports of the node, to choose from. */
  choices(node) {
    const edge = Boolean(this.target.edge);
    const ports = edge ? [] : (node?.ports ?? []);
    const options = ports.map(port => make('option', {value: `${node.id}:${port.name}`}, `${port.dir === 'in' ? '→' : '←'} ${port.name}`));
    this.messages.ports.replaceChildren(...options);
    this.messages.ports.hidden = options.length < 2;
    this.messages.ports.value = this.address ?? '';
  }

  /** The input port that a message would be sent to; null where there is none. */
  input() {
    const {edge, port, node} = this.target;
    const ports = this.node?.ports.filter(one => one.dir === 'in' && one.kind !== 'settings') ?? [];
    if (edge) {
      return edge.split('>')[1];
    }
    const named = ports.find(one => one.name === port);
    if (named || !port) {
      return ports.length ? `${node}:${(named ?? ports[0]).name}` : null;
    }
    const settings = this.node?.ports.some(one => one.name === port && one.kind === 'settings');
    return settings ? null : this.beyond(node, port);
  }

  /** The input that an output leads to first; null where it is connected to nothing. */
  beyond(node, port) {
    const next = [...this.view.picture.edges.values()].find(one => one.source === node && one.sourcePort === port);
    return next ? `${next.target}:${next.targetPort}` : null;
  }

  choose(name) {
    this.tab = name;
    for (const [each, tab] of this.tabs) {
      const chosen = each === name;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      this.panels.get(each).hidden = !chosen;
    }
    if (name === 'send' && this.stale?.send) {
      this.fillSend({});
    }
    if (name === 'settings' && this.stale?.settings) {
      this.fillSettings();
    }
    if (name === 'letters') {
      this.letters.show();
    }
  }

  /** Arrows go from tab to tab. */
  key(event) {
    const names = INSPECTOR_TABS.map(([name]) => name).filter(name => !this.tabs.get(name).hidden);
    const at = names.indexOf(this.tab);
    const next = {ArrowRight: names[(at + 1) % names.length], ArrowLeft: names.at(at - 1), Home: names[0], End: names.at(-1)}[event.key];
    if (next) {
      event.preventDefault();
      this.choose(next);
      this.tabs.get(next).focus();
    }
  }

  /** A form to send a message with; `original` is one that it begins as. */
  async fillSend(original, to = this.input()) {
    this.stale.send = false;
    const mine = (this.sending = {});
    this.sendPlace.replaceChildren(make('p', {class: 'tf-empty'}, '…'));
    const named = original.letter ? {letter: original.letter} : original.id ? {id: original.id, from: original.at} : {};
    try {
      const told = await this.view.ask('form', {address: to, ...named});
      if (this.sending !== mine) {
        return;
      }
      const form = new Form({
        schema: told.schema,
        value: told.value ?? undefined,
        name: 'Send',
        once: false,
        label: `A message to ${to}`,
        submit: async document => {
          const answer = await this.view.ask('send', {address: to, ...named, document});
          return {...answer, done: `Sent at ${clockText(Date.now() / 1000).slice(0, 8)}`};
        },
      });
      const from = named.letter ? 'a dead letter' : named.id ? `message ${original.id}` : '';
      this.sendPlace.replaceChildren(
        make('p', {class: 'tf-to'}, 'To ', make('b', {}, to), ` · ${told.type}`, from ? ` · from ${from}` : ''),
        form.el,
      );
    } catch (error) {
      if (this.sending === mine) {
        this.sendPlace.replaceChildren(make('p', {class: 'tf-empty'}, errorText(error)));
      }
    }
  }

  /** The settings of the node. */
  async fillSettings() {
    const {node} = this.target;
    this.stale.settings = false;
    const mine = (this.setting = {});
    this.settingsPlace.replaceChildren(make('p', {class: 'tf-empty'}, '…'));
    try {
      const told = await this.view.ask('form', {node});
      if (this.setting !== mine) {
        return;
      }
      const form = new Form({
        schema: told.schema,
        value: told.value ?? undefined,
        label: `Settings of ${node}`,
        submit: async settings => this.view.ask('apply', {node, settings}),
      });
      this.form = form;
      this.settingsPlace.replaceChildren(form.el);
    } catch (error) {
      if (this.setting === mine) {
        this.settingsPlace.replaceChildren(make('p', {class: 'tf-empty'}, errorText(error)));
      }
    }
  }

  /** Where a message can be sent again: its own port when that is an input, else where the edge leads. */
  goal(told) {
    const [node, name] = told.at.split(':');
    const port = this.view.picture.nodes.get(node)?.ports.find(one => one.name === name);
    return !port || port.dir === 'in' ? told.at : this.beyond(node, name);
  }

  /** Send a message again, as it was. */
  async sendAgain(told) {
    const address = this.goal(told);
    if (address === null) {
      this.say('This output is connected to nothing, so there is nobody to send it to.', 'bad');
      return;
    }
    try {
      await this.view.ask('send', {address, id: told.id, from: told.at});
      this.say(`Sent again to ${address}.`);
    } catch (error) {
      this.say(errorText(error), 'bad');
    }
  }

  /** Edit a message before it is sent. */
  edit(told) {
    const address = this.goal(told);
    if (address === null) {
      this.say('This output is connected to nothing, so there is nobody to send it to.', 'bad');
      return;
    }
    this.tabs.get('send').hidden = false;
    this.stale.send = false;
    this.choose('send');
    this.fillSend(told, address);
    this.tabs.get('send').focus();
  }

  /** Ask where a message went, and tell whoever draws it: the event `trace` has addresses, edges and messages. */
  async follow({trace}) {
    try {
      const told = await this.view.ask('trace', {trace});
      const nodes = new Set(told.addresses.map(address => address.split(':')[0]));
      this.say(`It passed ${told.addresses.length} port${told.addresses.length === 1 ? '' : 's'} of ${nodes.size} node${nodes.size === 1 ? '' : 's'}.`);
      this.view.emit('trace', told);
    } catch (error) {
      this.say(errorText(error), 'bad');
    }
  }

  /** How many dead letters there are, on the tab. */
  badge(count) {
    this.mark.hidden = !count;
    this.mark.textContent = count > 999 ? '999+' : count ? String(count) : '';
  }

  /** Live values: what passed, and whether the number of dead letters has changed. */
  frame(frame) {
    if (this.el.hidden || !this.target) {
      return;
    }
    this.messages.frame(frame.messages);
    const dead = frame.nodes?.[this.target.node]?.[3];
    if (dead !== undefined && dead !== this.dead) {
      this.dead = dead;
      clearTimeout(this.looking);
      this.looking = setTimeout(() => this.letters.show(), 300);
    }
  }

  hide() {
    if (this.el.hidden) {
      return;
    }
    const inside = this.el.contains(document.activeElement);
    this.el.hidden = true;
    this.target = null;
    this.messages.show(null);
    if (inside) {
      this.view.el.focus();
    }
  }

  destroy() {
    clearTimeout(this.saying);
    clearTimeout(this.looking);
    this.messages.destroy();
    this.offs.forEach(off => off());
    this.el.remove();
  }
}
