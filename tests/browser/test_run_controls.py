"""The controls that run a flow, by mouse and by keyboard, in a page without Jupyter; Python answers as ever."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

import tinyflow_jupyter as tf

sys.path.insert(0, str(Path(__file__).parent))
from panels import open_page

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

FRAME = "nodes => model.emit('msg:custom', {t: 'frame', n: 1, nodes})"
# Controls alone: the element of a view is small here.
BEGIN = """() => {
    view.el.style = 'padding:12px;height:200px;background:var(--tf-page)';
    window.heard = [];
    view.on('slow', on => heard.push(on));
    window.run = new Controls(view);
    view.el.prepend(run.el);
}"""


@tf.component
def forward(x: int) -> int:
    return x


@tf.component
def text(x: int) -> str:
    return f"<img src=x onerror=alert({x})>"


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("led")
    flow.node("a", forward)
    flow.node("b", text)
    flow.edge("a:out", "b:in")
    yield flow
    flow.stop(1)


@pytest_asyncio.fixture(loop_scope="session")
async def page(bare: Page, flow: tf.Flow) -> AsyncIterator[Page]:
    await bare.set_viewport_size({"width": 640, "height": 220})
    troubles: list[str] = []
    bare.on("pageerror", lambda error: troubles.append(str(error)))
    bare.on("console", lambda message: troubles.append(message.text))
    bare.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
    await open_page(bare, flow)
    await bare.evaluate(BEGIN)
    yield bare
    await bare.evaluate("run.destroy()")
    assert troubles == []


async def shot(page: Page, name: str, folder: Path) -> None:
    """Keep a picture for whoever wants to look."""
    await page.screenshot(path=folder / f"{name}.png")


async def test_a_flow_is_run_by_mouse(page: Page, flow: tf.Flow, tmp_path: Path) -> None:
    await expect(page.locator(".tf-standing")).to_have_text("stopped")
    assert await page.get_by_role("button", name="Pause the flow").is_disabled()

    await page.get_by_role("button", name="Start the flow").click()

    await expect(page.locator(".tf-standing")).to_have_text("running")
    await page.evaluate("view.emit('select', 'b')")
    await page.get_by_role("button", name="Pause b").click()
    await expect(page.locator(".tf-standing")).to_have_text("running, b paused")
    flow.send("a:in", 1)
    flow.send("a:in", 2)
    await page.get_by_role("button", name="Step b: one message").click()
    await page.wait_for_function("run.held.b.queued === 1")
    await shot(page, "paused", tmp_path)
    await page.get_by_role("button", name="Let b go on").click()
    await expect(page.locator(".tf-standing")).to_have_text("running")
    flow.wait(5)
    assert flow.counts()["b"].handled == 2
    await page.get_by_role("button", name="Stop the flow").click()
    await expect(page.locator(".tf-standing")).to_have_text("stopped")


async def test_a_breakpoint_set_by_keyboard_shows_what_it_holds(page: Page, flow: tf.Flow, tmp_path: Path) -> None:
    flow.start()
    await page.evaluate("run.refresh()")
    await expect(page.locator(".tf-standing")).to_have_text("running")
    await page.evaluate("view.emit('select', 'b:out')")
    await page.locator("#root").focus()

    await page.keyboard.press("Alt+b")
    await page.keyboard.type("len(msg) > 5")
    await shot(page, "condition", tmp_path)
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("button", name="Take the breakpoint at b:out away")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert flow.breakpoints == {"b:out": "len(msg) > 5"}
    flow.send("a:in", 7)
    with pytest.raises(TimeoutError):
        flow.wait()
    await page.evaluate(FRAME, {"b": ["paused", 1, 0, 0, 0, 0]})
    held = page.get_by_role("list", name="What is held")
    await expect(held).to_contain_text("<img src=x onerror=alert(7)>")
    await expect(held).to_contain_text("goes on in 300 s")
    assert await page.locator("img").count() == 0
    await shot(page, "held", tmp_path)
    await page.emulate_media(color_scheme="dark")
    await shot(page, "held-dark", tmp_path)
    await page.locator("#root").focus()
    await page.keyboard.press("Alt+b")
    await expect(held).to_be_hidden()
    flow.wait(5)
    assert flow.breakpoints == {}


async def test_a_condition_that_is_refused_stays_to_be_mended(page: Page, flow: tf.Flow) -> None:
    flow.start()
    await page.evaluate("run.refresh()")
    await page.evaluate("view.emit('select', 'b:in')")
    await page.get_by_role("button", name="Breakpoint at b:in").click()
    await page.get_by_role("textbox").fill("msg +")

    await page.get_by_role("button", name="Set").click()

    await expect(page.get_by_role("alert")).to_contain_text("TF-114 ")
    await expect(page.get_by_role("textbox")).to_have_value("msg +")
    await expect(page.get_by_role("textbox")).to_be_focused()
    await page.keyboard.type(" 1 > 3")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox")).to_be_hidden()
    assert flow.breakpoints == {"b:in": "msg + 1 > 3"}
    assert await page.locator(".tf-say").text_content() == ""


async def test_slow_motion_looks_pressed_while_the_pointer_is_on_its_button(page: Page) -> None:
    button = page.locator("[data-act=slow]")

    await button.click()

    number = await page.evaluate("getComputedStyle(view.el).getPropertyValue('--tf-number')")
    await page.evaluate(
        "colour => { view.el.append(Object.assign(document.createElement('i'), "
        "{id: 'wanted', style: `background:${colour}`})); }",
        number,
    )
    background = "selector => getComputedStyle(document.querySelector(selector)).backgroundColor"
    assert await page.evaluate(background, "[data-act=slow]") == await page.evaluate(background, "#wanted")


async def test_slow_motion_is_told_to_the_canvas_and_every_button_has_a_name_and_a_key(page: Page) -> None:
    await page.locator("#root").focus()

    await page.keyboard.press("Alt+m")
    await page.keyboard.press("Alt+m")

    assert await page.evaluate("window.heard") == [True, False]
    named = await page.evaluate(
        "[...document.querySelectorAll('.tf-act')].map(one => [one.ariaLabel, one.title, one.ariaKeyShortcuts])"
    )
    assert len(named) == 5
    assert all(label and "(Alt-" in title and keys.startswith("Alt+") for label, title, keys in named)


async def test_a_flow_that_says_something_else_than_what_runs_is_told_as_changed(page: Page, flow: tf.Flow) -> None:
    flow.start()
    await page.evaluate("run.refresh()")

    await page.evaluate(FRAME, {"a": ["stale", 0, 0, 0, 0, 0], "b": ["idle", 0, 0, 0, 0, 0]})

    await expect(page.locator(".tf-standing")).to_have_text("running, changed")
    await page.evaluate(FRAME, {"a": ["idle", 0, 0, 0, 0, 0]})
    await expect(page.locator(".tf-standing")).to_have_text("running")
