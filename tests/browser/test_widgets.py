"""A port and a dashboard in a real JupyterLab: they live, are worked with, show payloads as text, and leave nothing."""

from __future__ import annotations

import json

import pytest
from lab import Lab

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

FLOW = """
import asyncio, math
from collections.abc import AsyncIterator
from dataclasses import dataclass
import tinyflow_jupyter as tf

@dataclass
class Reading:
    place: str
    degrees: float

@tf.component
async def ticks(*, every: float = 0.02) -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(every)

class Gauge(tf.Component):
    def ports(self):
        return [tf.Port("in", "in", int), tf.Port("level", "out", float, status=True),
                tf.Port("reading", "out", Reading, status=True), tf.Port("odd", "out", bool, status=True)]

    async def handle(self, output, port, payload):
        await output("level", 20 + 5 * math.sin(payload / 9))
        await output("reading", Reading("<img src=x onerror='window.pwned=1'>", payload / 7))
        await output("odd", payload % 2 == 1)

flow = tf.Flow("weather")
flow.node("ticks", ticks)
flow.node("gauge", Gauge)
flow.edge("ticks:out", "gauge:in")
flow.start()
"""
HEARD = """async selector => {
    const {feed} = document.querySelector(selector).tfPort;
    let heard = 0;
    const off = feed.on('frame', () => { heard += 1; });
    const since = performance.now();
    while (performance.now() - since < 1500) await new Promise(requestAnimationFrame);
    off();
    return heard;
}"""
MORE = """async ([selector, frames]) => {
    const w = document.querySelector(selector);
    const {drawing} = w.tfPort ?? w.tfBoard;
    const first = drawing.drawn;
    while (drawing.drawn < first + frames) await new Promise(requestAnimationFrame);
}"""
A_SECOND = """async selector => {
    const w = document.querySelector(selector);
    const {drawing} = w.tfPort ?? w.tfBoard;
    const [first, since] = [drawing.drawn, performance.now()];
    while (performance.now() - since < 1500) await new Promise(requestAnimationFrame);
    return (drawing.drawn - first) / ((performance.now() - since) / 1000);
}"""
COLOUR = "selector => getComputedStyle(document.querySelector(selector)).backgroundColor"


async def show(lab: Lab, name: str, line: str, selector: str) -> None:
    await lab.open(name, [FLOW, line])
    await lab.run()
    await lab.page.locator(f"{selector}[data-ready=true]").wait_for()
    await lab.page.locator(selector).scroll_into_view_if_needed()


async def test_a_port_as_the_last_line_lives(lab: Lab) -> None:
    await show(lab, "port", 'flow["gauge:level"]', ".tf-port")

    await lab.page.evaluate(MORE, [".tf-port", 10])
    port = lab.page.locator(".tf-port")
    line, room = [await port.locator(one).bounding_box() for one in (".tf-spark-sheet", ".tf-port-now")]

    assert line is not None
    assert room is not None
    assert line["width"] > 0.7 * room["width"]
    assert await port.locator(".tf-port-head b").inner_text() == "gauge:level"
    assert float(await port.locator(".tf-figure").inner_text()) >= 15
    assert await port.locator(".tf-port-rows tr").count() == 6
    assert "L" in (await port.locator(".tf-spark-line").get_attribute("d") or "")
    assert await lab.page.evaluate(A_SECOND, ".tf-port") <= 21
    assert lab.said == []


async def test_a_message_opens_and_stays_while_others_pass_and_is_copied_whole_as_json(lab: Lab) -> None:
    await show(lab, "opened", 'flow["gauge:reading"]', ".tf-port")
    await lab.page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {configurable: true, value:"
        " {writeText: async text => { window.took = text; }}})"
    )

    await lab.page.locator(".tf-port .tf-row").nth(1).click()
    tree = lab.page.locator(".tf-opened [role=treeitem][aria-level='2']")
    await tree.nth(1).wait_for()
    before = await tree.all_inner_texts()
    await lab.page.mouse.move(5, 5)
    await lab.page.evaluate(MORE, [".tf-port", 10])
    after = await tree.all_inner_texts()
    await lab.page.locator(".tf-opened [role=treeitem]").first.focus()
    await lab.page.keyboard.press("c")
    await lab.page.wait_for_function("window.took !== undefined")
    copied = json.loads(await lab.page.evaluate("delete navigator.clipboard && window.took"))

    assert after == before
    assert "<img" in before[0]
    assert await lab.page.evaluate("window.pwned") is None
    assert await lab.page.locator(".tf-port img").count() == 0
    assert copied["place"] == "<img src=x onerror='window.pwned=1'>"
    assert copied.keys() == {"place", "degrees"}


