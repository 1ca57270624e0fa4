"""The view in a real JupyterLab and Notebook 7: it is there after the cell, follows the theme, and leaves nothing."""

from __future__ import annotations

import shutil
from typing import Any

import nbformat
import pytest
from lab import COUNT_MESSAGES, LONG, Lab
from lab_server import ROOT
from playwright.async_api import expect

from tinyflow_jupyter._demo import free_port, rewrite

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

MOST_COMMS = 6  # of one canvas, whatever its size
FLOW = """
import asyncio
from collections.abc import AsyncIterator
import tinyflow_jupyter as tf

@tf.component
async def ticks(*, every: float = 0.02) -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(every)

@tf.component
def double(x: int) -> int:
    return 2 * x

flow = tf.Flow("numbers")
flow.node("ticks", ticks)
flow.node("double", double)
flow.edge("ticks:out", "double:in")
"""
# All that a person sees of a structure: what is where, and what is joined.
DRAWN = """() => {
    const {cy} = document.querySelector('.tf-view').tfView;
    const round = ({x, y}) => [Math.round(x), Math.round(y)];
    const ends = one => [one.source().id(), one.target().id()];
    return cy.elements().map(one => [one.id(), one.isNode() ? round(one.position()) : ends(one)]);
}"""
CANVAS = "document.querySelector('.tf-view').tfView.canvas"
PAGE = "() => getComputedStyle(document.querySelector('.tf-view')).getPropertyValue('--tf-page').trim()"
VALUE = "() => document.querySelector('.tf-view').tfView.picture.values.ports['double:out']?.[1] ?? 0"
# What views are made of, kept where it can be found after the last one has gone.
KINDS = """() => {
    const {cy, view, canvas, picture} = document.querySelector('.tf-view').tfView;
    const of = Object.getPrototypeOf;
    window.kinds = {graph: of(cy), view: of(view), canvas: of(canvas), picture: of(picture)};
}"""
ONE, NONE = [dict.fromkeys(("graph", "view", "canvas", "picture"), count) for count in (1, 0)]
# Whether a cell runs. A kernel's status does not tell: it may be that of a subshell, which answers views meanwhile.
RUNNING = "[...document.querySelectorAll('.jp-InputPrompt')].some(prompt => prompt.textContent.includes('*'))"
# How large the picture of what stays as it is is, and how many points of the last node's card are in it.
INK = """() => {
    const {canvas, cy} = document.querySelector('.tf-view').tfView;
    const {ink} = canvas.layers;
    const {x1, y1, w, h} = cy.$('#double').renderedBoundingBox({includeLabels: false});
    const [left, top, wide, high] = [x1 + 240, y1 + 240, w, h].map(one => Math.round(one * devicePixelRatio));
    const points = ink.getContext('2d').getImageData(left, top, Math.max(wide, 1), Math.max(high, 1)).data;
    return [ink.width, ink.height, points.filter((one, at) => at % 4 === 3 && one).length];
}"""
# Draw where there is no room, as a page that changes its theme has it: too shortly for observers to tell.
HIDDEN = f"""() => {{
    const {{layers, root}} = {CANVAS};
    root.style.display = 'none';
    layers.changed = true;
    layers.draw();
    root.style.display = '';
}}"""
TOKENS = "document.querySelector('.tf-view').tfView.view.tokens.tokens"
# From now on only what changes with every message is drawn; count who looks at all nodes of cytoscape, all wires, all
# values of edges, and all edges.
LOOKS = """() => {
    const {cy, canvas, picture} = document.querySelector('.tf-view').tfView;
    const looks = window.looks = {nodes: 0, wires: 0, values: 0, edges: 0, heard: 0};
    const counted = (of, method, name) => {
        const before = of[method];
        of[method] = function (...told) { looks[name] += told.length ? 0 : 1; return before.apply(this, told); };
    };
    picture.on('frame', frame => { looks.heard += Boolean(frame.nodes); });
    canvas.layers.drawStill = () => {};
    canvas.layers.leaving?.('double:out');  // the index is there
    counted(cy, 'nodes', 'nodes');
    counted(canvas.layers.run, Symbol.iterator, 'wires');
    counted(picture.edges, 'values', 'edges');
    picture.values.edges = new Proxy(picture.values.edges, {ownKeys(of) {
        looks.values += 1;
        return Reflect.ownKeys(of);
    }});
}"""
DRAWN_MORE = """async frames => {
    const drawn = () => document.querySelector('.tf-view').tfView.stats().drawn;
    const first = drawn();
    const end = performance.now() + 40000;  // on a busy machine; two seconds on another
    while (drawn() < first + frames && performance.now() < end) await new Promise(requestAnimationFrame);
    return drawn() - first;
}"""


async def drawn(lab: Lab) -> dict[str, Any]:
    return dict(await lab.page.evaluate(DRAWN))


