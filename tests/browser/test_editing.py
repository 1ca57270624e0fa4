"""A flow is built on an empty canvas of a real notebook, by mouse alone and by keys alone, and is what it should be."""

from __future__ import annotations

from typing import Any

import pytest
from lab import Lab

import tinyflow_jupyter as tf

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

COMPONENTS = """
import tinyflow_jupyter as tf

@tf.component
def double(x: int) -> int:
    "Twice the number."
    return 2 * x

@tf.component
def reciprocal(x: int) -> float:
    "One divided by it."
    return 1 / (x - wrong)

wrong = 0
"""
RUN = """
flow.start()
flow.send("double:in", 2)
flow.send("double:in", 0)
flow.wait(timeout=5)
"""
CELLS = [COMPONENTS, "flow = tf.Flow('built')\nflow", RUN]
ALL = ("double", "reciprocal", "double:out>reciprocal:in")
VIEW = "document.querySelector('.tf-view').tfView"
PLACE = f"""address => {{
    const {{canvas, cy}} = {VIEW};
    const [node, name] = address.split(':');
    const at = cy.getElementById(node).position();
    const port = canvas.picture.nodes.get(node).ports.find(one => one.name === name);
    const box = canvas.box.getBoundingClientRect();
    const [zoom, pan] = [cy.zoom(), cy.pan()];
    return [box.left + pan.x + zoom * (at.x + (port?.dx ?? 0)), box.top + pan.y + zoom * (at.y + (port?.dy ?? -12))];
}}"""

FOCUSED = """words => {
    const focused = document.activeElement;
    return (focused.getAttribute('aria-label') ?? focused.textContent).trim().startsWith(words)
        && focused.matches('button');
}"""


class Hand:
    """What a person's hand does on the canvas."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.mouse, self.keys = lab, lab.page.mouse, lab.page.keyboard
        self.view = lab.page.locator(".tf-view")

    async def at(self, address: str) -> tuple[float, float]:
        x, y = await self.lab.page.evaluate(PLACE, address)
        return x, y

    async def on_canvas(self, x: float, y: float) -> tuple[float, float]:
        box = await self.lab.page.locator(".tf-view .tf-stage").bounding_box()
        assert box is not None
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    async def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        await self.mouse.move(*start)
        await self.mouse.down()
        await self.mouse.move(*end, steps=6)
        await self.mouse.up()

    async def type(self, *keys: str) -> None:
        for key in keys:
            await self.keys.press(key)

    async def tab_to(self, words: str) -> None:
        """Go on with Tab until something that is called so has the focus."""
        for _ in range(60):
            if await self.lab.page.evaluate(FOCUSED, words):
                return
            await self.keys.press("Tab")
        raise AssertionError(f"no Tab leads to {words!r}")

    async def has(self, *elements: str) -> None:
        """Wait until the kernel has confirmed exactly these nodes and edges."""
        await self.lab.page.wait_for_function(
            f"all => {{ const {{cy, picture}} = {VIEW};"
            "  return JSON.stringify([...picture.nodes.keys(), ...picture.edges.keys()].sort()) === JSON.stringify(all)"
            "    && cy.elements('.pending').empty() && cy.elements().length === all.length; }",
            arg=sorted(elements),
        )


def expected() -> tf.Flow:
    @tf.component
    def double(x: int) -> int:
        """Twice the number."""
        return 2 * x

    @tf.component
    def reciprocal(x: int) -> float:
        """One divided by it."""
        return 1 / x

    flow = tf.Flow("built")
    flow.node("double", double)
    flow.node("reciprocal", reciprocal)
    flow.edge("double:out", "reciprocal:in")
    return flow


async def opened(lab: Lab, name: str, *, classic: bool = False) -> Hand:
    await lab.open(name, CELLS, classic=classic)
    await lab.run(0)
    await lab.run(1)
    await lab.ready()
    return Hand(lab)


async def built(lab: Lab) -> str:
    """What the flow is, but for where a hand has put its nodes."""
    assert await lab.python("all(node.position for node in flow._definition().nodes.values())")
    unplaced = "[copy.move(name, None) for name in list(copy.nodes)] and copy.to_yaml()"
    return str(await lab.python(f"(lambda copy: {unplaced})(tf.Flow.from_yaml(flow.to_yaml()))"))


async def by_mouse(hand: Hand) -> None:
    await hand.view.get_by_role("button", name="Open the palette of components").click()
    palette = hand.view.get_by_role("complementary", name="Components")
    for name, place in (("double", (0.35, 0.4)), ("reciprocal", (0.7, 0.4))):
        await palette.get_by_role("combobox").fill(name)
        option = await palette.get_by_role("option", name=name).first.bounding_box()
        assert option is not None
        await hand.drag((option["x"] + 20, option["y"] + 8), await hand.on_canvas(*place))
    await hand.has("double", "reciprocal")
    await palette.get_by_role("button", name="Close the palette").click()
    await hand.drag(await hand.at("double:out"), await hand.at("reciprocal:in"))


async def by_keys(hand: Hand) -> None:
    await hand.view.focus()
    for name in ("double", "reciprocal"):
        await hand.type("/")
        await hand.keys.type(name)
        await hand.type("Enter")
    await hand.has("double", "reciprocal")
    await hand.type("ArrowUp", "Tab", "Tab", "Enter", "Enter")


async def replay_by_mouse(hand: Hand) -> None:
    await hand.mouse.click(*await hand.at("reciprocal"))
    await hand.view.get_by_role("tab", name="Dead letters").click()
    letters = hand.view.get_by_role("list", name="Dead letters, newest first")
    await letters.get_by_role("button").first.click()
    await letters.get_by_role("button", name="Replay", exact=True).click()


async def replay_by_keys(hand: Hand) -> None:
    await hand.view.focus()
    await hand.type("ArrowDown", "i")
    await hand.tab_to("Messages")
    await hand.type("ArrowLeft")
    await hand.tab_to("Replay all")
    await hand.type("Enter")


@pytest.mark.parametrize(
    ("build", "replay"), [(by_mouse, replay_by_mouse), (by_keys, replay_by_keys)], ids=["mouse", "keys"]
)
async def test_a_flow_is_built_run_inspected_replayed_saved_and_reloaded(lab: Lab, build: Any, replay: Any) -> None:
    hand = await opened(lab, build.__name__)
    await build(hand)
    await hand.has(*ALL)
    document = await built(lab)

    await lab.run(2)
    letters = await lab.python("[letter.reason for letter in flow.dead_letters]")
    await lab.python("globals().update(wrong=1)")
    await replay(hand)
    await lab.page.wait_for_function(f"{VIEW}.picture.values.nodes.reciprocal?.[1] === 2")
    await lab.save()
    await lab.reload()
    await lab.ready()

    await hand.has(*ALL)
    assert document == await built(lab) == expected().to_yaml()
    assert len(letters) == 1
    assert await lab.python("[message.payload for message in flow['reciprocal:out'].history()]") == [0.25, -1.0]
    assert await lab.python("len(flow.dead_letters)") == 0
    assert lab.errors == []


async def test_notebook_7_in_the_dark_builds_the_same_flow(lab: Lab) -> None:
    hand = await opened(lab, "dark", classic=True)
    await lab.theme("dark")

    await by_mouse(hand)
    await hand.has(*ALL)
    await lab.run(2)

    assert await built(lab) == expected().to_yaml()
    assert await lab.python("flow['reciprocal:out'].last.payload") == 0.25
    assert lab.errors == []
