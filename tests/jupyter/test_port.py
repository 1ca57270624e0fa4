"""A live port shows itself in a notebook, and its history becomes a table."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import tinyflow_jupyter as tf


@dataclass
class Reading:
    place: str
    degrees: float


@tf.component
def measured(x: int) -> Reading:
    return Reading("<b>roof</b>", float(x))


@tf.component
def same(x: Any) -> Any:
    return x


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("weather")
    flow.node("measured", measured)
    flow.node("same", same)
    flow.start()
    yield flow
    flow.stop()


def test_a_port_shows_its_newest_messages_as_text_not_as_markup(flow: tf.Flow):
    for degrees in range(7):
        flow.send("measured:in", degrees)
    flow.wait(timeout=5)

    bundle = flow["measured:out"]._repr_mimebundle_()

    assert bundle["text/plain"].startswith("<measured:out out 7 messages, last Reading(")
    assert "7 messages" in bundle["text/html"]
    assert bundle["text/html"].count("<tr>") == 5
    assert "<b>roof" not in bundle["text/html"]


def test_frame_has_a_column_for_each_field(flow: tf.Flow):
    for degrees in range(3):
        flow.send("measured:in", degrees)
    flow.wait(timeout=5)

    frame = flow["measured:out"].frame()

    assert list(frame.columns) == ["place", "degrees"]
    assert list(frame["degrees"]) == [0.0, 1.0, 2.0]
    assert frame.index.name == "time"
    assert frame.index.is_monotonic_increasing


def test_frame_of_plain_payloads_has_one_column(flow: tf.Flow):
    flow.send("same:in", 1)
    flow.send("same:in", {"a": 2})
    flow.wait(timeout=5)

    frame = flow["same:out"].frame()

    assert list(frame.columns) == ["payload", "a"]


def test_frame_before_the_first_message_is_empty(flow: tf.Flow):
    assert flow["same:out"].frame().empty


def test_frame_says_what_to_install(flow: tf.Flow, monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without_pandas(name: str, *args: Any, **keywords: Any) -> Any:
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)
        return real(name, *args, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_pandas)

    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        flow["same:out"].frame()
