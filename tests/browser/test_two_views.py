"""Two views of one flow in one page: each shows what is done in the other, and both are the same after a reload."""

from __future__ import annotations

import pytest
from gestures import COMPONENTS, PLACE, Hand
from lab import LONG, Lab

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

STUCK = f"""{COMPONENTS}
import threading
from collections.abc import AsyncIterator

@tf.component
async def many() -> AsyncIterator[int]:
    for number in range(1000):
        yield number

@tf.component(blocking=True)
def held(x: int) -> int:
    print("held", x)
    going.wait()
    return x

going = threading.Event()
flow = tf.Flow("numbers")
for number, component in enumerate([many, held, double, shout]):
    flow.node(component.__name__, component)
    flow.move(component.__name__, (240 * number, 0))
flow.edge("many:out", "held:in", capacity=8)
flow.note("why", "It stands above all nodes.", position=(0, -120))
"""
# All that one of the views in the page holds, where it draws it, and what it says of the flow.
HELD = """number => {
    const {picture, cy, view} = document.querySelectorAll('.tf-view')[number].tfView;
    const {nodes, edges, values} = picture;
    return JSON.stringify([
        [...nodes.values()].map(one => [one, values.nodes[one.id], cy.getElementById(one.id).position(),
                                        cy.getElementById(one.id).classes()]),
        [...edges.values()].map(one => [one, values.edges[one.id], cy.getElementById(one.id).nonempty()]),
        view.controls.said.textContent,
    ]);
}"""
NOTE = """() => {
    const {canvas, cy, picture} = document.querySelector('.tf-view').tfView;
    return canvas.layers.note.noteBox(picture.head.notes[0]).top * cy.zoom() + cy.pan().y;
}"""
# A front end that changes its theme takes the page away for a moment, in which cytoscape may measure its place anew.
AFTER_A_THEME = """async () => {
    const {canvas, cy} = document.querySelector('.tf-view').tfView;
    canvas.box.style.display = 'none';
    cy.resize();
    cy.width();
    canvas.box.style.display = '';
    canvas.restyle();
    await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return canvas.layers.sight.cards.length;
}"""
ALIKE = f"() => ({HELD})(0) === ({HELD})(1)"
KNOWS = """([number, name]) => {
    const {picture, cy} = document.querySelectorAll('.tf-view')[number].tfView;
    const there = picture.nodes.get(name) ?? picture.edges.get(name);
    return Boolean(there) && !there.pending && cy.getElementById(name).nonempty();
}"""


async def test_two_views_of_one_flow_are_one_flow_and_the_same_after_a_reload(lab: Lab) -> None:
    page, first = lab.page, Hand(lab)
    second = page.locator(".tf-view").nth(1)
    await lab.open("two", [STUCK, "flow.view(height=300)", "flow.view(height=300)"], own=True)
    await lab.run()
    await lab.ready(1)
    await lab.ready(0)

    # The note is shown whole, and below the buttons.
    top = await page.evaluate(NOTE)

    drawn = await page.evaluate(AFTER_A_THEME)

    # In the first two nodes are connected; in the second the edge between them is chosen, and deleted with a node.
    await first.drag(await first.place("double", "in"), await first.place("held", "out"))
    await page.wait_for_function(KNOWS, arg=[1, "held:out>double:in"], timeout=LONG / 4)
    await second.scroll_into_view_if_needed()
    x, y = await page.evaluate(
        PLACE.replace("querySelector('.tf-view')", "querySelectorAll('.tf-view')[1]"), ["shout", ""]
    )
    await first.mouse.click(x, y)
    await first.press("Delete")
    await page.wait_for_function(f"() => !({KNOWS})([0, 'shout'])", timeout=LONG / 4)

    await page.get_by_role("button", name="Start the flow").first.click()
    said = page.locator(".tf-standing", has_text="running, many blocked")
    await said.nth(1).wait_for(timeout=LONG / 4)
    await page.wait_for_function(ALIKE, timeout=LONG / 4)
    before = await page.evaluate(HELD, 0)
    printed = page.locator(".jp-OutputArea-output", has_text="held 0")  # by the flow, below the graph it was started on
    await printed.wait_for(timeout=LONG / 4)
    below = await page.locator(".tf-printed:visible").count()
    await lab.save()
    await lab.reload()
    await lab.ready(1)
    await lab.ready(0)
    await page.wait_for_function(ALIKE, timeout=LONG / 4)
    after = await page.evaluate(HELD, 0)
    await lab.python("going.set()")
    again = page.locator(".tf-printed", has_text="held 1\nheld 2")
    await again.wait_for(timeout=LONG / 4)

    assert (before, after) == (after, before)
    assert (below, await page.locator(".tf-printed:visible").count()) == (0, 1)
    assert (top > 42, drawn) == (True, 4)
    assert await lab.python("[sorted(flow.nodes), len(flow.edges)]") == [["double", "held", "many"], 2]
    assert '"blocked"' in before
    assert lab.errors == []
