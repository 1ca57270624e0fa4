"""A port as the last line of a cell is a live widget: what it sends, when, what it costs and what it leaves behind."""

from __future__ import annotations

import json
import math
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import IPython.core.getipython
import pytest
from ipywidgets.widgets import widget as ipywidgets_widget
from tinyflow_runtime.redaction import MASK, Secret

import tinyflow_jupyter as tf
from tinyflow_jupyter._view import cell, pace
from tinyflow_jupyter._view.pace import AHEAD
from tinyflow_jupyter._view.port_view import POINTS, ROWS, PortView, number_of
from tinyflow_jupyter._view.pump import Pump

sys.path.insert(0, str(Path(__file__).parent))
from hostile import HOSTILE, TOUCHED

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ipycytoscape and its own dependencies


@tf.component
def half(x: float) -> float:
    return x / 2


@tf.component
def same(x: Any) -> Any:
    return x


@tf.component
def call(x: str, *, key: Secret) -> str:
    return f"called with {key}"


class Recorded(PortView):
    """A view whose messages can be looked at."""

    def __init__(self, flow: Any, address: str) -> None:
        self.sent: list[dict[str, Any]] = []
        self.arrived = threading.Event()
        super().__init__(flow, address)

    def send(self, content: Any, buffers: Any = None) -> None:
        self.sent.append(content)
        self.arrived.set()


class Turns:
    """Counts its turns."""

    tick = 0.001

    def __init__(self, *, fails: bool = False) -> None:
        self.fails, self.had = fails, threading.Event()

    def turn(self) -> None:
        self.had.set()
        if self.fails:
            raise ValueError("no")


@pytest.fixture(autouse=True)
def _nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace._busy, "is_set", lambda: False)


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("numbers")
    flow.node("half", half)
    flow.node("same", same)
    flow.node("call", call, key="hunter2-is-my-key")
    flow.start()
    yield flow
    flow.stop()


@pytest.fixture
def view(flow: tf.Flow) -> Iterator[Recorded]:
    view = Recorded(flow, "half:out")
    yield view
    view.close()


def send(flow: tf.Flow, address: str, *payloads: Any) -> None:
    for payload in payloads:
        flow.send(address, payload)
    flow.wait(timeout=5)


def acknowledge(view: Recorded) -> None:
    """As a browser does, and without the pump: these tests take their turns themselves."""
    view._pace.acknowledged()


def test_a_snapshot_says_what_has_passed(flow: tf.Flow):
    send(flow, "half:in", *range(10))

    view = Recorded(flow, "half:out")
    shown = view.shown()
    view.close()

    assert (shown["address"], shown["type"], shown["direction"], shown["family"]) == (
        "half:out",
        "float",
        "out",
        "number",
    )
    assert (shown["count"], shown["skipped"], shown["trouble"]) == (10, 0, "")
    assert [row["tree"]["t"] for row in shown["rows"]] == ["4.5", "4.0", "3.5", "3.0", "2.5", "2.0"]
    assert shown["numbers"] == [number / 2 for number in range(10)]


def test_a_frame_says_what_has_changed_and_no_more(flow: tf.Flow, view: Recorded):
    view.turn()
    acknowledge(view)
    view.sent.clear()

    send(flow, "half:in", 3)
    view.turn()
    (frame,) = view.sent

    assert frame["t"] == "frame"
    assert set(frame["put"]) <= {"count", "rate", "rows", "numbers"}
    assert (frame["put"]["count"], frame["put"]["numbers"]) == (1, [1.5])


def test_the_next_frame_waits_until_one_is_drawn(flow: tf.Flow, view: Recorded):
    for payload in range(5):
        send(flow, "half:in", payload)
        view.turn()
    acknowledge(view)
    view.turn()

    assert [frame["put"]["count"] for frame in view.sent] == [*range(1, AHEAD + 1), 5]


def test_a_browser_that_begins_gets_all_of_it(flow: tf.Flow, view: Recorded):
    view.turn()
    view.sent.clear()
    view.arrived.clear()

    view.heard({"t": "hello"})

    assert view.arrived.wait(5)
    assert set(view.sent[0]["put"]) == set(view.shown())


def test_a_look_takes_no_place_in_the_stream(flow: tf.Flow, view: Recorded):
    view.turn()

    assert not flow._probe.port(flow._port("half:out")[0]).held


def test_the_line_has_the_newest_numbers_and_begins_anew_with_the_flow(flow: tf.Flow, view: Recorded):
    for start in range(0, 300, 50):
        send(flow, "half:in", *range(start, start + 50))
        view.look()
    long = view.look()["numbers"]

    flow.stop()
    flow.start()
    send(flow, "half:in", 2)

    assert len(long) == POINTS
    assert long[-1] == 149.5
    assert view.look()["numbers"] == [1.0]


def test_the_line_has_a_gap_where_more_passed_than_a_port_keeps(flow: tf.Flow, view: Recorded):
    send(flow, "half:in", 1)
    view.look()

    send(flow, "half:in", *range(2, 102))
    whole = view.look()["numbers"]
    send(flow, "half:in", *range(102, 302))
    broken = view.look()["numbers"]

    assert whole == [number / 2 for number in range(1, 102)]
    assert broken.count(None) == 1