async def test_a_flow_as_the_last_line_is_a_graph_in_the_themes_colours(lab: Lab) -> None:
    await lab.open("last-line", [FLOW, "flow"])
    await lab.run()
    await lab.ready()
    light = await lab.page.evaluate(PAGE)

    await lab.theme("dark")
    dark = await lab.page.evaluate(PAGE)

    assert set(await drawn(lab)) == {"ticks", "double", "ticks:out>double:in"}
    assert await lab.comms() <= MOST_COMMS
    assert light != dark
    assert lab.said == []


async def test_a_structure_of_any_size_is_one_message_for_each_comm(lab: Lab) -> None:
    more = (
        "for number in range(300):\n    flow.node(f'n-{number}', double)\n    flow.edge('ticks:out', f'n-{number}:in')"
    )
    await lab.open("messages", [FLOW + more, COUNT_MESSAGES, "flow"])
    await lab.run()
    await lab.ready()
    await lab.page.evaluate("document.querySelector('.tf-view').tfView.view.ask('held')")  # after whatever it asked

    opened = ["comm_open"] * await lab.comms()
    assert [kind for kind, _ in await lab.python("sent")] == [*opened, "comm_msg"]
    assert len(await drawn(lab)) == 603


async def test_notebook_7_shows_the_same_graph(lab: Lab) -> None:
    await lab.open("classic", [FLOW + "flow.start()\nflow"], classic=True)

    await lab.run()
    await lab.ready()
    await lab.page.wait_for_function(f"({VALUE})() > 3")

    assert set(await drawn(lab)) == {"ticks", "double", "ticks:out>double:in"}
    assert lab.said == []


async def test_a_view_that_was_hidden_for_a_moment_is_drawn_in_full_when_it_is_shown_again(lab: Lab) -> None:
    await lab.open("hidden", [FLOW, "flow"])
    await lab.run()
    await lab.ready()
    before = await lab.page.evaluate(INK)

    await lab.page.evaluate(HIDDEN)
    await lab.page.wait_for_function(f"!{CANVAS}.layers.changed")

    assert before[2] > 0
    assert await lab.page.evaluate(INK) == before


async def test_after_a_reload_the_page_shows_what_the_flow_is_now(lab: Lab) -> None:
    await lab.open("reloaded", [FLOW, "flow", "flow.node('late', double)\nflow.edge('double:out', 'late:in')"])
    await lab.run()
    await lab.page.wait_for_function("document.querySelector('.tf-view')?.tfView?.cy.elements().length === 5")
    before = await drawn(lab)

    await lab.save()
    await lab.reload()
    await lab.ready()

    assert set(before) == {"ticks", "double", "late", "ticks:out>double:in", "double:out>late:in"}
    assert await drawn(lab) == before
    assert lab.errors == []


async def test_the_view_stays_live_while_a_cell_never_ends(lab: Lab) -> None:
    await lab.open("live", [FLOW + "flow.start()\nflow", 'print("at", "work", flush=True)\nwhile True: pass'])
    await lab.run(0)
    await lab.ready()

    await lab.begin(1)
    # A cell that waits for its turn looks as if it ran; an interrupt would be nobody's.
    await lab.page.get_by_text("at work", exact=True).wait_for()
    seen = await lab.page.evaluate(VALUE)
    frames = await lab.page.evaluate(DRAWN_MORE, 20)
    # More than frames that were on their way could tell.
    await lab.page.wait_for_function(f"({VALUE})() > {seen + 100}", timeout=LONG / 2)
    busy = await lab.page.evaluate(RUNNING)
    await lab.interrupt()

    assert busy
    assert frames >= 20


async def test_a_flow_is_started_paused_and_led_from_its_graph(lab: Lab) -> None:
    await lab.open("controls", [FLOW + "flow"])
    await lab.run()
    await lab.ready()
    await lab.page.get_by_role("button", name="Start the flow").click()
    await lab.page.wait_for_function(f"({VALUE})() > 3")
    controls = lab.page.get_by_role("toolbar", name="Run the flow")

    await controls.get_by_role("button", name="Pause the flow").click()

    await expect(controls.get_by_role("status")).to_have_text("running, 2 paused")
    await lab.page.evaluate("document.querySelector('.tf-view').tfView.view.emit('select', 'double:out')")
    await controls.get_by_role("button", name="Breakpoint at double:out").click()
    await lab.page.get_by_role("textbox", name="Condition of the breakpoint").fill("msg > 4")
    await lab.page.keyboard.press("Enter")
    await controls.get_by_role("button", name="Let double go on").click()
    await lab.page.evaluate("document.querySelector('.tf-view').tfView.view.emit('select', 'ticks')")
    await controls.get_by_role("button", name="Let ticks go on").click()
    await expect(lab.page.get_by_role("list", name="What is held")).to_contain_text("double:out")
    await lab.page.locator(".tf-view").focus()
    await lab.page.keyboard.press("Alt+r")
    await expect(controls.get_by_role("status")).to_have_text("stopped")
    assert lab.said == []


