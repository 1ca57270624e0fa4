"""A flow shows itself: a drawing that stands alone, says everything twice, and trusts nobody's text."""

from __future__ import annotations

import itertools
import random
import re
import time
from typing import Any
from xml.etree import ElementTree

import pytest

import tinyflow_jupyter as tf

SVG = "{http://www.w3.org/2000/svg}"


@tf.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x


@tf.component
def above(x: float, *, limit: float = 10.0) -> float | None:
    return x if x > limit else None


class Dial(tf.Component):
    """Has a port on every side."""

    def ports(self) -> list[tf.Port]:
        return [
            tf.Port("in", "in", int, label="<b>&amp;\"'\u202e\x00</b><script>alert(1)</script>"),
            tf.Port("reset", "in", bool, position="top"),
            tf.Port("level", "out", str, status=True),
            tf.Port("log", "out", str, position="bottom"),
        ]

    def info(self) -> tf.Info:
        return tf.Info("dial", "</title><script>alert(2)</script>")

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None:
        await output("level", "</text><script>alert(3)</script>")


def numbers() -> tf.Flow:
    flow = tf.Flow("numbers")
    flow.node("double", double)
    flow.node("above", above, limit=2.0)
    flow.node("again", double)
    flow.edge("double:out", "above:in", when="msg > 3", map="msg / 2")
    flow.edge("double:out", "again:in")
    return flow


def svg_of(flow: tf.Flow) -> str:
    return flow._repr_mimebundle_()["image/svg+xml"]


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def titles(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]


def test_a_flow_says_in_one_line_what_it_is_and_whether_it_runs():
    flow = numbers()

    before, _, during = repr(flow), flow.start(), flow._repr_mimebundle_()["text/plain"]
    flow.stop()

    assert before == "Flow numbers: 3 nodes, 2 edges, stopped"
    assert during == "Flow numbers: 3 nodes, 2 edges, running"


def test_the_drawing_names_nodes_components_ports_settings_and_expressions():
    shown = texts(svg_of(numbers()))

    assert {"numbers", "double", "above", "again", "in", "out", "limit 2.0"} <= set(shown)
    assert any("msg > 3" in text and "msg / 2" in text for text in shown)


def test_a_port_tells_its_type_on_hover():
    told = titles(svg_of(numbers()))

    assert "in: int\ninput" in told
    assert "out: float\noutput" in told


def test_an_empty_flow_can_be_drawn():
    assert "empty" in texts(svg_of(tf.Flow("empty")))


def test_the_drawing_is_the_same_each_time():
    assert svg_of(numbers()) == svg_of(numbers())


def test_light_and_dark_are_both_in_the_drawing():
    svg = svg_of(numbers())

    assert "prefers-color-scheme:dark" in svg
    assert '[data-jp-theme-light="false"] .tf-flow' in ElementTree.fromstring(svg)[2].text  # type: ignore[operator]


def test_no_text_of_a_person_becomes_markup():
    flow = tf.Flow("hostile")
    flow.node("dial", Dial)
    flow.node("double", double)
    flow.edge("double:out", "dial:in", when="str(msg) != '<script>alert(4)</script>'")
    flow.start()
    flow.send("double:in", 1)
    flow.wait(timeout=5)

    bundle = flow._repr_mimebundle_()
    flow.stop()

    assert "<script" not in bundle["image/svg+xml"] + bundle["text/html"]
    assert "<script" in "".join(titles(bundle["image/svg+xml"]))  # as text, whole
    assert "\u202e" not in bundle["text/html"]
    assert "\x00" not in bundle["text/html"]


def test_a_status_port_shows_its_last_value():
    flow = tf.Flow("status")
    flow.node("dial", Dial)
    flow.start()
    flow.send("dial:in", 1)
    flow.wait(timeout=5)

    shown = texts(svg_of(flow))
    flow.stop()

    assert any(text.startswith("</text>") for text in shown)


