"""What the log says of a node that fails: one line for each cause, and then how often, ever more seldom."""

from __future__ import annotations

import time

import pytest
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.module import component
from tinyflow_runtime.observation.complaints import CAUSES, NEWS, Complaints


@component
def picky(x: int) -> float:
    if x % 2:
        raise ValueError(f"I do not like {x},\nnor what is near")
    return 1 / (x % 4)


@pytest.fixture
def flow():
    flow = EmbeddedFlow("complaining")
    flow.node("picky", picky)
    flow.start()
    yield flow
    flow.stop(0)


def send(flow, numbers):
    for number in numbers:
        flow.send("picky:in", number)
    flow.wait(timeout=10)


def test_a_node_that_fails_again_and_again_says_so_once_and_then_counts(flow, caplog):
    send(flow, range(1, 241, 2))

    first, tenth, hundredth = [record.getMessage() for record in caplog.records]
    assert first.startswith("TF-139 picky raised ValueError: I do not like 1, nor what is near (")
    assert first.endswith("Mend the component, then replay the dead letter.")
    assert "I do not like 19," in tenth
    assert tenth.endswith("(10 times by now)")
    assert hundredth.endswith("(100 times by now)")
    assert all("\n" not in line for line in (first, tenth, hundredth))
    assert len(flow.dead_letters) == 120


def test_each_cause_has_a_line_of_its_own(flow, caplog):
    send(flow, [1, 4, 3, 8, 5, 12])

    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "ValueError" in said[0]
    assert "ZeroDivisionError" in said[1]


def test_a_line_is_no_longer_than_one_reads(flow, caplog, monkeypatch):
    @component
    def picky(x: int) -> int:
        raise ValueError("all the data: " + "x" * 100_000)

    flow.node("picky", picky)
    flow.start()

    send(flow, [1])

    assert [len(record.getMessage()) <= 1_000 for record in caplog.records] == [True]


def test_causes_that_are_new_each_time_are_one_after_a_while():
    complaints = Complaints()

    due = [complaints.due("node", f"cause {number}") for number in range(CAUSES + 500)]

    assert sum(map(bool, due)) == CAUSES + 3  # the rest as one: at 1, 10 and 100


def test_what_did_not_happen_for_long_is_news(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    complaints = Complaints()

    due = [complaints.due("node", "cause"), complaints.due("node", "cause")]
    clock[0] += NEWS + 1
    due.append(complaints.due("node", "cause"))

    assert due == [1, 0, 1]
