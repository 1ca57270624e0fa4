"""The benchmarks run, and their arithmetic is right: a smoke run of every workload, much smaller, in this process."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.peers.measure import Figures, Job, Wrong, in_order, in_order_per_sender, readings_in_order
from benchmarks.picture import draw
from benchmarks.report import Verdict, as_json, goals, table, verdicts
from benchmarks.rounds import one_round, ratio
from benchmarks.workloads import ASYNCIO, WORKLOADS, Contender, Goal, Workload

SMALL = 0.002
NEED_NOTHING = {"tinyflow", "direct", "asyncio_channels"}  # the other peers are installed for `make bench` only


def here(workload: Workload, contender: Contender) -> Figures:
    """Run a contender in this process."""
    peer = importlib.import_module(f"benchmarks.peers.{contender.program}")
    figures: Figures = peer.run(Job(workload.job, contender.n, workload.k, contender.variant))
    return figures


def small(workload: Workload) -> Workload:
    """The workload with little to do, for the peers that are always there."""
    scaled = workload.scaled(SMALL)
    there = [one for one in scaled.contenders if one.program in NEED_NOTHING or one.variant == "tinyflow"]
    return Workload(**{name: getattr(scaled, name) for name in Workload.__slots__} | {"contenders": tuple(there)})


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_a_workload_delivers_everything_and_is_reported(workload, tmp_path):
    workload = small(workload)

    rounds = [one_round(workload, number, here) for number in range(2)]

    results = {workload.name: (workload, rounds)}
    found = verdicts(results)
    assert all(one.name in table(workload, rounds) for one in workload.contenders)
    assert json.loads(as_json(results, found, {}, ""))["workloads"][workload.name]["rounds"] == rounds
    assert all(goal.subject in goals(found) for goal in workload.goals)


def test_a_ratio_is_the_median_of_ratios_of_the_same_round():
    rounds = [
        {"a": {"rate": 20.0}, "b": {"rate": 2.0}},
        {"a": {"rate": 6.0}, "b": {"rate": 1.0}},
        {"a": {"rate": 50.0}, "b": {"rate": 10.0}},
    ]

    assert ratio(rounds, "a", "b", "rate") == 6.0


def test_a_ratio_of_latencies_is_above_one_for_the_faster():
    rounds = [{"a": {"p50": 5.0}, "b": {"p50": 50.0}}]

    assert ratio(rounds, "a", "b", "p50") == 10.0


@pytest.mark.parametrize(
    ("goal", "value", "word"),
    [
        (Goal("a", "b", 6, 15), 5.9, "**MISSED**"),
        (Goal("a", "b", 6, 15), 6.0, "met"),
        (Goal("a", "b", 6, 15), 15.0, "reached"),
        (Goal("a", "b", None, 15), 14.0, "not reached"),
        (Goal("a", "b", 6, 15), None, "not measured"),
        (Goal("a", "", 3, 1.5, figure="kib_node"), 3.1, "**MISSED**"),
        (Goal("a", "", 3, 1.5, figure="kib_node"), 1.4, "reached"),
    ],
)
def test_a_goal_is_judged(goal, value, word):
    verdict = Verdict("W", goal, value)

    assert verdict.word == word
    assert verdict.missed is (word == "**MISSED**")


@pytest.mark.parametrize(
    "arrived",
    [
        pytest.param([0, 2], id="lost"),
        pytest.param([0, 1, 1], id="doubled"),
        pytest.param([1, 0], id="reordered"),
    ],
)
def test_a_sink_notices(arrived):
    sink = in_order(3, lambda: None)

    with pytest.raises(Wrong):
        [sink({"i": i, "t": float(i)}) for i in arrived]


def test_a_sink_notices_a_changed_payload():
    sink = in_order_per_sender(1, lambda: None)

    with pytest.raises(Wrong):
        sink({"i": 0, "t": 0.5, "k": 3})


def test_a_sink_is_done_with_the_last_message():
    done: list[bool] = []
    sink = readings_in_order(2, lambda: done.append(True))
    one, two = (type("Reading", (), {"i": i, "t": i})() for i in range(2))

    sink(one)
    assert not done
    sink(two)

    assert done


def test_odd_rounds_begin_at_the_other_end():
    order: list[str] = []

    def note(workload: Workload, contender: Contender) -> Figures:
        order.append(contender.name)
        return {}

    workload = Workload("W", "", "w1", 1, ("rate",), (Contender("a", "", 1), Contender("b", "", 1)))
    for number in range(2):
        one_round(workload, number, note)

    assert order == ["a", "b", "b", "a"]


def test_a_workload_is_chosen_by_the_words_its_name_begins_with():
    names = [workload.name for workload in command.chosen(["W1"], [])]

    assert names == ["W1 K=10", "W1 K=100"]
    assert [workload.name for workload in command.chosen(["w1 k=10"], [])] == ["W1 K=10"]


@pytest.mark.census(keeps="matplotlib keeps the files of its fonts open")
def test_a_missed_goal_fails_the_gate(monkeypatch, tmp_path, capsys):
    rounds = {"TinyFlow": {"p50": 50.0, "p99": 1.0}, ASYNCIO: {"p50": 100.0, "p99": 1.0}}
    monkeypatch.setattr(command, "apart", lambda workload, contender: rounds[contender.name])
    asked = ["--only", "W5", "--peers", "TinyFlow", "--peers", ASYNCIO, "--rounds", "1", "--results", str(tmp_path)]

    assert command.main(asked) == 0
    assert command.main([*asked, "--gate"]) == 1

    assert "**MISSED**" in capsys.readouterr().out
    assert (tmp_path / "bench.json").exists()


def test_absent_peers_are_missed_out_loud(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "why_absent", lambda: "node and npm are not installed")
    monkeypatch.setattr(command, "apart", lambda workload, contender: {"p50": 1.0, "p99": 1.0})

    command.main(["--only", "W5", "--rounds", "1", "--results", str(tmp_path)])

    assert "NOT measured: node and npm are not installed" in capsys.readouterr().out


@pytest.mark.census(keeps="matplotlib keeps the files of its fonts open")
def test_the_picture_is_the_same_for_the_same_figures(tmp_path: Path, need: Callable[[bool, str], None]):
    workload = next(one for one in WORKLOADS if one.name == "W5")
    results = {workload.name: (workload, [{one.name: {"p50": 2.0} for one in workload.contenders}])}
    need(find_spec("matplotlib") is not None, "matplotlib")

    pictures = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for picture in pictures:
        draw(results, picture)

    assert pictures[0].read_bytes() == pictures[1].read_bytes()
