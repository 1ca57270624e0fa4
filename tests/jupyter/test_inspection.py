"""What a browser asks of messages is answered: as text, within bounds, and without running a payload's own code."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from msgspec import Meta
from pydantic import BaseModel, Field
from tinyflow_runtime.errors import NodeError, PortError
from tinyflow_runtime.redaction import MASK, Secret

import tinyflow_jupyter as tf
from tinyflow_jupyter._view.inspection import Inspection
from tinyflow_jupyter._view.tree import VISITS, Tree, branch

sys.path.insert(0, str(Path(__file__).parent))
from hostile import HOSTILE, PNG, TOUCHED

A_ROW = 32 * 1024


@tf.component
def double(x: int) -> int:
    return 2 * x


@tf.component
def above(x: float, *, limit: Annotated[float, Meta(ge=0, description="Lets through more.")] = 1.0) -> float | None:
    return x if x > limit else None


@tf.component
def invert(x: int) -> float:
    return 1 / x


@tf.component
def anything(x: Any) -> Any:
    return x


@tf.component
def call(x: str, *, key: Secret, address: str = "here", password: str = "") -> str:
    return x


@dataclass
class Band:
    low: Annotated[float, Meta(ge=0)] = 0.0
    high: float = 10.0

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low must not be above high")


@dataclass
class Settings:
    band: Band = field(default_factory=Band)
    names: list[str] = field(default_factory=list)
    mode: Literal["fast", "exact"] = "fast"


class Filter(tf.Component):
    settings: Settings

    def ports(self) -> list[tf.Port]:
        return [
            tf.Port("in", "in", float),
            tf.Port("settings", "in", Settings, settings=True),
            tf.Port("out", "out", float),
        ]

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None:
        if port == "in" and self.settings.band.low <= payload <= self.settings.band.high:
            await output("out", payload)


def ask(inspection: Inspection, do: str, **fields: Any) -> Any:
    """As it arrives in the browser."""
    answer = inspection.answers()[do](fields)
    return json.loads(json.dumps(answer, allow_nan=False).encode("utf-8"))


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("seen")
    flow.node("a", double)
    flow.node("b", double)
    flow.node("c", above, limit=5.0)
    flow.node("d", invert)
    flow.edge("a:out", "b:in")
    flow.edge("b:out", "c:in", when="msg > 4")
    flow.start()
    yield flow
    flow.stop()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_payload_becomes_a_small_tree_and_runs_nothing(name: str) -> None:
    payload = HOSTILE[name]()
    TOUCHED.clear()
    tree = Tree()

    told = json.dumps(tree.of(payload), allow_nan=False, ensure_ascii=False).encode("utf-8")

    assert TOUCHED == []
    assert len(told) <= A_ROW
    assert tree.visited <= VISITS


def test_there_are_fifty_hostile_payloads() -> None:
    assert len(HOSTILE) == 50


def test_what_does_not_fit_into_a_tree_is_found_by_its_path() -> None:
    deep = HOSTILE["a deep list"]()
    many = HOSTILE["a million items"]()
    path = [0] * 40_000

    value, _ = branch(deep, path)
    later = Tree().of(many, start=999_990)

    assert Tree().of(value)["k"] == "list"
    assert later["s"] == 999_990
    assert [child["t"] for _, child in later["c"]] == [str(number) for number in range(999_990, 1_000_000)]


def test_a_list_in_itself_says_so() -> None:
    told = Tree().of(HOSTILE["a list in itself"]())

    assert told["c"][1] == [1, {"k": "cycle", "t": "itself"}]


def test_upper_levels_come_before_lower_ones() -> None:
    told = Tree(room=3_000).of({"first": list(range(500)), "last": "x"})

    assert [key for key, _ in told["c"]] == ["first", "last"]
    assert 0 < len(told["c"][0][1]["c"]) < 500


def test_only_bytes_that_begin_like_a_picture_are_one() -> None:
    picture = Tree().of(PNG)
    pretending = [Tree().of(HOSTILE[name]()) for name in ("an svg", "a script that calls itself a picture")]

    assert picture["url"].startswith("data:image/png;base64,")
    assert picture["size"] == [2, 2]
    assert [one["k"] for one in pretending] == ["bytes", "bytes"]


def test_tables_of_numpy_and_pandas_are_small() -> None:
    array = Tree().of(np.arange(1_000_000.0).reshape(1000, 1000))
    frame = Tree().of(pd.DataFrame({"<b>x</b>": [1, 2], "when": pd.to_datetime(["2026-01-01", "2026-01-02"])}))

    assert (array["k"], array["shape"], len(array["rows"]), len(array["rows"][0])) == ("table", [1000, 1000], 20, 13)
    assert frame["columns"] == ["<b>x</b>", "when"]
    assert frame["rows"][0] == ["0", "1", "2026-01-01 00:00:00"]


def test_a_port_tells_its_messages_oldest_first_in_pages(flow: tf.Flow) -> None:
    inspection = Inspection(flow)
    for number in range(30):
        flow.send("a:in", number)
    flow.wait(5)

    page = ask(inspection, "port", address="a:out", count=10)
    before = ask(inspection, "port", address="a:out", count=10, before=page["rows"][0]["id"])

    assert [row["tree"]["t"] for row in page["rows"]] == [str(2 * number) for number in range(20, 30)]
    assert [row["tree"]["t"] for row in before["rows"]] == [str(2 * number) for number in range(10, 20)]
    assert (page["count"], page["older"], before["older"]) == (30, 20, 10)
    assert page["rows"][0]["size"] == 1


def test_an_edge_tells_what_came_by_it(flow: tf.Flow) -> None:
    inspection = Inspection(flow)
    flow.send("a:in", 1)
    flow.send("b:in", 50)
    flow.wait(5)

    edge = ask(inspection, "port", address="a:out>b:in")
    port = ask(inspection, "port", address="b:in")

    assert [row["tree"]["t"] for row in edge["rows"]] == ["2"]
    assert [row["tree"]["t"] for row in port["rows"]] == ["2", "50"]


def test_a_size_is_that_of_the_whole_message_where_all_of_it_was_looked_at() -> None:
    trees = [Tree(), Tree(), Tree(), Tree()]

    for tree, payload in zip(trees, ("x" * 5_000, np.zeros(1_000), {"a": [1, 2.5]}, list(range(5_000))), strict=True):
        tree.of(payload)

    assert [(tree.size, tree.whole) for tree in trees[:3]] == [(5_003, True), (8_001, True), (14, True)]
    assert not trees[3].whole


def test_a_port_that_is_not_there_is_refused(flow: tf.Flow) -> None:
    inspection = Inspection(flow)

    with pytest.raises(PortError, match="TF-101"):
        ask(inspection, "port", address="a:ot")


def test_a_watched_port_tells_what_passed_since_and_how_many(flow: tf.Flow) -> None:
    inspection = Inspection(flow)
    flow.send("a:in", 1)
    flow.wait(5)
    ask(inspection, "watch", addresses=["a:out"])

    before = inspection.frame()
    for number in range(50):
        flow.send("a:in", number)
    flow.wait(5)
    frame = inspection.frame()["a:out"]
    after = inspection.frame()

    assert before == after == {}
    assert [row["tree"]["t"] for row in frame["rows"]] == [str(2 * number) for number in range(38, 50)]
    assert (frame["missed"], frame["count"]) == (38, 51)


def test_a_watch_takes_no_place_in_the_stream(flow: tf.Flow) -> None:
    inspection = Inspection(flow)

    ask(inspection, "watch", addresses=["a:out", "b:in"])
    flow.send("a:in", 1)
    flow.wait(5)
    inspection.frame()
    ask(inspection, "port", address="a:out")

    assert not any(probe.held for probe in flow._probe.ports.values())


def test_a_frame_of_large_messages_stays_small() -> None:
    flow = tf.Flow("large")
    flow.node("a", anything)
    flow.start()
    inspection = Inspection(flow)
    ask(inspection, "watch", addresses=["a:in"])
    for _ in range(20):
        flow.send("a:in", ["x" * 400] * 1_000)
    flow.wait(5)

    frame = inspection.frame()
    flow.stop()

    assert len(json.dumps(frame)) < 40 * 1024
    assert frame["a:in"]["missed"] + len(frame["a:in"]["rows"]) == 20


def test_a_trace_tells_where_one_message_went(flow: tf.Flow) -> None:
    inspection = Inspection(flow)
    flow.send("a:in", 1)
    flow.send("a:in", 10)
    flow.wait(5)
    trace = ask(inspection, "port", address="a:in")["rows"][1]["trace"]

    told = ask(inspection, "trace", trace=trace)
    short = ask(inspection, "trace", trace=ask(inspection, "port", address="a:in")["rows"][0]["trace"])

    assert told["addresses"] == ["a:in", "a:out", "b:in", "b:out", "c:in", "c:out"]
    assert told["edges"] == ["a:out>b:in", "b:out>c:in"]
    assert short["addresses"] == ["a:in", "a:out", "b:in", "b:out"]


def test_a_document_is_sent_or_refused_by_field() -> None:
    flow = tf.Flow("sent")
    flow.node("a", tf.component(takes_a_band))
    flow.start()
    inspection = Inspection(flow)

    sent = ask(inspection, "send", address="a:in", document={"low": 1, "high": 2})
    wrong = ask(inspection, "send", address="a:in", document={"low": -1, "high": "x", "width": 3})
    own = ask(inspection, "send", address="a:in", document={"low": 5, "high": 2})
    flow.wait(5)
    got = flow["a:in"].last
    flow.stop()

    assert sent == {"sent": True, "errors": []}
    assert got is not None
    assert got.payload == Band(1, 2)
    assert {tuple(error["path"]) for error in wrong["errors"]} == {("low",), ("high",)}
    assert "low must not be above high" in own["errors"][0]["what"]


def takes_a_band(x: Band) -> float:
    return x.low


def test_an_old_message_is_sent_again_as_it_was_or_edited(flow: tf.Flow) -> None:
    inspection = Inspection(flow)
    flow.send("a:in", 7)
    flow.wait(5)
    identity = ask(inspection, "port", address="a:in")["rows"][0]["id"]

    ask(inspection, "send", address="a:in", id=identity)
    form = ask(inspection, "form", address="a:in", id=identity)
    ask(inspection, "send", address="b:in", id=identity, **{"from": "a:in"}, document=form["value"] + 1)
    flow.wait(5)

    assert [message.payload for message in flow["a:in"].history()] == [7, 7]
    assert flow["b:in"].history()[-1].payload == 8


def test_dead_letters_are_listed_replayed_and_discarded(flow: tf.Flow) -> None:
    inspection = Inspection(flow)
    flow.send("d:in", 0)
    flow.send("d:in", 0)
    flow.wait(5)

    told = ask(inspection, "letters")
    ask(inspection, "discard", id=told["rows"][0]["letter"])
    ask(inspection, "replay", id=told["rows"][1]["letter"])
    flow.wait(5)
    after = ask(inspection, "letters", node="d")

    assert (told["count"], told["nodes"], told["rows"][0]["error"]) == (2, {"d": 2}, "ZeroDivisionError")
    assert "division by zero" in told["rows"][0]["reason"]
    assert after["count"] == 1
    assert after["rows"][0]["id"] not in [row["id"] for row in told["rows"]]
    with pytest.raises(NodeError, match="no longer kept"):
        ask(inspection, "replay", id=told["rows"][0]["letter"])


def test_a_letter_that_was_mended_and_sent_is_no_dead_letter(flow: tf.Flow) -> None:
    inspection = Inspection(flow)
    flow.send("d:in", 0)
    flow.wait(5)
    letter = ask(inspection, "letters")["rows"][0]["letter"]

    ask(inspection, "send", address="d:in", letter=letter, document=4)
    flow.wait(5)

    assert len(flow.dead_letters) == 0
    assert flow["d:out"].last.payload == 0.25  # type: ignore[union-attr]


def test_a_form_has_the_schema_and_the_present_settings(flow: tf.Flow) -> None:
    form = ask(Inspection(flow), "form", node="c")
    none = ask(Inspection(flow), "form", node="a")

    limit = form["schema"]["properties"]["limit"]
    assert form["value"] == {"limit": 5.0}
    assert (limit["type"], limit["minimum"], limit["description"]) == ("number", 0, "Lets through more.")
    assert none["schema"] is None


def test_settings_that_are_applied_are_at_work_at_once(flow: tf.Flow) -> None:
    inspection = Inspection(flow)
    flow.send("c:in", 3.0)
    flow.wait(5)

    applied = ask(inspection, "apply", node="c", settings={"limit": 2.0})
    flow.send("c:in", 3.0)
    flow.wait(5)

    assert (applied["applied"], applied["value"]) == (True, {"limit": 2.0})
    assert flow["c:out"].count == 1
    assert flow.nodes["c"].settings == {"limit": 2.0}


def test_settings_are_at_work_when_they_are_applied_though_the_node_was_in_the_middle_of_a_message() -> None:
    flow = tf.Flow("slow")
    flow.node("a", slowly)
    flow.start()
    inspection = Inspection(flow)
    flow.send("a:in", 1)

    ask(inspection, "apply", node="a", settings={"factor": 7})
    at_work = flow._settings_of("a").factor
    flow.stop()

    assert at_work == 7


@tf.component
async def slowly(x: int, *, factor: int = 2) -> int:
    await asyncio.sleep(0.2)
    return x * factor


def test_settings_that_do_not_fit_are_refused_field_by_field_and_nothing_changes() -> None:
    flow = tf.Flow("refused")
    flow.node("a", Filter)
    inspection = Inspection(flow)
    settings = {"band": {"low": -1, "high": "x"}, "names": ["a", 1], "mode": "slow"}

    wrong = ask(inspection, "apply", node="a", settings=settings)
    own = ask(inspection, "apply", node="a", settings={"band": {"low": 5, "high": 1}})

    told = {tuple(error["path"]): error["what"] for error in wrong["errors"]}
    assert set(told) == {("band", "low"), ("band", "high"), ("names", 1), ("mode",)}
    assert own["errors"][0]["path"] == ["band"]
    assert "low must not be above high" in own["errors"][0]["what"]
    assert flow.nodes["a"].settings == {}


def test_a_component_that_refuses_settings_says_so_in_its_own_words() -> None:
    from tinyflow_runtime.components.window import Window

    flow = tf.Flow("window")
    flow.node("a", Window, size=10)

    told = ask(Inspection(flow), "apply", node="a", settings={"size": 10, "seconds": None, "slide": 20})

    assert told["errors"] == [
        {
            "path": [],
            "what": "slide=20 is more than size=10: messages between two windows would be lost. "
            "Make slide as big as size, or smaller.",
        }
    ]


def test_settings_at_their_default_are_not_written_down() -> None:
    flow = tf.Flow("defaults")
    flow.node("a", Filter)

    ask(
        Inspection(flow),
        "apply",
        node="a",
        settings={"band": {"low": 0.0, "high": 10.0}, "names": ["x"], "mode": "fast"},
    )

    assert flow.nodes["a"].settings == {"names": ["x"]}


def test_a_secret_never_reaches_the_browser_and_stays_when_it_is_kept() -> None:
    flow = tf.Flow("secrets")
    flow.node("a", call, key="hunter2-hunter2", password="letmein-please")
    inspection = Inspection(flow)

    form = ask(inspection, "form", node="a")
    kept = ask(inspection, "apply", node="a", settings={**form["value"], "address": "there"})
    changed = dict(flow.nodes["a"].settings)
    ask(inspection, "apply", node="a", settings={**form["value"], "key": "another-one"})

    assert form["value"]["key"] == {"$kept": ["key"]}
    assert form["schema"]["properties"]["password"]["format"] == "password"
    assert "hunter2" not in json.dumps([form, kept])
    assert "letmein" not in json.dumps([form, kept])
    assert changed == {"key": "hunter2-hunter2", "address": "there", "password": "letmein-please"}
    assert flow.nodes["a"].settings["key"] == "another-one"


def test_secrets_in_messages_are_masked_by_name_type_shape_and_value() -> None:
    flow = tf.Flow("masks")
    flow.node("a", call, key="hunter2-hunter2")
    flow.node("b", anything)
    flow.start()
    inspection = Inspection(flow)
    flow.send("b:in", {"password": ["pa55word"], "text": "it is hunter2-hunter2", "token": f"ghp_{'a' * 30}", "n": 1})
    flow.send("b:in", {"Bearer": f"Bearer {'b' * 30}"})
    flow.wait(5)

    told = json.dumps(ask(inspection, "port", address="b:in"), ensure_ascii=False)
    identity = ask(inspection, "port", address="b:in")["rows"][0]["id"]
    part = ask(inspection, "part", address="b:in", id=identity, path=[0, 0])
    flow.stop()

    assert MASK in told
    assert part == {"k": "masked", "t": MASK}
    for secret in ("pa55word", "hunter2", "ghp_a", "bbbb"):
        assert secret not in told


def test_a_type_that_declares_a_secret_is_masked_there() -> None:
    @dataclass
    class Login:
        who: str
        word: Secret

    def check(x: Login) -> str:
        return x.who

    check.__annotations__["x"] = Login
    flow = tf.Flow("declared")
    flow.node("a", tf.component(check))
    flow.start()
    flow.send("a:in", Login("me", "something"))
    flow.wait(5)

    told = ask(Inspection(flow), "port", address="a:in")["rows"][0]["tree"]
    flow.stop()

    assert told["c"] == [["who", {"k": "str", "t": "me"}], ["word", {"k": "str", "t": MASK}]]


def test_numbers_that_javascript_does_not_have_go_both_ways() -> None:
    flow = tf.Flow("numbers")
    flow.node("a", anything)
    flow.start()
    inspection = Inspection(flow)
    flow.send("a:in", [float("inf"), 2**60, 1.5])
    flow.wait(5)
    identity = ask(inspection, "port", address="a:in")["rows"][0]["id"]

    form = ask(inspection, "form", address="a:in", id=identity)
    ask(inspection, "send", address="a:in", document=form["value"])
    flow.wait(5)
    got = flow["a:in"].last
    flow.stop()

    assert form["value"] == [{"$number": "inf"}, {"$number": str(2**60)}, 1.5]
    assert got is not None
    assert got.payload == [float("inf"), 2**60, 1.5]


class Model(BaseModel):
    name: str = Field(min_length=2)
    size: int = Field(gt=0)


def takes_a_model(x: Model) -> int:
    return x.size


def test_a_pydantic_model_blames_each_of_its_fields() -> None:
    flow = tf.Flow("model")
    flow.node("a", tf.component(takes_a_model))

    told = ask(Inspection(flow), "send", address="a:in", document={"name": "x", "size": 0})

    assert {tuple(error["path"]) for error in told["errors"]} == {("name",), ("size",)}


def test_a_tree_keeps_its_room_to_the_last_text() -> None:
    told = Tree(room=9_000).of(["\U0001f600" * 400] * 50)

    assert len(json.dumps(told)) <= 9_000
    assert len(told["c"]) == 1


def test_a_tree_of_much_room_still_visits_no_more_than_it_may() -> None:
    tree = Tree(room=1 << 24)

    tree.of(HOSTILE["a bomb of references"]())

    assert tree.visited == VISITS