@pytest.mark.parametrize("payload", [math.nan, math.inf, 10**400, "12", None, True, [1], b"1"], ids=str)
def test_what_is_no_number_on_paper_is_a_gap(payload: Any):
    assert number_of(payload) is None


def test_whatever_passes_is_small_json_and_runs_none_of_its_code(flow: tf.Flow):
    view = Recorded(flow, "same:in")

    for make in HOSTILE.values():
        payload = make()
        TOUCHED.clear()
        message = types.SimpleNamespace(
            id="1", to=flow._port("same:in")[0], time=0.0, trace="t", parent=None, hops=0, payload=payload
        )
        row = json.dumps(view._row(message), allow_nan=False)  # type: ignore[arg-type] # all of a message that is read
        number_of(payload)
        assert (TOUCHED, len(row) < 8_000) == ([], True)
    view.close()


def test_a_secret_setting_is_masked_wherever_it_turns_up(flow: tf.Flow):
    view = Recorded(flow, "call:out")

    send(flow, "call:in", "x")
    shown = json.dumps(view.look(), ensure_ascii=False)
    view.close()

    assert "hunter2" not in shown
    assert MASK in shown


def test_a_message_is_opened_with_all_that_is_in_it(flow: tf.Flow):
    view = Recorded(flow, "same:out")
    send(flow, "same:in", [*range(90), "a" * 900])

    (row,) = view.look()["rows"]
    told = view.answers["part"]({"address": "same:out", "id": row["id"], "path": [], "start": 0})
    view.close()

    assert not row["whole"]
    assert len(told["c"]) == 91


def test_a_port_that_is_gone_is_told_and_what_was_seen_stays(flow: tf.Flow, view: Recorded):
    send(flow, "half:in", 3)
    view.turn()
    acknowledge(view)

    flow.remove("half")
    view.turn()

    assert "half" in view.sent[-1]["put"]["trouble"]
    assert view.shown()["count"] == 1


def test_a_port_shows_a_widget_only_where_there_is_a_kernel(flow: tf.Flow, shell: Any):
    bundle = flow["half:out"]._repr_mimebundle_()
    shell.kernel = None
    plain = flow["half:out"]._repr_mimebundle_()

    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert set(plain) == {"text/plain", "text/html"}


def test_a_widget_has_two_comms_and_leaves_none(flow: tf.Flow):
    before = set(ipywidgets_widget._instances)

    view = PortView(flow, "half:out")
    opened = set(ipywidgets_widget._instances) - before
    view.close()

    assert len(opened) <= 2
    assert set(ipywidgets_widget._instances) == before


def test_a_cell_that_runs_again_closes_what_it_showed(flow: tf.Flow, shell: Any):
    before = set(ipywidgets_widget._instances)

    for run in range(20):
        shell.get_parent = lambda run=run: {"metadata": {"cellId": "a"}, "header": {"msg_id": run}}
        flow["half:out"]._repr_mimebundle_()
        flow["same:out"]._repr_mimebundle_()
    shell.get_parent = lambda: {"metadata": {"cellId": "b"}, "header": {"msg_id": 20}}
    flow["half:out"]._repr_mimebundle_()
    left = set(ipywidgets_widget._instances) - before

    assert len(left) == 3 * 2


def test_twenty_widgets_share_one_thread_that_ends_with_the_last(flow: tf.Flow):
    before = threading.active_count()
    views = [Recorded(flow, "half:out") for _ in range(20)]

    for view in views:
        view.heard({"t": "hello"})
    arrived = all(view.arrived.wait(5) for view in views)
    threads = threading.active_count() - before
    ending = [thread for thread in threading.enumerate() if thread.name == "tinyflow views"]
    for view in views:
        view.close()
    for thread in ending:
        thread.join(5)

    assert arrived
    assert threads == 1
    assert threading.active_count() == before


def test_a_view_that_fails_stops_no_other(caplog: pytest.LogCaptureFixture):
    pump, bad, good = Pump("test views"), Turns(fails=True), Turns()

    pump.add(bad)
    assert bad.had.wait(5)
    pump.add(good)
    had = good.had.wait(5)
    pump.remove(bad)
    pump.remove(good)

    assert had
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_list_of_rows_is_as_long_as_people_read(flow: tf.Flow, view: Recorded):
    send(flow, "half:in", *range(50))

    assert len(view.look()["rows"]) == ROWS


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A kernel's shell in which a cell runs."""
    shell = types.SimpleNamespace(
        kernel=object(),
        execution_count=1,
        events=types.SimpleNamespace(register=lambda *_: None),
        get_parent=lambda: {"metadata": {"cellId": "a"}, "header": {"msg_id": "1"}},
    )
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: shell)
    monkeypatch.setattr(pace, "_listening", True)
    monkeypatch.setattr(cell, "_made", {})
    yield shell
    for _, views in cell._made.values():
        for view in views:
            view.close()


def test_a_question_keeps_its_own_fields(flow: tf.Flow, view: Recorded):
    send(flow, "half:in", 3)
    (row,) = view.look()["rows"]

    view._receive(
        None, {"t": "ask", "ask": "q-1", "do": "part", "address": "half:out", "id": row["id"], "path": []}, None
    )

    assert (view.sent[-1]["t"], view.sent[-1]["ask"], view.sent[-1]["value"]["t"]) == ("answer", "q-1", "1.5")
