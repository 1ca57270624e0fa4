"""A page of a real JupyterLab or Notebook 7, with the few verbs that tests need: open, run, look, measure."""

from __future__ import annotations

import ast
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from lab_server import LabServer
from playwright.async_api import CDPSession, ConsoleMessage, Page, async_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
SIZE = {"width": 1300, "height": 900}
LONG = 60_000  # milliseconds for what a busy machine may need; nothing here waits for longer than it takes
# What ipycytoscape 1.3.3 and the front ends themselves say, whatever a notebook shows.
NOISE = (
    "jupyter-widgets/base",  # ipycytoscape asks for a version of it that is not the one that is there
    "wheel sensitivity",  # cytoscape, of a setting that ipycytoscape gives it
    "yjs#509",  # Notebook 7, of its documents
)

PANEL = "jupyterapp.shell.currentWidget"
KERNEL = f"{PANEL}?.sessionContext?.session?.kernel"
READY = f"window.jupyterapp && {KERNEL} && {PANEL}.content?.widgets?.length && {KERNEL}.status === 'idle'"
IDLE = f"{KERNEL}.status === 'idle'"
# What the kernel makes of an expression, asked beside all cells.
ASKED = f"""async code => {{
    const future = {KERNEL}.requestExecute({{code: '', user_expressions: {{it: code}}, store_history: false}});
    return (await future.done).content.user_expressions.it;
}}"""
# A cell; from then on the kernel has in `sent` what each comm was sent: the kind of message, and its bytes.
COUNT_MESSAGES = """
from ipykernel.comm.comm import BaseComm
import json
sent, publish = [], BaseComm.publish_msg

def counted(self, kind, data=None, *arguments, **named):
    sent.append((kind, len(json.dumps(data, default=str))))
    return publish(self, kind, data, *arguments, **named)

BaseComm.publish_msg = counted
"""
FRAMES = """async ([seconds, moving]) => {
    const view = document.querySelector('.tf-view')?.tfView ?? window.peer;
    const cy = view?.cy;
    const start = cy && {pan: {...cy.pan()}, zoom: cy.zoom()};
    const times = [];
    const end = performance.now() + seconds * 1000;
    let last = await new Promise(requestAnimationFrame);
    for (let number = 0; performance.now() < end; number += 1) {
        const swing = number % 60 < 30 ? 1 : -1;
        if (moving === 'pan') cy.panBy({x: 6 * swing, y: 3 * swing});
        if (moving === 'zoom') cy.zoom({level: cy.zoom() * 1.02 ** swing,
                                        renderedPosition: {x: cy.width() / 2, y: cy.height() / 2}});
        const now = await new Promise(requestAnimationFrame);
        times.push(now - last);
        last = now;
    }
    if (start) cy.viewport(start);
    times.sort((a, b) => a - b);
    return [times.length, times[Math.floor(times.length * 0.5)], times[Math.floor(times.length * 0.95)]];
}"""
VIOLATIONS = """async ([selector, impacts]) => {
    const found = await axe.run(selector, {resultTypes: ['violations']});
    return found.violations.filter(one => impacts.includes(one.impact)).map(one =>
        `${one.impact}: ${one.id}: ${one.help} (${one.nodes.map(node => node.html.slice(0, 120)).join(' | ')})`);
}"""


class Frames(tuple[int, float, float]):
    """How many frames were drawn, and the median and the 95th percentile of the milliseconds between two of them."""

    count = property(lambda self: self[0])
    p50 = property(lambda self: self[1])
    p95 = property(lambda self: self[2])


