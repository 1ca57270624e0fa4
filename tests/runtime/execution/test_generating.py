"""A function that yields sends all of it as there is room, and each item is of the message it was yielded for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.execution import generating
from tinyflow_runtime.module import Module

COUNT = 24
module = Module("generating")


@module.component
def numbers() -> Iterator[int]:
    yield from range(COUNT)


@module.component
def one(x: int) -> Iterator[int]:
    yield 10 * x


@module.component
def none_or_more(x: int) -> Iterator[int]:
    """One, none, two or many, and here and there a failure in the middle."""
    yield from range(10 * x, 10 * x + (1, 0, 2, 9)[x % 4])
    if x % 5 == 4:
        raise ValueError(x)


@module.component
def sink(_: int) -> None:
    pass


def check(component: object, capacity: int) -> None:
    """Every item is there, in order, and knows its message."""
    flow = EmbeddedFlow("generating")
    flow.node("source", numbers)
    flow.node("node", component)
    flow.node("sink", sink)
    flow.edge("source:out", "node:in")
    flow.edge("node:out", "sink:in", capacity=capacity)

    flow.start()
    flow.wait(timeout=5)
    counts, sent = flow.counts(), flow["node:out"].history(100)
    came = {message.id: message.payload for message in flow["source:out"].history(100)}
    letters = [letter.message.payload for letter in flow.dead_letters]
    flow.stop()

    failing = component is none_or_more
    repeats = (lambda x: (1, 0, 2, 9)[x % 4]) if failing else (lambda x: 1)
    expected = [10 * x + k for x in range(COUNT) for k in range(repeats(x))]
    assert [message.payload for message in sent] == expected
    assert [came[message.parent] for message in sent] == [item // 10 for item in expected]
    assert letters == ([x for x in range(COUNT) if x % 5 == 4] if failing else [])
    assert counts["node"].handled == COUNT - len(letters)
    assert counts["sink"].handled == len(expected)


@pytest.mark.parametrize("capacity", [1, 2, 7, 64])
@pytest.mark.parametrize("component", [one, none_or_more], ids=["one", "none or more"])
def test_every_item_knows_the_message_it_was_yielded_for(component, capacity):
    check(component, capacity)


def test_a_planted_mix_up_of_messages_is_caught(monkeypatch):
    origins = generating._origins
    monkeypatch.setattr(generating, "_origins", lambda *given: [max(0, index - 1) for index in origins(*given)])

    with pytest.raises(AssertionError):
        check(none_or_more, 7)
