"""A bare page with the panels beside nothing: Python answers as it would through a widget, and no Jupyter is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from playwright.async_api import Page

import tinyflow_jupyter
from tinyflow_jupyter import _theme
from tinyflow_jupyter._view.inspection import Inspection
from tinyflow_jupyter._view.widget import styles

HOME = Path(tinyflow_jupyter.__file__).parent / "_view/js"
FILES = ("text", "tree", "field", "form", "messages", "inspector")

PAGE = """<!doctype html><meta charset="utf-8"><body style="margin:0;background:var(--tf-page)">
<div id="root" class="tf-flow" style="display:flex;justify-content:end;height:100vh;background:var(--tf-page)"></div>
<script>{script}
const nodes = {nodes};
const edges = {edges};
window.traces = [];
window.view = new (class extends Events {{
  constructor() {{ super(); this.el = document.getElementById('root'); this.said = []; }}
  snapshot() {{ return {{nodes, edges}}; }}
  say(text) {{ this.said.push(text); }}
  async ask(word, fields = {{}}) {{
    const told = JSON.parse(await window.askPython(JSON.stringify({{...fields, do: word}})));
    if (told.error) {{ throw told.error; }}
    return told.value;
  }}
}})();
</script></body>"""


def script() -> str:
    """All of our JavaScript that needs no widget."""
    return "\n".join((HOME / f"{name}.js").read_text(encoding="utf-8") for name in FILES)


def snapshot_of(flow: Any) -> tuple[list[Any], list[Any]]:
    """A flow as the browser knows it, without places."""
    nodes = [
        {
            "id": node.name,
            "component": node.component.name,
            "description": node.component.info().description,
            "ports": [
                {
                    "name": port.name,
                    "label": port.label or port.name,
                    "dir": port.direction,
                    "kind": "settings" if port.settings else "error" if port.name == "error" else "data",
                }
                for port in node.ports.values()
            ],
        }
        for node in flow.nodes.values()
    ]
    edges = [
        {
            "id": f"{edge.source}>{edge.target}",
            "source": edge.source.node,
            "sourcePort": edge.source.port,
            "target": edge.target.node,
            "targetPort": edge.target.port,
            "when": edge.when.text if edge.when else None,
            "map": edge.map.text if edge.map else None,
        }
        for edge in flow.edges.values()
    ]
    return nodes, edges


async def open_page(page: Page, flow: Any, *, asked: list[Any] | None = None) -> Inspection:
    """Show a page in which ``view`` asks about a flow; errors and dialogs of the page are kept in it."""
    inspection = Inspection(flow)
    answers = inspection.answers()

    def answer(text: str) -> str:
        request = json.loads(text)
        if asked is not None:
            asked.append(request)
        try:
            return json.dumps({"value": answers[request["do"]](request)}, allow_nan=False)
        except tinyflow_jupyter.errors.TinyFlowError as error:
            way_out = " ".join(error.way_out)
            return json.dumps({"error": {"code": error.code, "what": error.what, "wayOut": way_out, "where": ""}})

    await page.expose_function("askPython", answer)
    nodes, edges = snapshot_of(flow)
    await page.set_content(PAGE.format(script=script(), nodes=json.dumps(nodes), edges=json.dumps(edges)))
    style = _theme.STYLE + styles("panels", "tree")
    await page.add_style_tag(content=style)
    return inspection


async def inspect(page: Page, target: str, tab: str | None = None) -> None:
    """Open the inspector on a node, port or edge."""
    await page.evaluate(
        """([target, tab]) => {
            if (!window.inspector) {
                window.inspector = new Inspector(window.view);
                window.view.el.append(inspector.el);
                inspector.el.addEventListener('trace', event => window.traces.push(event.detail));
            }
            inspector.show(target, tab);
        }""",
        [target, tab],
    )


async def show_frame(page: Page, inspection: Inspection, **more: Any) -> None:
    """What passed since the last time arrives in the page."""
    await page.evaluate("frame => view.emit('frame', frame)", {"messages": inspection.frame(), **more})
