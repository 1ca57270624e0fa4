"""The graph in somebody's hand: what has a mark, what keeps its place, and what a wrong word leaves to be mended."""

from __future__ import annotations

import pytest
from gestures import COMPONENTS, FLOW, VIEW, Hand, hand
from lab import Lab
from playwright.async_api import expect

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

NODES = ("first", "second", "third", "loud")
EDGE = "first:out>second:in"
WIDE = f"""{FLOW}
for number, node in enumerate(flow.nodes):
    flow.move(node, (420 * (number % 3), 150 * (number // 3)))
"""
RUNS = f"{FLOW}\nflow.start()"
ALL_IN_SIGHT = f"""() => {{
    const {{cy, canvas}} = {VIEW};
    const {{x1, y1, x2, y2}} = cy.nodes().renderedBoundingBox({{includeLabels: false}});
    return x1 >= 0 && y1 >= 0 && x2 <= canvas.box.clientWidth && y2 <= canvas.box.clientHeight;
}}"""
# The colour of a point that is drawn above a port, so many units to its left; empty where nothing is.
INK = f"""([address, away]) => {{
    const {{canvas, cy}} = {VIEW};
    const {{x, y}} = canvas.placeOf(address);
    const pan = cy.pan();
    const at = [(x - away) * cy.zoom() + pan.x + 240, y * cy.zoom() + pan.y + 240].map(one => one * devicePixelRatio);
    const [r, g, b, a] = canvas.layers.alive.getContext('2d').getImageData(...at, 1, 1).data;
    return a < 128 ? '' : '#' + [r, g, b].map(one => one.toString(16).padStart(2, '0')).join('');
}}"""
# Where the badge of a node's dead letters ends, in units below the top of its card.
BADGE = f"""() => {{
    let end;
    const g = {{measureText: text => ({{width: 6 * text.length}}), beginPath() {{}}, fill() {{}}, fillText() {{}},
        roundRect(x, y, wide, high) {{ end = y + high; }}}};
    const {{canvas, picture}} = {VIEW};
    canvas.layers.card.badge(g, picture.nodes.get('first'), 0, 0, ['failed', 1, 0, 268, 0, 0], 1);
    return end;
}}"""
NAME = 8  # units below the top of a card, where the letters of a name begin


async def inked(me: Hand, address: str, away: float, colour: str) -> None:
    """Wait until a point beside a port has a colour of the theme; an empty one is none."""
    wanted = await me.look(f"view.canvas.colours['{colour}'] ?? ''")
    await me.lab.page.wait_for_function(f"where => ({INK})(where) === '{wanted}'", arg=[address, away])


async def test_in_a_narrow_window_the_inspector_is_below_the_graph_and_closes_by_mouse_and_by_escape(lab: Lab) -> None:
    await lab.page.set_viewport_size({"width": 600, "height": 900})
    me = await hand(lab, "narrow", [FLOW, "flow"])
    inspector = lab.page.locator(".tf-inspector")

    await me.mouse.click(*await me.place("first"))
    await inspector.wait_for()
    graph, panel, words = [
        await lab.page.locator(one).bounding_box() for one in (".tf-stage", ".tf-inspector", ".tf-view .tf-say")
    ]
    await inspector.get_by_role("button", name="Close the inspector").click(timeout=5_000)
    await expect(inspector).to_be_hidden()
    await me.mouse.click(*await me.place("first"))
    await inspector.wait_for()
    await me.press("Escape")

    await expect(inspector).to_be_hidden()
    assert graph is not None
    assert panel is not None
    assert words is not None
    assert panel["y"] >= graph["y"] + graph["height"]
    assert words["y"] + words["height"] <= panel["y"]


async def test_what_was_all_in_sight_is_so_beside_the_inspector_and_as_before_when_it_closes(lab: Lab) -> None:
    me = await hand(lab, "room", [WIDE, "flow"])
    before = await me.look("view.cy.zoom()")

    await me.mouse.click(*await me.place("first"))
    await lab.page.locator(".tf-inspector").wait_for()
    await lab.page.wait_for_function(f"{VIEW}.cy.zoom() !== {before}")
    beside = await lab.page.evaluate(ALL_IN_SIGHT)
    await me.press("Escape")

    await lab.page.wait_for_function(f"Math.abs({VIEW}.cy.zoom() - {before}) < 1e-6")
    assert beside


async def test_who_looks_closely_sees_what_was_chosen_beside_the_inspector(lab: Lab) -> None:
    me = await hand(lab, "close", [WIDE, "flow"])
    await me.look("void view.cy.zoom(2).center(view.cy.$('#third')).panBy({x: view.cy.width() / 2 - 60, y: 0})")
    zoom = await me.look("view.cy.zoom()")

    x, y = await me.place("third")
    await me.mouse.click(x - 30, y - 15)
    await lab.page.locator(".tf-inspector").wait_for()

    await lab.page.wait_for_function(f"{VIEW}.cy.$('#third').renderedBoundingBox().x2 < {VIEW}.canvas.box.clientWidth")
    assert await me.look("view.cy.zoom()") == zoom


