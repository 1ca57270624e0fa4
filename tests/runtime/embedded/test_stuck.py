"""A component that blocks holds up its flow, and nobody who has something to say to it."""

from __future__ import annotations

import threading
import time

import pytest

import tinyflow_jupyter as tf

stuck_since, freed = threading.Event(), threading.Event()


@tf.component
def one() -> int:
    return 1


@tf.component
def stuck(x: int) -> int:
    stuck_since.set()
    freed.wait(15)
    return x


@pytest.fixture
def flow():
    stuck_since.clear()
    freed.clear()
    flow = tf.Flow("stuck")
    flow.node("one", one)
    flow.node("stuck", stuck)
    flow.edge("one:out", "stuck:in")
    yield flow
    freed.set()
    flow.stop()


def test_starting_a_flow_returns_while_its_first_message_blocks_it(flow):
    began = time.monotonic()
    flow.start()

    assert time.monotonic() - began < 5  # it blocks for fifteen
    assert stuck_since.wait(5)


def test_who_blocks_for_long_is_told_of_while_he_does(flow, monkeypatch, caplog):
    monkeypatch.setattr("tinyflow_runtime.execution.watchdog.STILL", 0.3)
    told = threading.Event()
    monkeypatch.setattr("tinyflow_runtime.scheduler.Scheduler.report", lambda self, node, text, **_: told_of(text))
    texts = []

    def told_of(text):
        texts.append(text)
        told.set()

    flow.start()

    assert told.wait(10)
    assert not freed.is_set()
    assert texts[0].startswith("TF-131 stuck blocked all 2 nodes")
    assert "freed.wait(15)" in texts[0]
    assert "It still does." in texts[0]


def test_stopping_a_flow_that_is_blocked_keeps_its_time_and_says_who_it_was(flow, monkeypatch, caplog):
    monkeypatch.setattr("tinyflow_runtime.embedded.run._JOIN", 0.2)
    flow.start()
    assert stuck_since.wait(5)

    began = time.monotonic()
    flow.stop(timeout=0.1)

    assert time.monotonic() - began < 5
    assert not flow.running
    assert "TF-131 stuck still blocks this module at" in caplog.text
    freed.set()
    for thread in threading.enumerate():
        if thread.name.startswith("tinyflow"):
            thread.join(5)


def test_a_flow_that_was_left_behind_can_be_started_again(flow, monkeypatch):
    monkeypatch.setattr("tinyflow_runtime.embedded.run._JOIN", 0.2)
    flow.start()
    assert stuck_since.wait(5)
    flow.stop(timeout=0.1)
    freed.set()

    flow.start()

    flow.wait(timeout=5)
    assert flow["stuck:out"].last.payload == 1
