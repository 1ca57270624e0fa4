"""No secret leaves the kernel, wherever a message is shown; and what is shown is written once, by none of its code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tinyflow_runtime.redaction import MASK, Redactor, Secret

import tinyflow_jupyter as tf
from tinyflow_jupyter import _log
from tinyflow_jupyter._cluster.difference import Field
from tinyflow_jupyter._cluster.telling import told
from tinyflow_jupyter._view.dashboard import Dashboard
from tinyflow_jupyter._view.flow_view import FlowView
from tinyflow_jupyter._view.frames import LETTERS, Frames
from tinyflow_jupyter._view.letters import REASON
from tinyflow_jupyter._view.line import line
from tinyflow_jupyter._view.port_view import PortView
from tinyflow_jupyter._view.rows import Rows
from tinyflow_jupyter._view.widget import answered

sys.path.insert(0, str(Path(__file__).parent))
from hostile import HOSTILE, TOUCHED

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ipycytoscape and its own dependencies

SECRETS = ("pa55word", "hunter2", "ghp_a", "bbbb")
MESSAGES = (
    {"password": ["pa55word"], "n": 1},
    "it is hunter2-hunter2",
    {"x": f"ghp_{'a' * 30}"},
    [f"Bearer {'b' * 30}"],
)


@tf.component
def call(x: str, *, key: Secret) -> str:
    return x


class Board(tf.Component):
    """Shows whatever it is sent."""

    def ports(self) -> list[tf.Port]:
        return [tf.Port("in", "in", Any), tf.Port("value", "out", Any, status=True)]

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None:
        await output("value", payload)


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("masks")
    flow.node("a", call, key="hunter2-hunter2")
    flow.node("b", Board)
    flow.start()
    yield flow
    flow.stop()


def send(flow: tf.Flow, address: str, payload: Any) -> None:
    flow.send(address, payload)
    flow.wait(timeout=5)


def frame(flow: tf.Flow) -> Any:
    return Frames(flow).next(["b:in", "b:value"])


def newest(flow: tf.Flow) -> Any:
    return flow["b:in"].history()[-1]


def canvas(flow: tf.Flow) -> Any:
    view = FlowView(flow)
    shown = [view._frames.take(view._frames.next(["b:in"])), view.shown(), answered(view.answers, {"do": "picture"})]
    view.close()
    return shown


def opened(flow: tf.Flow) -> Any:
    """What the view of a port answers when a person opens a message, before anything else was looked at."""
    view = PortView(flow, "b:in")
    told = answered(view.answers, {"do": "part", "address": "b:in", "id": newest(flow).id, "path": [], "start": 0})
    view.close()
    return told


def tiles(flow: tf.Flow) -> Any:
    view = Dashboard(flow)
    shown = [view.shown(), view._repr_mimebundle_()[0]["text/html"]]
    view.close()
    return shown


SHOWN: dict[str, Callable[[tf.Flow], Any]] = {
    "on a card": frame,
    "on the canvas": canvas,
    "in the values of the drawing": lambda flow: flow._values(),
    "in the drawing that the notebook keeps": lambda flow: flow._repr_mimebundle_(),
    "in the table of a port": lambda flow: flow["b:in"]._repr_mimebundle_(),
    "in the line of a port": lambda flow: repr(flow["b:value"]),
    "in a port's opened message": opened,
    "on a dashboard": tiles,
    "as a row": lambda flow: Rows(flow).of(newest(flow)),
    "as a part": lambda flow: Rows(flow).part(newest(flow), [], 0),
    "as a copied text": lambda flow: Rows(flow).text(newest(flow), []),
    "as a line": lambda flow: Rows(flow).line(newest(flow)),
}


@pytest.mark.parametrize("place", SHOWN)
@pytest.mark.parametrize("number", range(len(MESSAGES)))
def test_secrets_are_masked_wherever_a_message_is_shown(flow: tf.Flow, place: str, number: int) -> None:
    send(flow, "b:in", MESSAGES[number])

    told = json.dumps(SHOWN[place](flow), ensure_ascii=False)

    assert MASK in told
    assert not [secret for secret in SECRETS if secret in told]


def test_a_secret_that_is_set_later_is_masked_in_what_was_shown_before(flow: tf.Flow) -> None:
    frames, view = Frames(flow), PortView(flow, "b:in")
    send(flow, "b:in", "it is letmein-please")

    before = frames.next(["b:in"])["ports"]["b:in"][0]
    view.look()
    flow.node("a", call, key="letmein-please")
    after = frames.next(["b:in"])["ports"]["b:in"][0]
    rows = json.dumps(view.look(), ensure_ascii=False)
    view.close()

    assert (before, after) == ("it is letmein-please", f"it is {MASK}")
    assert "letmein" not in rows


def test_a_message_is_written_once_however_often_somebody_looks(flow: tf.Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    written, of = [], Rows.line
    monkeypatch.setattr(Rows, "line", lambda rows, message: written.append(message.id) or of(rows, message))
    frames = Frames(flow)
    send(flow, "b:in", [1, 2])

    for _ in range(20):
        frames.next(["b:in"])
    send(flow, "b:in", [3])
    last = frames.next(["b:in"])["ports"]["b:in"][0]

    assert last == "[3]"
    assert len(written) == len(set(written)) == 2


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_payload_becomes_a_short_line_and_runs_nothing(name: str) -> None:
    payload = HOSTILE[name]()
    TOUCHED.clear()

    told = line(payload, Redactor())

    assert TOUCHED == []
    assert len(told) <= 400
    assert not set("\n\r\x1b\u202e\x00") & set(told)
    told.encode("utf-8")


@pytest.mark.parametrize(
    ("payload", "written"),
    [
        ("a text\nas it is", "a text as it is"),
        (7, "7"),
        ({"a": [1, 2.5, None], (1, 2): True}, "{'a': [1, 2.5, None], (…): True}"),
        ((1,), "(1,)"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
        ([[[[[1]]]]], "[[[[[…]]]]]"),
        (b"\x00ab", r"b'\x00ab'"),
        ([np.int64(3), np.float64(2.5), np.bool_(True)], "[3, 2.5, True]"),
        ([np.zeros((3, 4)), pd.DataFrame({"a": [1, 2]})], "[<ndarray (3, 4)>, <DataFrame (2, 1)>]"),
        (object(), "<object>"),
    ],
    ids=repr,
)
def test_a_line_is_about_what_python_writes(payload: Any, written: str) -> None:
    assert line(payload, Redactor()) == written


SENT = "swordfish-and-more"


@tf.component
def blames(x: str, *, key: Secret) -> str:
    raise ValueError(f"{x}: nobody takes {key}")


@pytest.mark.parametrize("show", [frame, canvas, opened, tiles])
def test_a_secret_that_a_message_to_a_settings_port_brought_is_masked_from_then_on(flow, show) -> None:
    send(flow, "b:in", "first")
    show(flow)  # what was known before
    send(flow, "a:settings", {"key": SENT})
    send(flow, "b:in", f"it is {SENT}")
    send(flow, "a:settings", {"key": "another-one"})

    shown = json.dumps(show(flow), default=str)

    assert (SENT in shown, MASK in json.dumps(shown, ensure_ascii=False) or "u2022" in shown) == (False, True)


def test_what_a_component_raises_is_shown_and_logged_without_the_secrets_it_holds(flow, caplog) -> None:
    flow.node("c", blames, key="hunter2-hunter2")
    flow.start()
    send(flow, "c:in", "first")
    send(flow, "c:settings", {"key": SENT})
    send(flow, "c:in", "y" * (REASON - 60))

    letters = flow.dead_letters
    view = FlowView(flow)
    told = answered(view.answers, {"do": "letters"})
    table = [row["reason"] for row in told["value"]["rows"]]
    view.close()
    said = [_log._below.format(record) for record in caplog.records if record.name == "tinyflow"]
    shown = [repr(letters), repr(letters[0]), *table, *said]

    assert SENT in letters[1].reason  # who works with it in a cell has it whole
    assert len(table) == 2
    assert len(said) >= 1
    assert [text for text in shown if "hunter2" in text or SENT[:6] in text] == []
    assert all(MASK in text for text in (repr(letters), table[0], said[0]))


def test_a_port_that_is_called_like_a_secret_shows_none() -> None:
    assert line("pa55word", Redactor(), name="token") == MASK
    assert line(b"pa55word", Redactor(), name="token") == MASK


def test_a_plan_tells_that_a_secret_changes_and_not_what_it_is() -> None:
    (shown,) = told([Field(("spec", "ports[settings]", "settings", "api_key"), "pa55word", {"token": "hunter2"})])

    assert shown == f"settings.api_key: {MASK} → {{'token': {MASK}}}"


def test_a_card_has_room_for_so_many_letters(flow: tf.Flow) -> None:
    send(flow, "b:in", "x" * 1_000)

    assert len(frame(flow)["ports"]["b:in"][0]) == LETTERS
