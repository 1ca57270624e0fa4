"""A view that cannot be what it should be says whose fault it is; and Python knows whose eyes are there."""

from __future__ import annotations

import pytest
from gestures import FLOW
from lab import Lab
from playwright.async_api import expect

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

HOSTLESS = "view = flow.view()\nview.graph.close()"  # the page finds no graph to host
# From now on the last part of a view raises; what watches sizes inside views is in `watching`.
FAULTY = """() => {
    window.watching = new Set();
    const {observe, disconnect} = ResizeObserver.prototype;
    ResizeObserver.prototype.observe = function (target) {
        if (target.closest('.tf-view')) watching.add(this);
        observe.call(this, target);
    };
    ResizeObserver.prototype.disconnect = function () { watching.delete(this); disconnect.call(this); };
    const {matchMedia} = window;
    window.matchMedia = query => {
        if (query.includes('reduced-motion')) throw new Error('planted');
        return matchMedia.call(window, query);
    };
}"""
# From now on ipycytoscape never begins to draw; `polls` counts who waits for pictures on the screen with a promise.
NEVER = """() => {
    const {cytoscapeView} = document.querySelector('.tf-view').tfView.canvas;
    Object.defineProperty(Object.getPrototypeOf(cytoscapeView), 'cytoscape_obj', {get() {}, set() {}});
    window.polls = 0;
    const {requestAnimationFrame} = window;
    window.requestAnimationFrame = act => {
        window.polls += String(act).includes('native code');
        return requestAnimationFrame.call(window, act);
    };
}"""


async def test_a_front_end_that_cannot_host_the_graph_says_so_and_shows_the_picture(lab: Lab) -> None:
    await lab.open("hostless", [FLOW, f"{HOSTLESS}\nview"])

    await lab.run()

    view = lab.page.locator(".tf-view")
    await expect(view.get_by_role("status")).to_contain_text("This front end cannot host the interactive graph")
    await expect(view.get_by_role("status")).to_have_css("opacity", "1")
    await lab.page.wait_for_function("document.querySelector('.tf-view img').naturalWidth > 0")


async def test_it_is_said_even_where_the_kernel_is_too_busy_to_draw(lab: Lab) -> None:
    await lab.open("silent", [FLOW, f"{HOSTLESS}\nview.send = lambda *_, **__: None\nview"])

    await lab.run()

    await expect(lab.page.locator(".tf-view")).to_contain_text("This front end cannot host the interactive graph")


async def test_an_error_of_our_own_is_not_blamed_on_the_front_end_and_nothing_runs_on(lab: Lab) -> None:
    await lab.open("faulty", [FLOW, "flow"], own=True)
    await lab.page.evaluate(FAULTY)

    await lab.run()

    view = lab.page.locator(".tf-view")
    await expect(view.get_by_role("status")).to_contain_text("an error of its own: Error: planted")
    await lab.page.wait_for_function("document.querySelector('.tf-view img').naturalWidth > 0")
    await lab.page.wait_for_function("watching.size === 0")
    assert [one.splitlines()[0] for one in lab.errors] == ["error: Error: planted"]


async def test_a_view_that_goes_before_it_could_begin_waits_no_more(lab: Lab) -> None:
    await lab.open("never", [FLOW, "flow"], own=True)
    await lab.run()
    await lab.ready()
    await lab.page.evaluate(NEVER)
    await lab.run(1)
    await lab.page.wait_for_function("window.polls > 3")

    await lab.command("notebook:clear-all-cell-outputs")
    await lab.page.wait_for_function("!document.querySelector('.tf-view')")
    before = await lab.page.evaluate(
        "new Promise(done => setTimeout(() => { const {polls} = window; setTimeout(() => done(polls), 100); }, 100))"
    )

    assert await lab.page.evaluate("new Promise(done => setTimeout(() => done(window.polls), 300))") == before


async def test_a_view_that_came_and_went_and_came_is_in_sight(lab: Lab) -> None:
    await lab.open("sight", [FLOW, "flow"], own=True)
    await lab.page.evaluate(
        "() => { window.IntersectionObserver = class extends IntersectionObserver {"
        " constructor(act, options) { super(act, options); this.act = act; } }; }"
    )
    await lab.run()
    await lab.ready()

    seen = "document.querySelector('.tf-view').tfView.canvas"
    told = await lab.page.evaluate(
        f"[[false, true], [true, false]].map(each => {{ {seen}.sight.act(each.map(isIntersecting =>"
        f" ({{isIntersecting}}))); return {seen}.visible; }})"
    )

    assert told == [True, False]


async def test_each_view_of_one_model_says_for_itself_what_is_seen_and_watched_and_that_it_has_gone(lab: Lab) -> None:
    recorded = (
        "view, heard = flow.view(), []\n"
        "view.on_msg(lambda _, said, __: heard.append([said.get('do', said['t']), said.get('view'),"
        " len(said.get('ports', said.get('addresses', [])))]))\nview"
    )
    await lab.open("eyes", [FLOW, recorded, "view"])
    await lab.run()
    await lab.ready(1)
    ids = await lab.page.evaluate("[...document.querySelectorAll('.tf-view')].map(el => el.tfView.view.id)")
    first, second = ids

    await lab.page.evaluate("document.querySelectorAll('.tf-view')[1].tfView.view.emit('select', 'first:out')")
    await lab.page.evaluate("void document.querySelectorAll('.tf-view')[1].tfView.canvas.cy.zoom(0.2)")
    await until(lab, ["see", second, 0])
    await lab.write(2, "")
    await lab.run(2)
    await until(lab, ["gone", second, 0])

    heard = await lab.python("heard")
    assert ["see", first, 4] in heard
    assert ["see", first, 0] not in heard
    assert ["watch", second, 1] in heard
    assert lab.errors == []


async def until(lab: Lab, said: list[str | int]) -> None:
    """Wait until the kernel has heard something of a view."""
    while said not in await lab.python("heard"):
        await lab.page.evaluate("new Promise(later => setTimeout(later, 50))")  # in which the kernel may hear it
