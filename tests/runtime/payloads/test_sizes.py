"""A message has at most a mebibyte, whatever it is made of and wherever it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.module import component
from tinyflow_runtime.payloads.sizes import LIMIT
from tinyflow_runtime.schema import check, encode, snapshot, snapshots


@dataclass
class Page:
    name: str
    picture: bytes


LARGE = [
    "x" * LIMIT,
    "é" * (LIMIT // 2),
    bytes(LIMIT),
    {"a": "x" * LIMIT},
    {"a": [1, {"b": bytes(LIMIT)}]},
    list(range(LIMIT)),
    [["x"] * 1000] * 1000,
    Page("cover", bytes(LIMIT)),
    dict.fromkeys(map(str, range(LIMIT // 4))),
]
SMALL = ["x" * (LIMIT - 5), bytes(LIMIT - 5), list(range(LIMIT // 8)), {"a": "x" * (LIMIT - 100)}, Page("cover", b"")]


@pytest.mark.parametrize("value", LARGE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("tp", [Any, None])
def test_what_is_too_large_is_sent_nowhere(value, tp):
    assert len(encode(value)) > LIMIT

    with pytest.raises(PayloadError, match=r"TF-121 A message of .* the limit is 1 MiB"):
        check(tp or type(value)).one(value)
    with pytest.raises(PayloadError, match="TF-121"):
        snapshot(value)
    with pytest.raises(PayloadError, match="TF-121"):
        snapshots([value, value])


@pytest.mark.parametrize("value", SMALL, ids=lambda value: type(value).__name__)
def test_what_is_just_small_enough_is_sent(value):
    assert len(encode(value)) <= LIMIT

    assert check(Any).one(value) is value
    assert snapshots([value, value]) == [value, value]


def test_one_message_that_is_too_large_takes_no_other_with_it():
    @component
    def pages(n: int) -> dict:
        return {"n": n, "page": bytes(n)}

    flow = EmbeddedFlow("pages")
    flow.node("pages", pages)
    flow.start()
    sizes = [1, 2 * LIMIT, 3, 4]
    for size in sizes:
        flow.send("pages:in", size)
    flow.wait(timeout=5)
    flow.stop()

    assert [message.payload["n"] for message in flow["pages:out"].history()] == [1, 3, 4]
    assert [letter.message.payload for letter in flow.dead_letters] == [2 * LIMIT]
    assert flow.counts()["pages"].balanced


def test_texts_are_measured_however_many_there_are():
    @component
    def texts(n: int) -> str:
        return "x" * (2 * LIMIT if n == 4_000 else 1)

    @component
    def numbers() -> int:  # a source
        yield from range(5_000)

    flow = EmbeddedFlow("texts")
    flow.node("numbers", numbers)
    flow.node("texts", texts)
    flow.edge("numbers:out", "texts:in")
    flow.start()
    flow.wait(timeout=10)
    flow.stop()

    assert [letter.message.payload for letter in flow.dead_letters] == [4_000]
