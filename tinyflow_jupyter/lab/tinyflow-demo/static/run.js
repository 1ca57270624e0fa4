// Runs the cells of the demo notebook once, when `tinyflow demo` opens it. Written by hand: nothing is built.
// JupyterLab asks for extensions as webpack would have packed them: a container with init and get.

const RAN = "tinyflow-demo-ran"; // in this tab: a reload must not run everything again

const LOOK = "look-here"; // the tag of the cell whose output is to be seen once all have run; running them has scrolled to the last

async function run(app) {
  const { context, content } = app.shell.currentWidget ?? {};
  const opened = decodeURIComponent(location.pathname);
  if (!context?.sessionContext || !opened.endsWith(`/tree/${context.path}`) || sessionStorage.getItem(RAN)) {
    return;
  }
  sessionStorage.setItem(RAN, "yes");
  await context.ready;
  await context.sessionContext.ready;
  await app.commands.execute("notebook:run-all-cells");
  const look = content.widgets.findIndex((cell) => cell.model.getMetadata("tags")?.includes(LOOK));
  if (look >= 0) {
    content.activeCellIndex = look;
    await content.scrollToItem(look, "end"); // its output, which is below
  }
}

const plugin = {
  id: "tinyflow-demo:run",
  autoStart: true,
  activate(app) {
    app.shell.currentChanged?.connect(() => run(app));
    app.restored.then(() => run(app));
  },
};

(window._JUPYTERLAB ??= {})["tinyflow-demo"] = {
  init() {},
  get: async () => () => ({ __esModule: true, default: plugin }),
};
