/**
 * What a flow prints stands below the cell that its graph is in: the front end knows it by the run of that cell. A page
 * that is loaded anew has not run the cell and would show none of it, so the graph shows it, below itself.
 */

const PRINTED_MOST = 20000;  // letters: of more than that, the last ones

class Printed {
  /** @param run The run of the cell that the view was made in, as messages of the kernel name it. */
  constructor(view, run) {
    this.run = run;
    this.el = make('pre', {class: 'tf-printed', role: 'log', 'aria-label': 'Printed by the flow', tabindex: '0'});
    this.view = view;
    this.kernel = view.picture.model.widget_manager?.kernel;
    this.heard = (_, message) => this.hear(message);
    this.kernel?.iopubMessage?.connect(this.heard);
  }

  hear({header, parent_header: parent, content}) {
    // What this page has run itself, it shows in the cell.
    if (header.msg_type !== 'stream' || parent.msg_id !== this.run || parent.session === this.kernel.clientId) {
      return;
    }
    this.el.textContent = (this.el.textContent + content.text).slice(-PRINTED_MOST);
    if (!this.el.isConnected) {
      this.view.el.after(this.el);
    }
    this.el.scrollTop = this.el.scrollHeight;
  }

  destroy() {
    this.kernel?.iopubMessage?.disconnect(this.heard);
    this.el.remove();
  }
}
