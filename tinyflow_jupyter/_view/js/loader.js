/**
 * Loads what a widget is, once for a page. A browser never forgets a module, and each widget would bring its own: here
 * it brings the text of one, which is looked up among those that are there.
 */
const modules = globalThis[Symbol.for('tinyflow.modules')] ??= new Map();

const load = async text => {
  const url = URL.createObjectURL(new Blob([text], {type: 'text/javascript'}));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
};

export default () => {
  let widget;
  return {
    async initialize(context) {
      const text = context.model.get('module');
      if (!modules.has(text)) {
        modules.set(text, load(text));
      }
      widget = (await modules.get(text)).default();
      return widget.initialize(context);
    },
    render: context => widget.render(context),
  };
};