class Lab:
    """One notebook in one tab.

    Attributes:
        said: What the console said that is no known noise: errors, warnings, exceptions, and logs.
    """

    def __init__(self, page: Page, server: LabServer, devtools: CDPSession) -> None:
        self.page, self.server, self._devtools = page, server, devtools
        self.said: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(f"exception: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "log") and not any(noise in message.text for noise in NOISE):
            self.said.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    @property
    def errors(self) -> list[str]:
        """Errors and exceptions in the console."""
        return [one for one in self.said if one.startswith(("error", "exception"))]

    async def open(self, name: str, cells: Sequence[str] | None = None, *, classic: bool = False) -> None:
        """Open a notebook, of these cells or as it was saved, and wait for its kernel; ``classic`` is Notebook 7."""
        if cells is not None:
            self.server.write(name, cells)
        await self.page.goto(self.server.address(name, classic=classic))
        await self.page.wait_for_function(READY, timeout=LONG)
        if not classic:
            await self.command("application:toggle-left-area")
        self.said.clear()  # what a front end says of itself while it starts

    async def command(self, name: str, arguments: Mapping[str, Any] | None = None) -> None:
        """Do what a menu of the front end does; returns when it is done."""
        await self.page.evaluate(
            "async ([name, args]) => { await jupyterapp.commands.execute(name, args); }", [name, arguments or {}]
        )

    async def run(self, cell: int | None = None) -> None:
        """Run all cells, or the one of this number (from 0), and wait until the kernel is idle.

        Raises:
            AssertionError: A cell raised; its traceback is told.
        """
        await self.begin(cell)
        await self.idle()
        raised = await self.page.evaluate(
            f"{PANEL}.model.sharedModel.cells.flatMap(cell => cell.getOutputs?.() ?? [])"
            ".filter(one => one.output_type === 'error').map(one => one.traceback.join('\\n'))"
        )
        assert not raised, raised[0]

    async def write(self, cell: int, text: str) -> None:
        """Give a cell another text, as if somebody typed it."""
        await self.page.evaluate(
            f"([number, text]) => {{ {PANEL}.model.sharedModel.cells[number].setSource(text); }}", [cell, text]
        )

    async def begin(self, cell: int | None = None) -> None:
        """Run cells without waiting for them."""
        if cell is not None:
            await self.page.evaluate(f"number => {{ {PANEL}.content.activeCellIndex = number; }}", cell)
        which = "notebook:run-all-cells" if cell is None else "notebook:run-cell"
        await self.page.evaluate("name => { window.ran = jupyterapp.commands.execute(name); }", which)

    async def idle(self) -> None:
        """Wait until the cells that were begun have ended."""
        await self.page.evaluate("() => window.ran")
        await self.page.wait_for_function(IDLE, timeout=LONG)

    async def interrupt(self) -> None:
        """Interrupt the kernel, and wait until it is idle."""
        await self.page.evaluate(f"{KERNEL}.interrupt()")
        await self.idle()

    async def python(self, expression: str) -> Any:
        """The value of an expression in the kernel, as far as JSON can hold it."""
        answer = await self.page.evaluate(ASKED, f"__import__('json').dumps({expression})")
        assert answer["status"] == "ok", answer
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    async def comms(self) -> int:
        """How many comms are open in the kernel."""
        return int(await self.python("len(get_ipython().kernel.comm_manager.comms)"))

    async def ready(self, number: int = 0) -> None:
        """Wait until a view has drawn, and have it in sight."""
        await self.page.locator(".tf-view[data-ready=true]").nth(number).wait_for(timeout=LONG)
        await self.page.locator(".tf-view").nth(number).scroll_into_view_if_needed()

    async def theme(self, which: Literal["light", "dark"]) -> None:
        """Change the front end's theme."""
        await self.command("apputils:change-theme", {"theme": f"JupyterLab {which.capitalize()}"})
        await self.page.locator(f"body[data-jp-theme-light={str(which == 'light').lower()}]").wait_for(state="attached")
        await self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    async def save(self) -> None:
        """Save the notebook."""
        await self.command("docmanager:save")

    async def reload(self) -> None:
        """Load the page anew; the kernel runs on."""
        await self.page.reload()
        await self.page.wait_for_function(READY, timeout=LONG)

    async def picture(self, path: Path, selector: str | None = None) -> None:
        """A screenshot of the page, or of what a selector finds first."""
        path.parent.mkdir(parents=True, exist_ok=True)
        await (self.page.locator(selector).first if selector else self.page).screenshot(path=path)

    async def heap(self) -> int:
        """Bytes of JavaScript objects that something still holds."""
        await self._devtools.send("HeapProfiler.collectGarbage")
        return int((await self._devtools.send("Runtime.getHeapUsage"))["usedSize"])

    async def alive(self, prototype: str) -> int:
        """How many objects something still holds that were made of what an expression in the page finds."""
        await self._devtools.send("HeapProfiler.collectGarbage")
        kind = (await self._devtools.send("Runtime.evaluate", {"expression": prototype}))["result"]["objectId"]
        found = await self._devtools.send("Runtime.queryObjects", {"prototypeObjectId": kind})
        held = found["objects"]["objectId"]
        how = {"objectId": held, "functionDeclaration": "function() { return this.length; }", "returnByValue": True}
        count = await self._devtools.send("Runtime.callFunctionOn", how)
        for one in (kind, held):
            await self._devtools.send("Runtime.releaseObject", {"objectId": one})
        return int(count["result"]["value"])

    async def scripts(self) -> float:
        """Seconds of a processor that JavaScript has taken in this tab."""
        await self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        found = await self._devtools.send("Performance.getMetrics")
        return float(next(one["value"] for one in found["metrics"] if one["name"] == "ScriptDuration"))

    async def slow(self, times: float) -> None:
        """Have this tab's thread run so many times slower; 1 is as fast as the machine."""
        await self._devtools.send("Emulation.setCPUThrottlingRate", {"rate": times})

    async def frames(self, seconds: float, moving: Literal["", "pan", "zoom"] = "") -> Frames:
        """Count frames for a while, at rest or while the first view is moved."""
        return Frames(await self.page.evaluate(FRAMES, [seconds, moving]))

    async def violations(
        self, selector: str = ".tf-view", impacts: Sequence[str] = ("serious", "critical")
    ) -> list[str]:
        """What axe-core finds wrong in a part of the page."""
        await self.page.evaluate(f"{AXE_SCRIPT}; 0")
        return list(await self.page.evaluate(VIOLATIONS, [selector, list(impacts)]))


@contextlib.asynccontextmanager
async def tab(chromium: str, server: LabServer) -> AsyncIterator[Lab]:
    """A browser with one tab; the kernels of what was opened in it end with it, and settings are forgotten."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch_persistent_context(
            server.profile, executable_path=chromium, args=ARGUMENTS, viewport=SIZE
        )
        try:
            page = browser.pages[0]
            yield Lab(page, server, await browser.new_cdp_session(page))
        finally:
            await browser.close()
            server.end_kernels()
            server.forget_settings()
