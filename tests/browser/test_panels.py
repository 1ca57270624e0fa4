"""The inspector and its forms as a person uses them, by mouse and by keyboard, in a page without Jupyter."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import pytest_asyncio
from msgspec import Meta
from playwright.async_api import Page, expect
from tinyflow_runtime.redaction import Secret

import tinyflow_jupyter as tf

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "jupyter"))
from hostile import HOSTILE, PNG
from panels import inspect, open_page, show_frame

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

ROW = "[role=tabpanel]:not([hidden]) .tf-row"
# Elements that a payload could only have brought with it.
STRANGE = "script, img, svg, iframe, object, embed, a, link, style, video, audio, math, base, meta, b b"


@dataclass
class Band:
    low: Annotated[float, Meta(ge=-50, le=150, description="Below it, an alarm.")] = 0.0
    high: float = 100.0

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")


@dataclass
class Mail:
    address: str


@dataclass
class Hook:
    url: str
    retries: int = 3


@dataclass
class Settings:
    name: Annotated[str, Meta(min_length=1, description="What it is called.")] = "boiler"
    band: Band = field(default_factory=Band)
    window: Annotated[int, Meta(ge=1, le=100, extra_json_schema={"x-unit": "messages"})] = 20
    mode: Literal["fast", "exact"] = "fast"
    active: bool = True
    key: Secret = ""
    rooms: list[str] = field(default_factory=lambda: ["kitchen", "hall"])
    tell: Mail | Hook | None = None


class Sensor(tf.Component):
    """Watches a boiler."""

    settings: Settings

    def ports(self) -> list[tf.Port]:
        return [
            tf.Port("in", "in", float),
            tf.Port("settings", "in", Settings, settings=True),
            tf.Port("out", "out", Any),
        ]

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None:
        if port == "in":
            await output("out", {"value": payload, "room": {"name": self.settings.name, "sizes": [1, 2, 3]}})


@tf.component
def anything(x: Any) -> Any:
    return x


@tf.component
def invert(x: float) -> float:
    return 1 / x


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("boiler")
    flow.node("sensor", Sensor, key="hunter2-hunter2")
    flow.node("log", anything)
    flow.node("invert", invert)
    flow.edge("sensor:out", "log:in")
    flow.start()
    yield flow
    flow.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def page(bare: Page) -> AsyncIterator[Page]:
    await bare.set_viewport_size({"width": 480, "height": 800})
    troubles: list[str] = []
    bare.on("pageerror", lambda error: troubles.append(str(error)))
    bare.on("console", lambda message: troubles.append(message.text))
    bare.on("dialog", lambda dialog: troubles.append(f"dialog {dialog.message}"))
    yield bare
    assert troubles == []


async def test_hostile_payloads_are_text_and_nothing_else(page: Page, flow: tf.Flow) -> None:
    from tinyflow_jupyter._view.tree import Tree

    await open_page(page, flow)
    trees = {name: Tree().of(make()) for name, make in HOSTILE.items()}

    found = await page.evaluate(
        """([trees, strange]) => {
            const place = document.getElementById('root');
            place.className += ' tf-inspector';
            const messages = new Messages({view, say() {}});
            place.append(messages.el);
            return Object.entries(trees).map(([name, tree]) => {
                const told = {id: name, at: name, trace: name, time: 1, size: 1, hops: 0, tree};
                const row = new MessageRow(messages, told);
                messages.list.append(row.el);
                row.toggle();
                row.el.querySelectorAll('[aria-expanded=false] > .tf-line').forEach(line => line.click());
                return [name, row.el.querySelectorAll(strange).length, row.el.textContent.length];
            });
        }""",
        [trees, STRANGE],
    )
    await page.wait_for_timeout(200)  # for whatever a payload would do later

    assert [name for name, strange, _ in found if strange] == []
    assert [name for name, _, letters in found if letters < 10] == []
    assert await page.evaluate("window.pwned === undefined")
    assert await page.get_by_text("<script>window.pwned").count() > 0


async def test_what_hides_in_a_text_is_named(page: Page, flow: tf.Flow) -> None:
    flow.send("log:in", HOSTILE["right to left"]())
    flow.wait(5)
    await open_page(page, flow)

    await inspect(page, "log:in")

    await expect(page.locator(f"{ROW} .tf-odd").first).to_have_text("U+202E")


async def test_messages_are_listed_newest_first_and_open_by_keyboard(page: Page, flow: tf.Flow) -> None:
    for value in (1.0, 2.0):
        flow.send("sensor:in", value)
    flow.wait(5)
    await open_page(page, flow)
    await inspect(page, "sensor:out")

    await page.locator(f"{ROW} > .tf-head").first.focus()
    for key in ("Enter", "Tab"):
        await page.keyboard.press(key)
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowRight"):
        await page.keyboard.press(key)
    focused = page.locator("[role=treeitem]:focus")

    await expect(page.locator(f"{ROW} .tf-preview").first).to_contain_text("value: 2.0")
    await expect(focused).to_have_attribute("aria-label", "sizes: [1, 2, 3]")
    await expect(focused).to_have_attribute("aria-expanded", "true")
    await expect(focused).to_have_attribute("aria-level", "3")


async def test_a_part_that_was_not_sent_is_fetched_when_it_is_opened(page: Page, flow: tf.Flow) -> None:
    flow.send("log:in", list(range(250)))
    flow.wait(5)
    view = await open_page(page, flow)
    await inspect(page, "log:in")

    await page.locator(f"{ROW} > .tf-head").first.click()
    await page.locator(".tf-more").click()
    await page.locator(".tf-more").click()

    await expect(page.locator("[role=treeitem] [role=treeitem]")).to_have_count(250)
    await expect(page.locator("[role=treeitem][aria-posinset='250']")).to_contain_text("249")
    assert [one["start"] for one in view.asked if one["do"] == "part"] == [100, 200]


async def test_a_path_and_a_value_are_copied(page: Page, flow: tf.Flow) -> None:
    flow.send("sensor:in", 1.0)
    flow.wait(5)
    await open_page(page, flow)
    await page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async t => { window.took = t; }}})"
    )
    await inspect(page, "sensor:out")
    await page.locator(f"{ROW} > .tf-head").first.click()
    await page.locator("[role=treeitem][aria-label^='room']").locator("> .tf-line").click()
    sizes = page.locator("[role=treeitem][aria-label^='sizes']")

    await sizes.focus()
    await page.keyboard.press("p")
    await expect(page.locator(".tf-note")).to_have_text("Path copied.")
    path = await page.evaluate("window.took")
    await page.keyboard.press("c")
    await expect(page.locator(".tf-note")).to_have_text("Value copied.")
    value = await page.evaluate("window.took")

    assert path == "msg.room.sizes"
    assert value == "[\n  1,\n  2,\n  3\n]"


async def test_a_paused_list_says_how_many_went_by_and_loses_none(page: Page, flow: tf.Flow) -> None:
    view = await open_page(page, flow)
    await inspect(page, "log:in")
    await expect(page.locator(".tf-empty").first).to_have_text("No message has passed here yet.")

    await page.get_by_role("button", name="Pause").click()
    for value in range(3):
        flow.send("log:in", value)
    flow.wait(5)
    await show_frame(page, view)
    paused = await page.locator(ROW).count()
    said = await page.locator(".tf-count").first.text_content()
    await page.locator(".tf-bar button").first.click()

    assert paused == 0
    assert said is not None
    assert "3 went by" in said
    await expect(page.locator(f"{ROW} .tf-preview")).to_have_text(["2", "1", "0"])


async def test_what_was_not_shown_is_counted_between_the_rows(page: Page, flow: tf.Flow) -> None:
    view = await open_page(page, flow)
    await inspect(page, "log:in")
    await expect(page.locator(".tf-count").first).to_contain_text("0 messages")

    for value in range(40):
        flow.send("log:in", value)
    flow.wait(5)
    await show_frame(page, view)

    await expect(page.locator(".tf-gap")).to_have_text("28 not shown")
    await expect(page.locator(ROW)).to_have_count(12)


async def test_what_somebody_reads_stays_where_it_is_while_others_come(page: Page, flow: tf.Flow) -> None:
    for value in range(5):
        flow.send("log:in", {"n": value})
    flow.wait(5)
    view = await open_page(page, flow)
    await inspect(page, "log:in")
    head = page.locator(f"{ROW} > .tf-head").filter(has_text="n: 4")
    await head.click()
    await expect(page.get_by_role("treeitem").first).to_be_visible()
    before = await head.bounding_box()

    for value in range(5, 10):
        flow.send("log:in", {"n": value})
    flow.wait(5)
    await show_frame(page, view)

    await expect(page.locator(ROW)).to_have_count(10)
    assert await head.bounding_box() == before


async def test_a_filter_hides_what_does_not_match_and_a_pin_stays(page: Page, flow: tf.Flow) -> None:
    for value in ("red", "green", "blue"):
        flow.send("log:in", {"colour": value})
    flow.wait(5)
    await open_page(page, flow)
    await inspect(page, "log:in")

    await page.get_by_label("Filter messages").fill("green")
    await expect(page.locator(f"{ROW}:visible")).to_have_count(1)
    await page.locator(f"{ROW}:visible > .tf-head").click()
    await page.get_by_role("button", name="Pin").click()
    await inspect(page, "sensor:out")

    await expect(page.locator(".tf-pins .tf-preview")).to_have_text('{colour: "green"}')


async def test_following_a_message_tells_where_it_went(page: Page, flow: tf.Flow) -> None:
    flow.send("sensor:in", 1.0)
    flow.wait(5)
    await open_page(page, flow)
    await inspect(page, "log:in")

    await page.locator(f"{ROW} > .tf-head").first.click()
    await page.get_by_role("button", name="Follow").click()
    await expect(page.locator(".tf-note")).to_have_text("It passed 4 ports of 2 nodes.")
    (trace,) = await page.evaluate("window.traces")

    assert trace["addresses"] == ["sensor:in", "sensor:out", "log:in", "log:out"]
    assert trace["edges"] == ["sensor:out>log:in"]


async def test_a_message_is_sent_again_and_edited(page: Page, flow: tf.Flow) -> None:
    flow.send("log:in", {"a": 1})
    flow.wait(5)
    await open_page(page, flow)
    await inspect(page, "log:in")

    await page.locator(f"{ROW} > .tf-head").first.click()
    await page.get_by_role("button", name="Send again").click()
    await expect(page.locator(".tf-note")).to_have_text("Sent again to log:in.")
    await page.get_by_role("button", name="Edit and send").click()
    await page.locator(".tf-place textarea").fill('{"a": 2}')
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".tf-state").first).to_contain_text("Sent at")
    flow.wait(5)

    assert [message.payload for message in flow["log:in"].history()] == [{"a": 1}, {"a": 1}, {"a": 2}]


async def test_a_message_that_does_not_fit_is_refused_at_its_field(page: Page, flow: tf.Flow) -> None:
    await open_page(page, flow)
    await inspect(page, "sensor:in", "send")

    await page.get_by_role("spinbutton").fill("warm")
    await page.get_by_role("button", name="Send", exact=True).click()

    await expect(page.locator(".tf-place .tf-wrong .tf-error")).to_have_text("This is no number.")
    assert flow["sensor:in"].count == 0


async def test_dead_letters_are_replayed_mended_and_discarded(page: Page, flow: tf.Flow) -> None:
    for _ in range(3):
        flow.send("invert:in", 0)
    flow.wait(5)
    await open_page(page, flow)
    await inspect(page, "invert", "letters")
    tab = page.get_by_role("tab", name="Dead letters")
    await expect(tab).to_contain_text("3")
    why = page.locator(f"{ROW} > .tf-head .tf-why")
    await expect(why).to_contain_text(["TF-139 invert raised ZeroDivisionError: division by zero"] * 3)
    assert (await why.first.bounding_box() or {})["height"] < 20  # one line, cut where it is longer

    await page.locator(f"{ROW} > .tf-head").first.click()
    await expect(page.locator(".tf-reason")).to_contain_text("division by zero")
    await page.get_by_role("button", name="Discard", exact=True).click()
    await expect(page.locator(ROW)).to_have_count(2)
    await page.locator(f"{ROW} > .tf-head").first.click()
    await page.get_by_role("button", name="Edit and send").click()
    await page.locator(".tf-place").get_by_role("spinbutton").fill("4")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator(".tf-state").first).to_contain_text("Sent at")
    await tab.click()
    await expect(page.locator(ROW)).to_have_count(1)
    await page.get_by_role("button", name="Replay all").click()
    await expect(page.locator(".tf-note")).to_have_text("1 sent again.")
    flow.wait(5)

    assert flow["invert:out"].history()[-1].payload == 0.25
    assert len(flow.dead_letters) == 1


async def test_settings_are_changed_by_keyboard_and_at_work_at_once(page: Page, flow: tf.Flow) -> None:
    await open_page(page, flow)
    await inspect(page, "sensor", "settings")
    await page.get_by_label("Name").focus()
    await page.keyboard.press("Control+a")
    await page.keyboard.type("cellar")

    await page.get_by_label("Window").focus()
    await page.keyboard.press("ArrowUp")
    await page.get_by_label("Active").press("Space")
    await page.get_by_label("Mode").select_option("exact")
    await expect(page.locator(".tf-state").last).to_have_text("Not applied yet")
    await page.keyboard.press("Control+Enter")
    await expect(page.locator(".tf-state").last).to_have_text("Applied")
    flow.send("sensor:in", 1.0)
    flow.wait(5)

    changed = dict(flow.nodes["sensor"].settings)
    assert changed == {"name": "cellar", "window": 21, "active": False, "mode": "exact", "key": "hunter2-hunter2"}
    assert flow["sensor:out"].last.payload["room"]["name"] == "cellar"  # type: ignore[union-attr]


async def test_bounds_are_checked_at_once_and_the_components_own_words_stand_at_its_field(
    page: Page, flow: tf.Flow
) -> None:
    await open_page(page, flow)
    await inspect(page, "sensor", "settings")

    await page.get_by_label("Window").fill("300")
    at_once = await page.locator(".tf-wrong .tf-error").all_text_contents()
    invalid = await page.get_by_label("Window").get_attribute("aria-invalid")
    await expect(page.get_by_role("button", name="Apply")).to_be_disabled()
    await expect(page.locator(".tf-state").last).to_have_text("Not applied yet: a value does not fit")
    await page.get_by_label("Window").fill("30")
    await page.get_by_label("Low").fill("120")
    await page.get_by_role("button", name="Apply").click()
    band = page.get_by_role("group", name="Band")

    await expect(band.locator("> .tf-error")).to_have_text("It is refused by Band: low must not be above high.")
    assert (at_once, invalid) == (["At most 100."], "true")
    assert "window" not in flow.nodes["sensor"].settings


async def test_revert_goes_back_and_nothing_is_marked(page: Page, flow: tf.Flow) -> None:
    await open_page(page, flow)
    await inspect(page, "sensor", "settings")
    await page.get_by_label("Name").fill("other")
    dirty = await page.locator(".tf-field.tf-dirty").count()

    await page.get_by_role("button", name="Revert").click()

    await expect(page.get_by_label("Name")).to_have_value("boiler")
    await expect(page.locator(".tf-dirty")).to_have_count(0)
    await expect(page.get_by_role("button", name="Apply")).to_be_disabled()
    assert dirty == 1


async def test_a_secret_is_not_in_the_page_and_stays(page: Page, flow: tf.Flow) -> None:
    await open_page(page, flow)
    await inspect(page, "sensor", "settings")
    key = page.get_by_label("Key", exact=True)
    await expect(key).to_have_attribute("placeholder", "set")

    await page.get_by_label("Name").fill("other")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.locator(".tf-state").last).to_have_text("Applied")

    assert "hunter2" not in await page.content()
    assert flow.nodes["sensor"].settings["key"] == "hunter2-hunter2"


async def test_lists_and_choices_are_filled_in(page: Page, flow: tf.Flow) -> None:
    await open_page(page, flow)
    await inspect(page, "sensor", "settings")
    rooms = page.get_by_role("group", name="Rooms")

    await rooms.get_by_role("button", name="+ add").click()
    await page.keyboard.type("attic")
    await page.keyboard.press("Alt+ArrowUp")
    await rooms.get_by_role("button", name="Remove").first.click()
    await page.get_by_label("Kind of Tell").select_option("2")
    await page.get_by_label("Url").fill("http://here")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.locator(".tf-state").last).to_have_text("Applied")

    settings = flow.nodes["sensor"].settings
    assert settings["rooms"] == ["attic", "hall"]
    assert settings["tell"] == {"url": "http://here", "retries": 3}


async def test_tabs_go_by_arrows_and_escape_closes(page: Page, flow: tf.Flow) -> None:
    await open_page(page, flow)
    await inspect(page, "sensor")
    await page.get_by_role("tab", name="Messages").focus()

    await page.keyboard.press("ArrowLeft")
    await expect(page.get_by_role("tab", selected=True)).to_have_text("Dead letters")
    await page.keyboard.press("Escape")

    await expect(page.locator(".tf-inspector")).to_be_hidden()


async def test_a_picture_is_drawn_and_a_pretended_one_is_not(page: Page, flow: tf.Flow) -> None:
    flow.send("log:in", HOSTILE["a script that calls itself a picture"]())
    flow.send("log:in", PNG)
    flow.wait(5)
    await open_page(page, flow)
    await inspect(page, "log:in")

    await expect(page.locator(ROW)).to_have_count(2)
    for head in await page.locator(f"{ROW} > .tf-head").all():
        await head.click()
    lines = page.locator("[role=treeitem][aria-expanded]")
    await expect(page.locator("img.tf-shot")).to_have_count(1)

    assert await lines.count() == 1
    assert (await page.locator("img.tf-shot").get_attribute("src") or "").startswith("data:image/png;base64,")


async def test_an_inspector_that_is_gone_hears_nothing(page: Page, flow: tf.Flow) -> None:
    await open_page(page, flow)
    listening = (
        "[...view.listeners.values(), ...view.picture.listeners.values()].reduce((sum, all) => sum + all.size, 0)"
    )
    before = await page.evaluate(listening)
    await inspect(page, "log:in")

    await page.evaluate("inspector.destroy()")

    assert await page.evaluate(listening) == before + 1  # who draws traces listens on
    assert await page.locator(".tf-inspector").count() == 0


async def test_an_inspector_closed_at_once_is_not_watched(page: Page, flow: tf.Flow) -> None:
    view = await open_page(page, flow)
    await inspect(page, "log:in")

    await page.evaluate("{ inspector.show('sensor:out'); inspector.hide(); }")
    await page.evaluate("view.ask('held')")  # after whatever it asked

    assert view._inspection._watch.addresses == []


# An answer to a question that is meant no more comes after everything else.
LATE = """([word, node]) => {
    const ask = Picture.prototype.ask;
    Picture.prototype.ask = async function (what, fields) {
        const late = what === word && (fields.node ?? fields.address).startsWith(node);
        if (late) {
            await new Promise(answer => { window.answer = answer; });
            throw {code: 'TF-000', what: `of ${node}`};
        }
        return ask.call(this, what, fields);
    };
}"""


@pytest.mark.parametrize(("word", "tab"), [("port", "messages"), ("form", "send"), ("form", "settings")])
async def test_an_error_that_comes_late_is_told_to_nobody_who_looks_elsewhere(
    page: Page, flow: tf.Flow, word: str, tab: str
) -> None:
    await open_page(page, flow)
    await page.evaluate(LATE, [word, "sensor"])
    await inspect(page, "sensor", tab)
    await page.wait_for_function("Boolean(window.answer)")

    await inspect(page, "log", "messages")
    await expect(page.locator(".tf-count").first).to_contain_text("0 messages")
    await page.evaluate("window.answer()")
    await page.evaluate("view.ask('held')")

    assert "of sensor" not in (await page.locator(".tf-inspector").text_content() or "")


async def test_what_a_frame_and_an_answer_both_tell_of_is_there_once(page: Page, flow: tf.Flow) -> None:
    view = await open_page(page, flow)
    await inspect(page, "log:in")
    await expect(page.locator(".tf-empty").first).to_have_text("No message has passed here yet.")
    flow.send("log:in", 7)
    flow.wait(5)
    await inspect(page, "log:in")
    await expect(page.locator(ROW)).to_have_count(1)

    await show_frame(page, view)

    await expect(page.locator(".tf-count").first).to_contain_text("1 message")
    assert await page.locator(ROW).count() == 1


# The kernel's side of a question is held up: before it watches, or after it has made its answer.
HELD_UP = """word => {
    const ask = Picture.prototype.ask;
    Picture.prototype.ask = async function (what, fields) {
        const made = what === 'watch' ? null : await ask.call(this, what, fields);
        if (what === word) {
            await new Promise(goOn => { window.goOn = goOn; });
        }
        return made ?? ask.call(this, what, fields);
    };
}"""


@pytest.mark.parametrize("word", ["watch", "port"])
async def test_what_passes_while_the_inspector_opens_is_there_once(page: Page, flow: tf.Flow, word: str) -> None:
    view = await open_page(page, flow)
    await page.evaluate(HELD_UP, word)
    await inspect(page, "log:in")
    await page.wait_for_function("Boolean(window.goOn)")

    flow.send("log:in", 7)
    flow.wait(5)
    await show_frame(page, view)
    await page.evaluate("window.goOn()")
    await expect(page.locator(ROW)).to_have_count(1)
    await show_frame(page, view)

    await expect(page.locator(".tf-count").first).to_contain_text("1 message")
    assert await page.locator(ROW).count() == 1