async def test_a_dashboard_shows_values_and_settings_both_ways_while_the_flow_runs(lab: Lab) -> None:
    await show(lab, "board", "flow.dashboard()", ".tf-board")
    await lab.page.evaluate(MORE, [".tf-board", 5])
    gauge, ticks = (lab.page.locator(f".tf-tile[data-node={name}]") for name in ("gauge", "ticks"))

    rate = await lab.page.evaluate(A_SECOND, ".tf-board")
    every = ticks.locator("input").first
    await every.fill("0.5")
    await every.press("Control+Enter")
    await ticks.locator(".tf-state", has_text="Applied").wait_for()
    applied = await lab.python("flow._settings_of('ticks').every")
    await lab.python("flow.send('ticks:settings', {'every': 0.25})")
    await lab.page.wait_for_function("document.querySelector('.tf-tile[data-node=ticks] input').value === '0.25'")

    assert applied == 0.5
    assert rate <= 11
    assert await gauge.locator(".tf-gauge").count() == 3
    assert await gauge.locator("[data-port='gauge:reading'] tr").count() == 2
    assert await gauge.locator(".tf-light").count() == 1
    assert await lab.page.evaluate("window.pwned") is None
    assert lab.said == []


async def test_nothing_is_sent_to_a_widget_out_of_sight(lab: Lab) -> None:
    await show(lab, "away", 'flow["gauge:level"]', ".tf-port")
    await lab.page.evaluate(MORE, [".tf-port", 3])

    await lab.page.evaluate("document.querySelector('.tf-port').style.display = 'none'")
    await lab.page.wait_for_function("!document.querySelector('.tf-port').tfPort.drawing.visible")
    await lab.page.evaluate(A_SECOND, ".tf-port")  # what was on its way has come

    assert await lab.page.evaluate(HEARD, ".tf-port") == 0


async def test_a_cell_run_again_leaves_no_comm(lab: Lab) -> None:
    await show(lab, "again", 'flow.dashboard(), display(flow["gauge:level"]), flow.dashboard()', ".tf-port")
    before = await lab.comms()

    for _ in range(5):
        await lab.run(1)

    assert await lab.comms() == before


async def test_a_reload_and_the_other_theme_show_the_same(lab: Lab) -> None:
    await show(lab, "reload", "flow.dashboard()", ".tf-board")
    await lab.page.evaluate(MORE, [".tf-board", 5])
    light = await lab.page.evaluate(COLOUR, ".tf-tile")
    await lab.save()

    await lab.reload()
    await lab.page.locator(".tf-board[data-ready=true]").wait_for()
    await lab.page.evaluate(MORE, [".tf-board", 5])
    await lab.theme("dark")

    assert await lab.page.locator(".tf-tile").count() == 2
    assert float(await lab.page.locator(".tf-tile[data-node=gauge] .tf-figure").inner_text()) >= 15
    assert await lab.page.evaluate(COLOUR, ".tf-tile") != light
    await lab.theme("light")


@pytest.mark.parametrize(
    ("line", "selector"), [('flow["gauge:reading"]', ".tf-port"), ("flow.dashboard()", ".tf-board")]
)
async def test_a_tool_finds_nothing_that_would_keep_somebody_out(lab: Lab, line: str, selector: str) -> None:
    await show(lab, "axe", line, selector)
    await lab.page.evaluate(MORE, [selector, 3])

    light = await lab.violations(selector)
    await lab.theme("dark")
    dark = await lab.violations(selector)
    await lab.theme("light")

    assert (light, dark) == ([], [])