async def test_what_a_flow_prints_that_was_started_on_its_graph_stands_below_the_graph(lab: Lab) -> None:
    shows = """
from tinyflow_runtime.components import Debug
flow.node("debug", Debug)
flow.edge("double:out", "debug:in")
"""
    cells = [FLOW + shows, "flow.view()", "1 + 1"]
    await lab.open("prints", cells)
    await lab.run()
    await lab.ready()

    await lab.page.get_by_role("button", name="Start the flow").click()
    below = lab.page.locator(".jp-Cell", has=lab.page.locator(".tf-view")).locator(
        ".jp-OutputArea-output pre:not(.tf-printed)"
    )
    await expect(below.first).to_contain_text("debug: 0\ndebug: 2\n")
    await lab.python("flow.stop()")

    assert lab.said == []


async def test_in_slow_motion_what_passes_goes_along_its_edge_as_a_token(lab: Lab) -> None:
    await lab.open("slow", [FLOW + "flow.start()\nflow"])
    await lab.run()
    await lab.ready()
    tokens = TOKENS
    assert await lab.page.evaluate(tokens) == []

    controls = lab.page.get_by_role("toolbar", name="Run the flow")
    await controls.get_by_role("button", name="Slow motion").click()
    await lab.page.wait_for_function(f"{tokens}.length > 0")
    token = await lab.page.evaluate(f"{tokens}[0]")
    await controls.get_by_role("button", name="Full speed").click()

    assert token["port"] in ("ticks:out", "double:out")
    assert token["text"].isdigit()
    assert await lab.page.evaluate(tokens) == []
    assert lab.said == []


async def test_a_live_picture_takes_no_look_at_all_of_a_flow(lab: Lab) -> None:
    await lab.open("looks", [FLOW + "flow.start()\nflow"])
    await lab.run()
    await lab.ready()
    await lab.page.get_by_role("button", name="Slow motion").click()
    await lab.page.wait_for_function(f"{TOKENS}.length > 0")
    await lab.page.evaluate(LOOKS)

    await lab.page.evaluate(DRAWN_MORE, 20)
    looks = await lab.page.evaluate("window.looks")
    await lab.page.wait_for_function("window.looks.heard > 5")

    assert [looks[name] for name in ("wires", "values", "edges")] == [0, 0, 0]
    assert looks["nodes"] < 5  # of twenty pictures: it may look once whether a panel has left it its room
    assert lab.errors == []


async def test_a_cell_that_runs_again_leaves_no_view_behind(lab: Lab) -> None:
    await lab.open("again", [FLOW, "view = flow.view()\nview"], own=True)
    await lab.run()
    await lab.ready()
    first = await lab.comms()
    await lab.page.evaluate(KINDS)

    for _ in range(5):
        await lab.run(1)
        await lab.ready()
    again = await lab.comms(), await lab.page.locator(".tf-view").count(), await held(lab, ONE)
    await lab.python("view.close()")
    await lab.command("notebook:clear-all-cell-outputs")
    await lab.page.locator(".tf-view").wait_for(state="detached")

    assert again == (first, 1, ONE)
    assert await held(lab, NONE) == NONE
    assert lab.said == []


async def held(lab: Lab, wanted: dict[str, int]) -> dict[str, int]:
    """What something still holds; a leak stays there, however often garbage is collected."""
    for _ in range(10):
        if (found := await lab.alive("window.kinds")) == wanted:
            break
    return found


async def test_a_page_loads_what_a_view_is_once_whatever_shows_it(lab: Lab) -> None:
    await lab.open("modules", [FLOW + "flow", "flow", "flow['double:out']", "flow.dashboard()"], own=True)

    await lab.run()
    await lab.ready(1)
    await lab.page.locator(".tf-live[data-ready=true]").nth(1).wait_for()

    texts = await lab.page.evaluate("globalThis[Symbol.for('tinyflow.modules')].size")
    kinds = await lab.page.evaluate(
        "new Set([...document.querySelectorAll('.tf-view')].map(el => el.tfView.view.constructor)).size"
    )
    assert (texts, kinds) == (3, 1)
    assert lab.said == []


async def test_a_tool_finds_nothing_in_the_view_that_would_keep_somebody_out(lab: Lab) -> None:
    await lab.open("access", [FLOW, "flow"])
    await lab.run()
    await lab.ready()
    await lab.page.evaluate("document.querySelector('.tf-view').tfView.view.emit('select', 'double:out')")
    await lab.page.locator(".tf-view").get_by_text("double:out").first.wait_for()

    found = {theme: await _violations_in(lab, theme) for theme in ("light", "dark")}

    assert found == {"light": [], "dark": []}


async def _violations_in(lab: Lab, theme: Any) -> list[str]:
    await lab.theme(theme)
    return await lab.violations()


async def test_the_demo_runs_from_its_first_cell_to_its_last(lab: Lab) -> None:
    folder = ROOT / "notebooks"
    document = nbformat.read(folder / "01_this_computer.ipynb", as_version=4)
    rewrite(document, {"8765": str(free_port()), "time.monotonic() + 5": "time.monotonic() + 0.5"})
    shutil.copy(folder / "charts.py", lab.server.folder)

    await lab.open("computer", [cell.source for cell in document.cells if cell.cell_type == "code"])
    await lab.run()
    await lab.ready()

    assert len(await drawn(lab)) == 17
    assert lab.errors == []
