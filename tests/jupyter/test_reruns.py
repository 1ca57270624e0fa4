"""Running a cell again reaches what runs, or is told: a flow never says "running" of what it does not do."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from tinyflow_runtime.module import DEFAULT
from traitlets.config import Config

import tinyflow_jupyter as tf
from tinyflow_jupyter._view.frames import Frames

pytestmark = pytest.mark.census(keeps="the history database of IPython's shell, until it is collected")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}}))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    run(shell, "import tinyflow_jupyter as tf")
    yield shell
    for flow in [each for each in shell.user_ns.values() if isinstance(each, tf.Flow)]:
        flow.stop()
    run(shell, "pass")
    atexit.unregister(shell.atexit_operations)
    for name in ("grow", "shrink"):
        DEFAULT.components.pop(name, None)


def run(shell: Any, cell: str) -> None:
    shell.run_cell(cell, store_history=True).raise_error()


GROW = "@tf.component\ndef grow(x: int) -> int:\n    return x * {factor}\n"
FLOW = """
flow = tf.Flow("growth")
flow.node("a", grow)
flow.node("b", grow)
flow.edge("a:out", "b:in")
flow.start()
"""
ASK = "flow.send('a:in', 1)\nflow.wait(timeout=5)"


def test_the_cell_of_a_component_that_is_run_again_reaches_the_flow_that_runs(shell: Any, capsys: Any):
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)
    capsys.readouterr()

    run(shell, GROW.format(factor=10))
    run(shell, ASK)

    assert shell.user_ns["flow"]["b:out"].last.payload == 100
    assert capsys.readouterr().out == "The new grow runs in growth:a, growth:b.\n"


def test_a_cell_that_is_run_again_unchanged_says_nothing(shell: Any, capsys: Any):
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)
    capsys.readouterr()

    run(shell, GROW.format(factor=2))

    assert capsys.readouterr().out == ""


def test_a_component_that_no_longer_fits_is_refused_once_and_the_old_one_runs_on(shell: Any, capsys: Any):
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)

    run(shell, "@tf.component\ndef grow(x: int) -> str:\n    return str(x)")
    run(shell, ASK)

    assert shell.user_ns["flow"]["b:out"].last.payload == 4
    assert capsys.readouterr().err.count("TF-110") == 1


def test_a_component_that_was_refused_is_tried_again_when_its_cell_runs_again(shell: Any, capsys: Any):
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)

    for _ in range(2):
        run(shell, "@tf.component\ndef grow(x: int) -> str:\n    return str(x)")
        run(shell, ASK)

    assert capsys.readouterr().err.count("TF-110") == 2


def test_nobody_looks_after_cells_once_no_flow_runs(shell: Any):
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)

    run(shell, "flow.stop()")

    assert not [each for each in shell.events.callbacks["post_run_cell"] if "reruns" in str(each)]


CHANGES = {
    "a node that is new": ("flow.node('c', grow)", "c"),
    "a node that is gone": ("flow.remove('b')", "a, b"),
    "other code": (
        "@tf.component\ndef shrink(x: int) -> int: return x\nflow.remove('b')\nflow.node('b', shrink)",
        "a, b",
    ),
    "an edge that says something else": ("flow.edge('a:out', 'b:in', when='msg > 3')", "a, b"),
    "an edge that is gone": ("flow.remove('a:out', 'b:in')", "a, b"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_running_flow_says_what_start_would_change(shell: Any, change: str):
    cell, names = CHANGES[change]
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)
    before = repr(shell.user_ns["flow"])

    run(shell, cell)
    told = repr(shell.user_ns["flow"]), shell.user_ns["flow"]._pictures()["image/svg+xml"]
    run(shell, "flow.start()")

    assert before.endswith("running")
    assert all(f"running, changed ({names}): start() applies it" in each for each in told)
    assert repr(shell.user_ns["flow"]).endswith("running")


def test_a_node_that_was_only_moved_is_not_changed(shell: Any):
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)

    run(shell, "flow.move('a', (3, 4))\nflow.edge('a:out', 'b:in')\nflow.node('b', grow)")

    assert repr(shell.user_ns["flow"]).endswith("running")


def test_a_changed_node_is_drawn_as_stale_until_it_is_applied(shell: Any):
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)
    run(shell, "flow.node('c', grow)")

    before = Frames(shell.user_ns["flow"]).next(())["nodes"]
    run(shell, "flow.start()")
    after = Frames(shell.user_ns["flow"]).next(())["nodes"]

    assert (before["a"][0], before["c"][0], after["c"][0]) == ("idle", "stale", "idle")


def test_a_flow_that_was_defined_again_runs_and_says_what_is_another_now(shell: Any):
    run(shell, GROW.format(factor=2))
    run(shell, FLOW)

    run(shell, FLOW.replace("flow.start()", ""))
    same = repr(shell.user_ns["flow"])
    run(shell, "flow = tf.Flow('growth')\nflow.node('a', grow)")
    other = repr(shell.user_ns["flow"])

    assert same.endswith("running")
    assert other.endswith("running, changed (a, b): start() applies it")
