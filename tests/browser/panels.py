"""A bare page with the panels of a real view, beside no canvas: its model is a wire to a real view in this process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from playwright.async_api import Page

from tinyflow_jupyter import _theme
from tinyflow_jupyter._view.flow_view import FlowView
from tinyflow_jupyter._view.widget import styles

# What a widget manager gives a widget: what both sides hold, and messages between them.
PAGE = """<!doctype html><meta charset="utf-8"><body style="margin:0;background:var(--tf-page)">
<div id="root" class="tf-flow" tabindex="0"
  style="display:flex;justify-content:end;height:100vh;background:var(--tf-page)"></div>
<script>{script}
window.model = new (class extends Events {{
  get(name) {{ return {{snapshot: {snapshot}}}[name]; }}
  async send(message) {{
    const told = JSON.parse(await window.tellPython(JSON.stringify(message)));
    told.forEach(one => this.emit('msg:custom', one));
  }}
  off() {{}}
  set() {{}}
}})();
window.view = new View(new Picture(model), document.getElementById('root'));
view.keys = {{node: null, port: null}};
view.el.append(view.note);
</script></body>"""


class Wired(FlowView):
    """A view whose messages go to one page.

    Attributes:
        asked: What the page has asked.
    """

    def __init__(self, flow: Any) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self._told: list[Any] = []
        super().__init__(flow)

    def heard(self, message: Mapping[str, Any]) -> None:
        """Nothing: frames come when a test sends them."""

    def send(self, content: Any, buffers: Any = None) -> None:
        """Keep it for the page."""
        self._told.append(content)

    def exchange(self, text: str) -> str:
        """What the page says, for what there is to say to it."""
        message = json.loads(text)
        if message["t"] == "ask":
            self.asked.append(message)
        self._receive(self, message, None)
        told, self._told = self._told, []
        return json.dumps(told, allow_nan=False)


def script() -> str:
    """All of our JavaScript of a view, as a page takes it that imports nothing."""
    return str(FlowView.module.default_value).replace("export default ", "const widget = ")


async def open_page(page: Page, flow: Any) -> Wired:
    """Show a page with the ``view`` of a flow, in which there is nothing yet."""
    view = Wired(flow)
    await page.expose_function("tellPython", view.exchange)
    snapshot = json.dumps(view.shown()).replace("<", "\\u003c")  # other tests name components too
    await page.set_content(PAGE.format(script=script(), snapshot=snapshot))
    await page.add_style_tag(content=_theme.STYLE + styles("panels", "tree", "controls"))
    return view


async def inspect(page: Page, target: str, tab: str | None = None) -> None:
    """Open the inspector on a node, port or edge."""
    await page.evaluate(
        """([target, tab]) => {
            if (!window.inspector) {
                window.inspector = new Inspector(window.view);
                window.traces = [];
                view.el.append(inspector.el);
                view.on('trace', trace => window.traces.push(trace));
            }
            inspector.show(target, tab);
        }""",
        [target, tab],
    )


async def show_frame(page: Page, view: Wired, **more: Any) -> None:
    """What passed since the last time arrives in the page."""
    frame = {"t": "frame", "n": 1, "messages": view._inspection.frame(), **more}
    await page.evaluate("frame => model.emit('msg:custom', frame)", frame)
