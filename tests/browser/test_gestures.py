"""What a person does on the canvas of a real JupyterLab, with a pointer or keys alone, and what becomes of the flow."""

from __future__ import annotations

import pytest
from gestures import COMPONENTS, FLOW, VIEW, hand
from lab import Lab

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

NODES = ("first", "second", "third", "loud")
EDGE = "first:out>second:in"
BUSY = """
try:
    print("at", "work", flush=True)
    while True: pass
except KeyboardInterrupt:
    pass
"""
EMPTY = f"{COMPONENTS}\nflow = tf.Flow('empty')"
# The flow that both ways of building should end in, with the places that were found for it.
SAME = """[(lambda other: [other.node("double", double), other.node("above", above),
    other.edge("double:out", "above:in"), [other.move(name, node.position) for name, node in flow.nodes.items()],
    other.to_yaml()][-1])(tf.Flow("empty")), flow.to_yaml()]"""


async def flow_of(lab: Lab) -> list[str]:
    """What the kernel holds."""
    names = "[*flow.nodes, *(f'{a}>{b}' for a, b in flow.edges)]"
    return sorted(await lab.python(names))


async def test_an_edge_is_drawn_from_port_to_port_and_ports_that_fit_light_up(lab: Lab) -> None:
    me = await hand(lab, "draw", [FLOW, "flow"])

    await me.lift(await me.place("second", "out"), await me.place("third", "in"))
    lit = await me.look("[...view.canvas.layers.marks.ports.keys()].sort()")
    await me.mouse.up()
    await me.until(*NODES, EDGE, "second:out>third:in")

    assert lit == ["first:in", "second:in", "second:out", "third:in"]
    assert "second:out>third:in" in await flow_of(lab)
    assert lab.said == []


async def test_an_edge_between_types_that_do_not_fit_names_both_and_changes_nothing(lab: Lab) -> None:
    me = await hand(lab, "refuse", [FLOW, "flow"])

    await me.drag(await me.place("second", "out"), await me.place("loud", "in"))
    await me.hears("does not take")

    assert "second:out sends int" in await me.said()
    assert "it takes str" in await me.said()
    assert await me.shown() == sorted([*NODES, EDGE])
    assert await flow_of(lab) == sorted([*NODES, EDGE])


async def test_an_edge_let_go_on_the_empty_canvas_offers_what_fits_and_connects_it(lab: Lab) -> None:
    me = await hand(lab, "offer", [FLOW, "flow"])

    await me.drag(await me.place("loud", "out"), await me.beside(0.75, 0.85))
    offered = await lab.page.locator(".tf-quick .tf-option b").all_text_contents()
    await me.keyboard.type("sho")
    await me.press("Enter")
    await me.until(*NODES, "shout", EDGE, "loud:out>shout:in")

    assert "shout" in offered
    assert "double" not in offered


async def test_a_component_dropped_on_an_edge_goes_between_its_ends(lab: Lab) -> None:
    me = await hand(lab, "insert", [FLOW, "flow"])

    await me.enter()
    await me.press("p")
    await lab.page.wait_for_function(f"{VIEW}.view.palette.components.length > 0")
    row = await lab.page.locator(".tf-palette .tf-option", has_text="lone").bounding_box()
    (x1, y1), (x2, y2) = await me.place("first", "out"), await me.place("second", "in")
    assert row is not None
    await me.drag((row["x"] + 30, row["y"] + 10), ((x1 + x2) / 2, (y1 + y2) / 2))
    await me.until(*NODES, "lone", "first:out>lone:in", "lone:out>second:in")

    assert EDGE not in await flow_of(lab)


async def test_a_node_that_is_dropped_on_an_edge_goes_between_its_ends(lab: Lab) -> None:
    spare = 'flow.node("spare", double)\nflow.move("spare", (0, 320))\nflow'
    me = await hand(lab, "insert-node", [FLOW, spare])

    (x1, y1), (x2, y2) = await me.place("first", "out"), await me.place("second", "in")
    x, y = await me.place("spare")
    await me.drag((x, y - 10), ((x1 + x2) / 2, (y1 + y2) / 2 - 10))
    await me.until(*NODES, "spare", "first:out>spare:in", "spare:out>second:in")

    assert EDGE not in await flow_of(lab)


async def test_what_is_deleted_comes_back_by_undo_and_goes_again_by_redo(lab: Lab) -> None:
    me = await hand(lab, "undo", [FLOW, "flow"])

    x, y = await me.place("second")
    await me.mouse.click(x, y - 10)
    await me.press("Delete")
    await me.until("first", "third", "loud")
    await me.press("Control+z")
    await me.until(*NODES, EDGE)
    await me.press("Control+Shift+z")
    await me.until("first", "third", "loud")

    assert await flow_of(lab) == ["first", "loud", "third"]


