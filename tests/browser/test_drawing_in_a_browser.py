"""The drawing as a person sees it: texts stay in their cards, the theme around it decides, and it fits the page."""

from __future__ import annotations

from typing import Any, Literal

import nbformat
import pytest
import pytest_asyncio
from lab import Lab
from playwright.async_api import Page

import tinyflow_jupyter as tf

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

OVERFLOWING = """() => [...document.querySelectorAll('.tf-card')].flatMap(card => {
    const box = card.getBoundingClientRect();
    return [...card.parentElement.querySelectorAll('text')]
        .filter(text => { const t = text.getBoundingClientRect();
                          return t.left < box.left - 1 || t.right > box.right + 1; })
        .map(text => text.textContent);
})"""
COLOUR = "() => getComputedStyle(document.querySelector('.tf-page')).fill"
LIGHT, DARK = "rgb(248, 250, 252)", "rgb(16, 21, 29)"


class Wide(tf.Component):
    """Has more to say than there is room for."""

    def ports(self) -> list[tf.Port]:
        return [
            tf.Port("in", "in", int, label="WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW"),
            tf.Port("names", "in", list[str], label="日本語のとても長い長い長い名前"),
            tf.Port("iii", "out", str, label="m" * 60),
            tf.Port("level", "out", float, label="a level of some length", status=True),
            tf.Port("top", "in", str, position="top"),
        ]

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None:
        await output("level", 1234567.891)


def wide() -> tf.Flow:
    flow = tf.Flow("a-name-that-is-longer-than-most-names-of-flows-are-on-most-days")
    flow.node("a", Wide)
    flow.node("a-node-with-a-name-of-which-nobody-will-say-it-is-too-short", Wide)
    return flow


def chain(count: int) -> tf.Flow:
    @tf.component
    def double(x: int) -> int:
        return 2 * x

    flow = tf.Flow("chain")
    for number in range(count):
        flow.node(f"n-{number}", double)
        if number:
            flow.edge(f"n-{number - 1}:out", f"n-{number}:in", when="msg > 3")
    return flow


@pytest_asyncio.fixture(loop_scope="session")
async def page(bare: Page) -> Page:
    await bare.set_viewport_size({"width": 900, "height": 600})
    return bare


async def show(page: Page, flow: tf.Flow, body: str = "") -> None:
    await page.set_content(f"<body {body}>{flow._repr_mimebundle_()['text/html']}</body>")


async def test_no_text_leaves_its_card(page: Page) -> None:
    flow = wide()
    flow.start()
    flow.send("a:in", 1)
    flow.wait(timeout=5)

    await show(page, flow)
    flow.stop()

    assert await page.locator(".tf-card").count() == 2
    assert await page.evaluate(OVERFLOWING) == []


@pytest.mark.parametrize(
    ("prefers", "body", "colour"),
    [
        ("light", "", LIGHT),
        ("dark", "", DARK),
        ("light", 'data-jp-theme-light="false"', DARK),
        ("dark", 'data-jp-theme-light="true"', LIGHT),
        ("light", 'data-vscode-theme-kind="vscode-dark"', DARK),
    ],
)
async def test_the_notebooks_theme_decides_before_the_readers_preference(
    page: Page, prefers: Literal["light", "dark"], body: str, colour: str
) -> None:
    await page.emulate_media(color_scheme=prefers)

    await show(page, chain(2), body)

    assert await page.evaluate(COLOUR) == colour


async def test_a_drawing_shrinks_to_the_page_and_scrolls_before_it_is_too_small_to_read(page: Page) -> None:
    widths = []
    for count in (2, 5, 30):
        await show(page, chain(count))
        widths.append((await page.locator("svg").bounding_box() or {})["width"])
    scrolls = await page.evaluate("() => document.documentElement.scrollWidth > innerWidth")

    small, middle, long = widths
    assert small < 500
    assert 800 < middle <= 900
    assert long > 2000
    assert not scrolls  # the drawing scrolls in its own place, and the page does not


async def test_a_port_and_an_edge_can_be_hovered(page: Page) -> None:
    await show(page, chain(2))

    titles = await page.locator("svg g > title").all_text_contents()

    assert "in: int\ninput" in titles
    assert "n-0:out → n-1:in\nint\nwhen msg > 3" in titles
    assert await page.get_by_role("img").get_attribute("aria-label") == "Flow chain: 2 nodes, 1 edge, stopped"


async def test_in_a_notebook_that_is_not_trusted_the_drawing_is_a_picture_too(lab: Lab) -> None:
    bundle = chain(3)._repr_mimebundle_()
    saved = {name: part for name, part in bundle.items() if not name.endswith("widget-view+json")}
    lab.server.write("stranger", ["flow"])
    document = lab.server.read("stranger")
    document.cells[0].outputs = [nbformat.v4.new_output("display_data", saved)]
    nbformat.write(document, lab.server.folder / "stranger.ipynb")  # signed by nobody

    await lab.open("stranger")
    output = lab.page.locator(".jp-RenderedHTML:visible")
    picture = await output.locator("img").evaluate(
        "async one => { await one.decode(); return [one.width, one.height]; }"
    )
    letters = await output.evaluate(
        "one => [...one.querySelectorAll('*')].filter(part => part.textContent.trim())"
        ".map(part => getComputedStyle(part).fontSize)"
    )

    assert min(picture) > 100
    assert set(letters) == {"0px"}  # its texts, without the drawing that they were in, would say nothing
    assert await output.locator("svg").count() == 0