def test_ports_sit_on_their_sides():
    from tinyflow_jupyter._card import Card

    flow = tf.Flow("sides")
    card = Card(flow.node("dial", Dial), set())

    sides = {name: anchor.side for name, anchor in card.anchors.items()}

    assert sides == {"in": "left", "reset": "top", "level": "right", "log": "bottom"}


def test_a_loop_is_drawn_as_a_street_back():
    flow = numbers()
    flow.edge("again:out", "double:in", loop=True)

    svg = svg_of(flow)

    assert svg.count("tf-wire tf-back") == 1


def test_dead_letters_are_a_badge_on_the_node_clear_of_its_name():
    @tf.component
    def breaks(x: int) -> int:
        raise ValueError(x)

    flow = tf.Flow("dead")
    flow.node("breaks", breaks)
    flow.start()
    flow.send("breaks:in", 1)
    flow.wait(timeout=5)

    drawing = svg_of(flow)
    flow.stop()

    badge = re.search(r'class="tf-badge"><rect [^>]*y="([-.0-9]+)"[^>]*height="17"', drawing)
    assert "1 dead letter" in texts(drawing)
    assert badge is not None
    assert float(badge[1]) + 17 <= 8  # where letters of 13 pixels begin that stand 18 below the top


def test_a_secret_setting_is_never_drawn():
    @tf.component
    def fetch(x: int, *, api_token: str = "") -> int:
        return x

    flow = tf.Flow("secret")
    flow.node("fetch", fetch, api_token="hunter2")

    assert "hunter2" not in svg_of(flow)


@pytest.mark.parametrize("count", [60, 200])
def test_a_large_flow_is_drawn_within_a_second_and_no_card_covers_another(count: int):
    chance, flow = random.Random(1), tf.Flow("large")
    for number in range(count):
        flow.node(f"n-{number}", double)
        for other in {chance.randrange(max(0, number - 12), number) for _ in range(2)} if number else ():
            flow.edge(f"n-{other}:out", f"n-{number}:in")

    began = time.process_time()
    svg = svg_of(flow)
    took = time.process_time() - began

    cards = re.findall(r'<g transform="translate\(([\d.]+) ([\d.]+)\)"><title>.*?class="tf-card" width="([\d.]+)" height="([\d.]+)"', svg, re.S)  # fmt: skip # noqa: E501
    boxes = [tuple(map(float, card)) for card in cards]
    covered = [
        (a, b)
        for place, a in enumerate(boxes)
        for b in boxes[:place]
        if a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
    ]
    assert len(boxes) == count
    assert covered == []
    assert took < 1


def test_the_name_of_a_port_is_whole_where_its_card_was_made_for_it():
    class Desk(tf.Component):
        def ports(self) -> list[tf.Port]:
            return [tf.Port("reading", "in"), tf.Port("request", "in"), tf.Port("response", "out")]

        async def handle(self, output: tf.Handler, port: str, payload: Any) -> None: ...

    flow = tf.Flow("names")
    flow.node("desk", Desk)

    cut = [text for text in texts(svg_of(flow)) if "…" in text]

    assert cut == []


def test_no_text_of_an_edge_hides_another():
    @tf.component(outputs={name: int for name in "abcde"})
    async def fan(x: int, output: tf.Handler) -> None: ...

    flow = tf.Flow("fan")
    flow.node("fan", fan)
    flow.node("near", double)
    flow.node("far", double)
    flow.edge("near:out", "far:in")
    flow.edge("fan:a", "near:in", map="msg + 1")
    for name in "abcde":
        flow.edge(f"fan:{name}", "far:in", map=f"msg * {len(name)} + msg * msg + 1")

    pills = [
        (float(pill["x"]), float(pill["y"]), float(pill["width"]))
        for pill in (rect.attrib for rect in ElementTree.fromstring(svg_of(flow)).iter(f"{SVG}rect"))
        if pill.get("class") == "tf-pill"
    ]

    hidden = [
        (one, other)
        for one, other in itertools.combinations(pills, 2)
        if one[0] < other[0] + other[2] and other[0] < one[0] + one[2] and abs(one[1] - other[1]) < 18
    ]
    assert len(pills) == 6
    assert hidden == []