async def test_a_node_that_was_dragged_stands_there_in_the_flow_and_comes_back_by_undo(lab: Lab) -> None:
    me = await hand(lab, "move", [FLOW, "flow"])
    before = await lab.python("flow.nodes['loud'].position")

    x, y = await me.place("loud")
    await me.drag((x, y - 10), (x + 90, y + 30))
    await lab.page.wait_for_function(f"{VIEW}.picture.head.undo === 1")
    moved = await lab.python("flow.nodes['loud'].position")
    await me.press("Control+z")
    await lab.page.wait_for_function(f"{VIEW}.picture.head.undo === 0")

    assert moved != before
    assert await lab.python("flow.nodes['loud'].position") == before


async def test_what_is_done_while_a_cell_runs_shows_at_once_and_is_confirmed_after_it(lab: Lab) -> None:
    me = await hand(lab, "busy", [FLOW, "flow", BUSY])

    await lab.begin(2)
    await lab.page.get_by_text("at work", exact=True).wait_for()
    await me.drag(await me.place("second", "out"), await me.place("third", "in"))
    at_once = await me.shown()
    await lab.interrupt()
    await me.until(*NODES, EDGE, "second:out>third:in")

    # A kernel answers after the cell, or where it has a subshell at once: then the edge pends no more.
    assert {"second:out>third:in", "second:out>third:in (pending)"} & set(at_once)


async def test_what_the_kernel_refuses_is_taken_back_with_its_reason(lab: Lab) -> None:
    gone = "from tinyflow_runtime.module import Module\ndel Module.all['notebook'].components['lone']"
    me = await hand(lab, "refused", [FLOW, "flow", gone])
    await me.enter()
    await lab.page.wait_for_function(f"{VIEW}.view.palette.components.length > 0")
    lone = "view.view.palette.components.find(one => one.title === 'lone')"

    await lab.run(2)
    at_once = await me.look(f"(view.view.changes.add({lone}, {{x: 0, y: 400}}), [...view.picture.nodes.keys()])")
    await me.hears("TF-118")
    await me.until(*NODES, EDGE)

    assert "lone" in at_once


async def test_a_selection_is_copied_with_its_edges_and_its_settings(lab: Lab) -> None:
    me = await hand(lab, "copy", [FLOW, 'flow.node("third", above, limit=3.0)\nflow'])

    await me.enter()
    await me.press("Control+a", "Control+c")
    await me.hears("Copied 4 nodes")
    await me.press("Control+v")
    await me.until(*NODES, EDGE, *(f"{name}-2" for name in NODES), "first-2:out>second-2:in")

    assert await lab.python("dict(flow.nodes['third-2'].settings)") == {"limit": 3.0}


async def test_a_double_click_on_a_title_gives_a_node_another_name(lab: Lab) -> None:
    me = await hand(lab, "rename", [FLOW, "flow"])

    await me.mouse.dblclick(*await me.place("loud"))
    await me.keyboard.type("louder")
    await me.press("Enter")
    await me.until("first", "second", "third", "louder", EDGE)

    assert "louder" in await flow_of(lab)


async def test_a_flow_is_built_from_nothing_with_a_pointer_alone(lab: Lab) -> None:
    me = await hand(lab, "by-pointer", [EMPTY, "flow"])

    await lab.page.locator("[data-tool=add]").click()
    for number, name in enumerate(("double", "above")):
        row = await lab.page.locator(".tf-palette .tf-option", has_text=name).first.bounding_box()
        assert row is not None
        await me.drag((row["x"] + 30, row["y"] + 10), await me.beside(0.3 + 0.35 * number, 0.5))
    await me.until("above", "double")
    await me.drag(await me.place("double", "out"), await me.place("above", "in"))
    await me.until("above", "double", "double:out>above:in")

    wanted, got = await lab.python(SAME)
    assert got == wanted


async def test_a_flow_is_built_from_nothing_with_keys_alone(lab: Lab) -> None:
    me = await hand(lab, "by-keys", [EMPTY, "flow"])

    await me.enter()
    for name in ("double", "above"):
        await me.press("/")
        await me.keyboard.type(name)
        await me.press("Enter")
    await me.until("above", "double")
    await me.press("ArrowLeft", "ArrowUp", "ArrowUp")
    while await me.look("view.view.keys.port") != "out":
        await me.press("Tab")
    await me.press("Enter", "Enter")
    await me.until("above", "double", "double:out>above:in")

    wanted, got = await lab.python(SAME)
    assert got == wanted


