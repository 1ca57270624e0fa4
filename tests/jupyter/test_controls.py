"""Controls start, stop, pause and lead a flow by a browser's words, and tell after each how it stands."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

import tinyflow_jupyter as tf
from tinyflow_jupyter._view.controls import Controls
from tinyflow_jupyter._view.widget import answered


@tf.component
def forward(x: int) -> int:
    return x


@tf.component
def hold(x: dict[str, str]) -> None:
    return None


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("led")
    flow.node("a", forward)
    flow.node("b", forward)
    flow.node("c", hold)
    flow.edge("a:out", "b:in")
    yield flow
    flow.stop(1)


@pytest.fixture
def ask(flow):
    controls = Controls(flow)

    def ask(word, **fields):
        told = answered(controls.answers(), {"do": word, **fields})
        return json.loads(json.dumps(told, allow_nan=False))

    return ask


def test_a_flow_is_started_and_stopped(flow, ask):
    started = ask("run", action="start")

    assert started["value"] == {"state": "running", "held": {}, "breakpoints": {}}
    assert flow.running
    assert ask("run", action="stop")["value"]["state"] == "stopped"
    assert not flow.running


def test_a_node_is_paused_makes_a_step_and_goes_on(flow, ask):
    flow.start()
    paused = ask("run", action="pause", node="b")["value"]
    for n in range(3):
        flow.send("a:in", n)
    with pytest.raises(TimeoutError):
        flow.wait()

    stepped = ask("run", action="step", node="b")["value"]

    assert paused["held"] == {"b": {"port": "", "queued": 0, "lease": None, "message": None}}
    assert stepped["held"]["b"]["queued"] == 2
    assert flow._observed().states == {"b": "paused"}
    assert ask("run", action="resume")["value"]["held"] == {}
    flow.wait(5)
    assert flow.counts()["b"].handled == 3


def test_a_breakpoint_is_set_shows_its_message_and_is_taken_away(flow, ask):
    flow.start()
    there = ask("breakpoint", address="b:in", when="msg > 1", lease=60)["value"]
    for n in range(4):
        flow.send("a:in", n)
    with pytest.raises(TimeoutError):
        flow.wait()

    held = ask("held", address="b:in")["value"]["held"]["b"]

    assert there["breakpoints"] == {"b:in": "msg > 1"}
    assert held["port"] == "in"
    assert held["queued"] == 2
    assert 0 < held["lease"] <= 60
    assert held["message"]["tree"]["t"] == "2"
    assert ask("held", address="a:out")["value"]["held"] == {}
    away = ask("breakpoint", address="b:in")["value"]
    assert (away["held"], away["breakpoints"]) == ({}, {})
    flow.wait(5)


def test_what_is_secret_is_masked_where_it_is_held(flow, ask):
    flow.start()
    flow.breakpoint("c:in")
    flow.send("c:in", {"password": "hunter2-hunter2"})
    end = time.monotonic() + 5
    while not flow.held and time.monotonic() < end:
        pass

    held = json.dumps(ask("held"))

    assert "password" in held
    assert "hunter2" not in held


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"do": "run", "action": "explode"}, "TF-152"),
        ({"do": "run", "action": "step", "node": "b"}, "TF-132"),
        ({"do": "run", "action": "pause", "node": "nobody"}, "TF-107"),
        ({"do": "breakpoint", "address": "b:nothing"}, "TF-101"),
        ({"do": "breakpoint", "address": "b:in", "when": "import os"}, "TF-114"),
        ({"do": "breakpoint", "address": "b:in", "lease": -1}, "TF-129"),
    ],
)
def test_what_cannot_be_done_is_answered_with_its_code_and_the_way_out(flow, ask, asked, code):
    flow.start()

    error = ask(asked.pop("do"), **asked)["error"]

    assert error["code"] == code
    assert error["wayOut"]
    assert flow.held == {}


def test_a_stopped_flow_says_that_it_is_to_be_started(ask):
    error = ask("run", action="pause")["error"]

    assert error["code"] == "TF-135"
    assert "flow.start()" in error["wayOut"]