async def test_the_inspector_follows_a_node_to_its_new_name_and_back_and_closes_when_it_goes(lab: Lab) -> None:
    me = await hand(lab, "follow", [RUNS, "flow"])
    title = lab.page.locator(".tf-inspector .tf-title")
    await me.mouse.click(*await me.place("loud", "out"))
    await expect(title).to_have_text("loud:out")

    await me.press("F2")
    await me.keyboard.type("louder")
    await me.press("Enter")
    await expect(title).to_have_text("louder:out")
    await expect(lab.page.locator(".tf-inspector .tf-count").first).to_contain_text("0 messages")
    await lab.python("flow.send('louder:in', 'hello')")
    await expect(lab.page.locator(".tf-inspector .tf-row .tf-preview")).to_have_text('"HELLO"')
    await me.press("Control+z")
    await expect(title).to_have_text("loud:out")
    await me.mouse.click(*await me.place("loud"))
    await expect(title).to_have_text("loud")
    await me.press("Delete")

    await me.until(*NODES[:3], EDGE)
    await expect(lab.page.locator(".tf-inspector")).to_be_hidden()
    assert lab.said == []


async def test_a_name_that_is_refused_stays_in_its_field_with_the_reason_below(lab: Lab) -> None:
    me = await hand(lab, "taken", [FLOW, "flow"])
    field = lab.page.get_by_role("textbox", name="New name of the node")

    await me.mouse.dblclick(*await me.place("loud"))
    await me.keyboard.type("first")
    await me.press("Enter")
    await expect(lab.page.locator(".tf-renaming .tf-why")).to_contain_text("TF-105")
    kept = await field.input_value(), await field.get_attribute("aria-invalid")
    await me.press("End")
    await me.keyboard.type("-2")
    await me.press("Enter")

    await me.until("first", "second", "third", "first-2", EDGE)
    await expect(field).to_be_hidden()
    assert kept == ("first", "true")


async def test_a_breakpoint_and_the_port_that_is_looked_at_are_marked_on_the_canvas(lab: Lab) -> None:
    me = await hand(lab, "marks", [RUNS, "flow", "flow.breakpoint('second:in', when='msg > 3')"])
    await inked(me, "second:in", 6, "")

    await lab.run(2)
    await inked(me, "second:in", 6, "bad")
    await me.mouse.click(*await me.place("first", "in"))
    await inked(me, "first:in", 10, "number")
    words = lab.page.get_by_role("tree", name="Nodes of numbers").get_by_text("a breakpoint")
    await words.wait_for(state="attached")
    await me.press("Escape")
    await inked(me, "first:in", 10, "")
    await lab.python("flow.clear('second:in')")

    await inked(me, "second:in", 6, "")


async def test_the_badge_of_dead_letters_leaves_the_name_alone(lab: Lab) -> None:
    await hand(lab, "badge", [FLOW, "flow"])

    assert await lab.page.evaluate(BADGE) <= NAME


async def test_buttons_that_align_are_there_while_two_are_selected(lab: Lab) -> None:
    me = await hand(lab, "align", [FLOW, "flow"])
    align = lab.page.get_by_role("group", name="Align what is selected")

    await me.enter()
    await me.press("Control+a")
    await expect(align).to_be_visible()
    await me.press("Delete")
    await me.until()

    await expect(align).to_be_hidden()


async def test_an_empty_canvas_says_what_to_do_until_something_is_on_it(lab: Lab) -> None:
    me = await hand(lab, "blank", [f"{COMPONENTS}\nempty = tf.Flow('empty')", "empty"])
    hint = lab.page.get_by_text("Double-click to add a node")
    await expect(hint).to_be_visible()
    wrong = await lab.violations()

    await me.mouse.dblclick(*await me.beside(0.5, 0.5))
    await me.keyboard.type("lone")
    await me.press("Enter")
    await me.until("lone")
    await expect(hint).to_be_hidden()
    code = await lab.python("empty.to_code()")
    two = await lab.python("globals().update(other=empty) or empty.to_code()")
    await me.press("Control+z")

    await expect(hint).to_be_visible()
    assert wrong == []
    assert 'empty = tf.Flow("empty")\nempty.node("lone", lone)' in code
    assert 'flow = tf.Flow("empty")' in two


async def test_what_copies_a_part_of_a_payload_is_whole_and_only_there_where_one_points(lab: Lab) -> None:
    me = await hand(lab, "copies", [RUNS, "flow.send('loud:in', 'hello')\nflow"])
    await me.mouse.click(*await me.place("loud", "in"))
    inspector = lab.page.locator(".tf-inspector")
    await inspector.locator(".tf-row > .tf-head").first.click()
    line, copy = inspector.locator(".tf-tree .tf-line"), inspector.get_by_role("button", name="value")
    await expect(copy).to_be_hidden()

    await line.hover()
    outer, inner = await line.bounding_box(), await copy.bounding_box()

    assert outer is not None
    assert inner is not None
    assert outer["y"] <= inner["y"]
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"]
