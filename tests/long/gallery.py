"""Draws the pictures of the canvas in the docs anew, in a real JupyterLab: ``tests/long/gallery.py``."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "browser"))
from lab import Lab, browser_in, tab
from lab_server import ROOT, lab_server
from PIL import Image

PICTURES = ROOT / "docs" / "pictures"
LARGEST = 150 * 1024  # bytes: a page of pictures should still come at once
VIEW = "document.querySelector('.tf-view').tfView"

COMPONENTS = """
import asyncio, math
from collections.abc import AsyncIterator
import tinyflow_jupyter as tf

@tf.component
async def ticks(*, every: float = 0.1) -> AsyncIterator[int]:
    "Counts."
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(every)

@tf.component
def wave(n: int, *, period: int = 40, height: float = 10.0) -> float:
    "A sine of the count."
    return round(height * math.sin(2 * math.pi * n / period), 2)

@tf.component
def above(x: float, *, limit: float = 2.0) -> float | None:
    "Lets through what is above the limit."
    return x if x > limit else None

@tf.component
def root(x: float) -> float:
    "The square root."
    return math.sqrt(x)

@tf.component
def show(x: float) -> str:
    "Writes it out."
    return f"{x:.1f} degrees"
"""
FIVE = """
flow = tf.Flow("waves")
flow.node("ticks", ticks, every=0.1)
flow.node("wave", wave)
flow.node("above", above, limit=2.0)
flow.node("root", root)
flow.node("show", show)
flow.edge("ticks:out", "wave:in")
flow.edge("wave:out", "above:in")
flow.edge("wave:out", "root:in"{condition})
flow.edge("above:out", "show:in")
flow.start()
flow
"""
MANY = """
flow = tf.Flow("many")
flow.node("n0", ticks)
flow.node("n1", wave)
flow.edge("n0:out", "n1:in")
for number in range(2, {count}):
    flow.node(f"n{{number}}", root if number % 3 else above)
    flow.edge(f"n{{max(1, number // 2)}}:out", f"n{{number}}:in", when="msg > 0")
flow.start()
flow
"""


async def opened(lab: Lab, name: str, cell: str) -> None:
    await lab.open(name, [COMPONENTS, cell])
    await lab.run()
    await lab.ready()


async def seen(lab: Lab, what: str) -> None:
    """Wait until something of the picture is true."""
    await lab.page.wait_for_function(what.replace("VIEW", VIEW))


async def fitted(lab: Lab) -> None:
    """Have all of the flow beside what has opened."""
    await lab.page.evaluate(f"{{ const {{cy, canvas}} = {VIEW}; cy.resize(); canvas.fit(); }}")


async def keep(lab: Lab, name: str) -> None:
    path = PICTURES / f"view-{name}.png"
    await lab.page.mouse.move(5, 5)
    await lab.picture(path, ".tf-view")
    if path.stat().st_size > LARGEST:  # fewer colours are seen only where they are few
        Image.open(path).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size / 1024:.0f} KiB{'' if size <= LARGEST else '  TOO LARGE'}", flush=True)


async def of_five(lab: Lab) -> None:
    await opened(lab, "five", FIVE.format(condition=', when="msg >= 0"'))
    await seen(lab, "VIEW.picture.values.ports['show:out']?.[1] > 3")
    await keep(lab, "5-light")
    await lab.theme("dark")
    await keep(lab, "5-dark")
    await lab.theme("light")
    await lab.page.evaluate(f"{VIEW}.view.emit('select', 'wave:out')")
    await lab.page.locator(".tf-inspector .tf-row").nth(5).wait_for()
    await fitted(lab)
    await keep(lab, "inspector")
    await lab.page.evaluate(f"{VIEW}.view.emit('select', 'wave:settings')")
    await lab.page.locator(".tf-inspector form, .tf-inspector .tf-form").first.wait_for()
    await fitted(lab)
    await keep(lab, "form")
    await lab.page.evaluate(f"{VIEW}.view.emit('select', null)")
    await fitted(lab)
    await lab.python("flow.breakpoint('above:in', when='msg > 5') and None")
    await seen(lab, "VIEW.picture.values.nodes.above?.[0] === 'paused'")
    await seen(lab, "VIEW.picture.values.edges['wave:out>above:in']?.[0] > 8")
    await keep(lab, "breakpoint")


async def of_an_error(lab: Lab) -> None:
    await opened(lab, "error", FIVE.format(condition=""))
    await seen(lab, "VIEW.picture.values.nodes.root?.[3] > 3")
    await lab.page.evaluate(f"{VIEW}.view.emit('select', 'root')")
    await lab.page.locator(".tf-view").get_by_role("tab", name="Dead letters").click()
    await lab.page.locator(".tf-letter .tf-head").first.click()
    await lab.page.locator(".tf-reason").first.wait_for()
    await fitted(lab)
    await keep(lab, "error")


async def of_many(lab: Lab, count: int) -> None:
    await opened(lab, f"many-{count}", MANY.format(count=count))
    await seen(lab, "VIEW.picture.values.nodes.n2?.[1] > 0")
    await keep(lab, str(count))


async def drawn(chromium: str, home: Path) -> None:
    with lab_server(home) as server:
        for part in (of_five, of_an_error, lambda lab: of_many(lab, 60), lambda lab: of_many(lab, 1_000)):
            async with browser_in(server.profile, chromium) as browser, tab(browser, server) as lab:
                await part(lab)


def main() -> int:
    found = os.environ.get("TINYFLOW_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        print("no Chromium on this machine: TINYFLOW_CHROMIUM names one", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(drawn(found, Path(home)))
    return max(path.stat().st_size for path in PICTURES.glob("view-*.png")) > LARGEST


if __name__ == "__main__":
    sys.exit(main())
