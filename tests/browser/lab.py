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
from playwright.async_api import BrowserContext, CDPSession, ConsoleMessage, Error, Page, async_playwright

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
# Of all objects, those of some kinds: whoever asks for one kind only has all garbage collected for it.
COUNTED = """function (kinds) {
    const counts = Object.fromEntries(Object.keys(kinds).map(name => [name, 0]));
    const names = new Map(Object.entries(kinds).map(([name, kind]) => [kind, name]));
    for (const one of this) {
        const name = names.get(Object.getPrototypeOf(one));
        if (name) counts[name] += 1;
    }
    return counts;
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
        own: Whether the tab ends with this notebook.
    """

    def __init__(self, page: Page, server: LabServer, devtools: CDPSession) -> None:
        self.page, self.server, self._devtools = page, server, devtools
        self.said: list[str] = []
        self.own = False
        page.on("console", self._hear)
        page.on("pageerror", self._hear_error)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "log") and not any(noise in message.text for noise in NOISE):
            self.said.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _hear_error(self, error: Error) -> None:
        self.said.append(f"exception: {error}")

    @property
    def errors(self) -> list[str]:
        """Errors and exceptions in the console."""
        return [one for one in self.said if one.startswith(("error", "exception"))]

    async def open(
        self, name: str, cells: Sequence[str] | None = None, *, classic: bool = False, own: bool = False
    ) -> None:
        """Open a notebook, of these cells or as it was saved, and wait for its kernel.

        ``classic`` is Notebook 7; ``own`` loads the page anew and leaves it to no other: for what changes the page
        itself, or counts what is in it.
        """
        if cells is not None:
            self.server.write(name, cells)
        self.server.give_kernel(name)
        self.own = self.own or own or classic
        if not self.own and await self.page.evaluate("Boolean(window.jupyterapp)"):
            await self.command("docmanager:open", {"path": f"{name}.ipynb"})
            await self.page.wait_for_function(READY, timeout=LONG)
        else:
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
        """Load the page anew; the kernel runs on. What a page then restores is left to no other notebook."""
        self.own = True
        await self.page.reload()
        await self.page.wait_for_function(READY, timeout=LONG)

    async def leave(self) -> None:
        """Close what is open, as nobody would who has not saved; the tab is somebody else's now, or ends."""
        if self.own:
            await self.page.close()
            return
        self.page.remove_listener("console", self._hear)
        self.page.remove_listener("pageerror", self._hear_error)
        await self._devtools.detach()
        await self.page.evaluate("for (const one of [...jupyterapp.shell.widgets('main')]) one.dispose();")
        await self.page.set_viewport_size(SIZE)
        if await self.page.evaluate("document.body.dataset.jpThemeLight") == "false":
            await self.theme("light")

    async def picture(self, path: Path, selector: str | None = None) -> None:
        """A screenshot of the page, or of what a selector finds first."""
        path.parent.mkdir(parents=True, exist_ok=True)
        await (self.page.locator(selector).first if selector else self.page).screenshot(path=path)

    async def heap(self) -> int:
        """Bytes of JavaScript objects that something still holds."""
        await self._devtools.send("HeapProfiler.collectGarbage")
        return int((await self._devtools.send("Runtime.getHeapUsage"))["usedSize"])

    async def alive(self, kinds: str) -> dict[str, int]:
        """How many objects something still holds of each kind: an expression in the page finds prototypes by name."""
        await self._devtools.send("HeapProfiler.collectGarbage")
        everything = {"expression": "Object.prototype"}, {"expression": kinds}
        of, wanted = [(await self._devtools.send("Runtime.evaluate", one))["result"]["objectId"] for one in everything]
        found = await self._devtools.send("Runtime.queryObjects", {"prototypeObjectId": of})
        held = found["objects"]["objectId"]
        how = {"objectId": held, "functionDeclaration": COUNTED, "arguments": [{"objectId": wanted}]}
        count = await self._devtools.send("Runtime.callFunctionOn", {**how, "returnByValue": True})
        for one in (of, wanted, held):
            await self._devtools.send("Runtime.releaseObject", {"objectId": one})
        return dict(count["result"]["value"])

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
async def browser_in(profile: Path, chromium: str) -> AsyncIterator[BrowserContext]:
    """A browser with a folder: what it has fetched and compiled once it need not fetch again."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=ARGUMENTS, viewport=SIZE
        )
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def tab(browser: BrowserContext, server: LabServer) -> AsyncIterator[Lab]:
    """A tab, the one that was left if there is one; kernels of what was opened in it end with it, and settings go."""
    left = [page for page in browser.pages if page.url.startswith(server.url)]
    page = left[0] if left else await browser.new_page()
    lab = Lab(page, server, await browser.new_cdp_session(page))
    try:
        yield lab
        await lab.leave()
    except BaseException:
        await page.close()
        raise
    finally:
        server.end_kernels()
        server.forget_settings()
