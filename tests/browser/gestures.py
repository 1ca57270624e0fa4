"""A hand on the canvas: where things are on the screen, and what a person does with a pointer."""

from __future__ import annotations

from typing import Any

from lab import LONG, Lab

VIEW = "document.querySelector('.tf-view').tfView"
# The place on the screen of a node's middle or of one of its ports.
PLACE = f"""([name, portName]) => {{
    const {{canvas, picture, cy}} = {VIEW};
    const node = picture.nodes.get(name);
    const port = node.ports.find(one => one.name === portName) ?? {{dx: 0, dy: 0}};
    const at = canvas.place(node);
    const box = canvas.box.getBoundingClientRect();
    const pan = cy.pan();
    return [(at.x + port.dx) * cy.zoom() + pan.x + box.left, (at.y + port.dy) * cy.zoom() + pan.y + box.top];
}}"""
SHOWN = f"""() => {{
    const {{picture}} = {VIEW};
    const words = one => one.id + (one.pending ? ' (pending)' : '');
    return [...picture.nodes.values(), ...picture.edges.values()].map(words).sort();
}}"""
COMPONENTS = '''
import tinyflow_jupyter as tf

@tf.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x

@tf.component
def above(x: float, *, limit: float = 10.0) -> float | None:
    """Lets through what is above the limit."""
    return x if x > limit else None

@tf.component
def shout(x: str) -> str:
    """Says it louder."""
    return x.upper()

@tf.component
def lone(x: int) -> int:
    """Is on no flow."""
    return x
'''
FLOW = f"""{COMPONENTS}
flow = tf.Flow("numbers")
flow.node("first", double)
flow.node("second", double)
flow.node("third", above)
flow.node("loud", shout)
flow.edge("first:out", "second:in")
for number, node in enumerate(flow.nodes):
    flow.move(node, (240 * (number % 3), 150 * (number // 3)))
"""


class Hand:
    """Somebody in front of the first view of a tab.

    Attributes:
        lab: The tab.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.mouse, self.keyboard = lab.page.mouse, lab.page.keyboard

    async def place(self, name: str, port: str = "") -> tuple[float, float]:
        """Where a node or a port is on the screen."""
        x, y = await self.lab.page.evaluate(PLACE, [name, port])
        return x, y

    async def lift(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag from one place to another, and do not let go."""
        await self.mouse.move(*start)
        await self.mouse.down()
        await self.mouse.move(start[0] + 6, start[1] + 6)
        await self.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        await self.mouse.move(*end)

    async def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag from one place to another."""
        await self.lift(start, end)
        await self.mouse.up()

    async def beside(self, x: float, y: float) -> tuple[float, float]:
        """A place of the stage, as shares of its width and height."""
        box = await self.lab.page.locator(".tf-stage").first.bounding_box()
        assert box is not None
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    async def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        for key in keys:
            await self.keyboard.press(key)

    async def enter(self) -> None:
        """Give the canvas the focus."""
        await self.lab.page.locator(".tf-view").first.focus()

    async def shown(self) -> list[str]:
        """The nodes and edges that the view holds; what waits for the kernel says so."""
        return list(await self.lab.page.evaluate(SHOWN))

    async def until(self, *names: str) -> None:
        """Wait until the view holds exactly these, confirmed."""
        wanted = f"JSON.stringify(({SHOWN})()) === JSON.stringify(names.sort())"
        try:
            await self.lab.page.wait_for_function(f"names => {wanted}", arg=list(names), timeout=LONG / 4)
        except Exception as error:
            raise AssertionError(f"The view holds {await self.shown()}; it said {await self.said()!r}.") from error

    async def said(self) -> str:
        """What the view said last."""
        return str(await self.lab.page.locator(".tf-view .tf-say").first.text_content())

    async def hears(self, words: str) -> None:
        """Wait until the view says something."""
        say = self.lab.page.locator(".tf-view .tf-say", has_text=words).first
        await say.wait_for(state="attached", timeout=LONG / 4)

    async def look(self, expression: str) -> Any:
        """The value of an expression in which ``view`` is what the page shows to tests."""
        return await self.lab.page.evaluate(f"() => {{ const view = {VIEW}; return {expression}; }}")


async def hand(lab: Lab, name: str, cells: list[str]) -> Hand:
    """Run cells, the last of which shows a flow, and stand before it."""
    await lab.open(name, cells)
    await lab.run(0)
    await lab.run(1)
    await lab.ready()
    return Hand(lab)