async def test_an_edge_begun_by_keys_ends_when_a_pointer_takes_a_port_and_the_next_one_is_connected(lab: Lab) -> None:
    me = await hand(lab, "both-hands", [FLOW, "flow"])
    end = "view.view.keys.focus('second', 'out')"
    await me.enter()
    await me.look(end)
    await me.press("Enter")
    await me.hears("Enter connects")

    await me.mouse.click(*await me.place("loud", "in"))
    await me.press("ArrowLeft")
    lit = await me.look("view.canvas.layers.marks.ports.size")
    await me.look(end)
    await me.press("Enter", "Enter")
    await me.until(*NODES, EDGE, "second:out>third:in")

    assert lit == 0
    assert lab.errors == []


async def test_keys_on_the_canvas_are_none_of_jupyterlabs_and_two_escapes_leave_it(lab: Lab) -> None:
    me = await hand(lab, "keys", [FLOW, "flow"])
    cells = "jupyterapp.shell.currentWidget.content.widgets.length"
    inside = "document.querySelector('.tf-view').contains(document.activeElement)"

    await me.enter()
    await me.press("a", "b", "x", "d", "d", "m", "Escape")
    still = await lab.page.evaluate(inside)
    await me.press("Escape")

    assert await lab.page.evaluate(cells) == 2
    assert still
    assert not await lab.page.evaluate(inside)


async def test_the_tree_says_in_words_what_the_canvas_shows(lab: Lab) -> None:
    me = await hand(lab, "words", [FLOW, "flow"])
    tree = lab.page.get_by_role("tree", name="Nodes of numbers")

    await me.enter()
    await me.press("ArrowRight", "Tab")
    words = await tree.locator("[role=treeitem][aria-level='2']").all_text_contents()
    active = await lab.page.locator(".tf-view").get_attribute("aria-activedescendant")

    assert "out, output of int, goes to second:in" in words
    assert "in, input of int, comes from first:out" in words
    assert await lab.page.locator(f"[id='{active}']").text_content() == "in, input of int, not connected"


async def test_axe_finds_no_serious_fault_in_any_of_the_panels(lab: Lab) -> None:
    me = await hand(lab, "axe", [FLOW, "flow"])
    await me.enter()

    found = []
    for keys in (("p",), ("Escape", "?"), ("Escape", "Control+f"), ("Escape", "/"), ("Escape", "F2")):
        await me.press(*keys)
        found += [f"{keys[-1]}: {one}" for one in await lab.violations()]

    assert found == []


async def test_only_a_large_flow_has_a_minimap_and_a_press_on_it_goes_there(lab: Lab) -> None:
    many = f"{FLOW}\nfor n in range(70): flow.node(f'n{{n}}', double)"
    me = await hand(lab, "minimap", [many, "flow"])
    map_ = lab.page.locator(".tf-minimap")
    await map_.wait_for()
    before = await me.look("view.cy.pan()")

    await map_.click(position={"x": 20, "y": 20})

    assert await me.look("view.cy.pan()") != before


async def test_nothing_is_left_of_a_view_that_has_gone(lab: Lab) -> None:
    me = await hand(lab, "gone", [FLOW, "flow"])
    await me.enter()
    await me.press("p", "?", "Escape", "Control+f", "Escape")
    await lab.page.evaluate(f"window.old = {VIEW}.view; window.drawn = {VIEW}.canvas.layers.drawn")

    await lab.command("notebook:clear-all-cell-outputs")
    await lab.page.wait_for_function("!document.querySelector('.tf-view')")
    await me.press("p", "Control+z", "Escape")
    ended = await lab.page.evaluate(
        "[old.canvas.ended.signal.aborted, [...old.picture.listeners.values()].reduce((all, one) => all + one.size, 0),"
        " old.canvas.layers.extra.length]"
    )

    assert ended == [True, 0, 0]
    assert lab.said == []


async def test_the_wheel_zooms_only_for_who_works_on_the_graph(lab: Lab) -> None:
    me = await hand(lab, "wheel", [FLOW, "flow"])
    zoom = "view.cy.zoom()"
    await me.enter()
    await me.mouse.move(*await me.place("first"))
    before = await me.look(zoom)

    while await me.look(zoom) == before:  # cytoscape takes none while the page still scrolls by itself
        await me.mouse.wheel(0, 120)
        await lab.page.evaluate("new Promise(later => setTimeout(later, 300))")
    after = await me.look(zoom)
    await me.look("document.activeElement.blur()")
    await me.look("addEventListener('wheel', () => setTimeout(() => window.wheeled = true, 100), {capture: true})")
    await me.mouse.wheel(0, 120)  # as somebody who scrolls the page
    await lab.page.wait_for_function("window.wheeled")

    assert 0.5 * before < after < before
    assert await me.look(zoom) == after
