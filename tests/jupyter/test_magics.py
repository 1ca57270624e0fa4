"""The magics are calls of the API: a component cell takes over in running flows, or changes nothing."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from tinyflow_runtime.module import DEFAULT, Module
from traitlets.config import Config

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster.confirming import _unconfirmed
from tinyflow_jupyter._magics import _confirmed

pytestmark = pytest.mark.census(keeps="the history database of IPython's shell, until it is collected")


@pytest.fixture
def shell() -> Iterator[Any]:
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}}))
    shell.user_ns["tf"] = tf
    tf.load_ipython_extension(shell)
    yield shell
    for flow in [each for each in shell.user_ns.values() if isinstance(each, tf.Flow)]:
        flow.stop()
    atexit.unregister(shell.atexit_operations)
    for name in ("scale", "broken", "loud", "root"):
        DEFAULT.components.pop(name, None)
    Module.all.pop("maths", None)


def run(shell: Any, cell: str) -> None:
    shell.run_cell(cell, store_history=True).raise_error()


SCALE = """%%component
import math

def scale(x: int) -> int:
    return int(math.floor(x * {factor}))
"""

FLOW = """
flow = tf.Flow("scales")
flow.node("a", scale)
flow.start()
"""


def test_a_cell_is_a_component_with_its_own_imports(shell: Any):
    run(shell, SCALE.format(factor=2))
    run(shell, FLOW)

    run(shell, "%send a:in 20 + 1")
    run(shell, "flow.wait(timeout=5)")

    assert shell.user_ns["flow"]["a:out"].last.payload == 42
    assert shell.user_ns["scale"](2) == 4
    assert "math" not in shell.user_ns


def test_running_the_cell_again_lets_a_running_flow_use_the_new_code(shell: Any):
    run(shell, SCALE.format(factor=2))
    run(shell, FLOW)

    run(shell, SCALE.format(factor=10))
    run(shell, "%send flow a:in 1\nflow.wait(timeout=5)")

    assert shell.user_ns["flow"]["a:out"].last.payload == 10


def test_a_changed_function_that_only_the_component_calls_counts_too(shell: Any):
    cell = "%%component\nimport tinyflow_jupyter as tf\ndef factor():\n    return {factor}\n"
    cell += "@tf.component\ndef scale(x: int) -> int:\n    return x * factor()\n"
    run(shell, cell.format(factor=2))
    run(shell, FLOW)

    run(shell, cell.format(factor=10))
    run(shell, "%send a:in 1\nflow.wait(timeout=5)")

    assert shell.user_ns["flow"]["a:out"].last.payload == 10


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%component\ndef scale(x: int) -> int:\n    return (x", "cell 3, line 3"),
        ("%%component\nx = 1\nimport no_such_thing", "cell 3, line 3"),
        ("%%component\ndef scale(x: Nowhere) -> int:\n    return x", "Nowhere"),
        ("%%component\nx = 1", "holds no component"),
        ("%%component\ndef scale(x: int) -> int:\n    # one\n    return x * factor", "cell 3, line 4"),
        ("%%component\ndef scale(x: int) -> int:\n    return [factor for _ in '1'][x]", "it in this cell, or make it"),
        ("%%component\n@tf.component\ndef scale(x: int) -> int: return x", "import tinyflow_jupyter as tf"),
        ("%%component\ndef scale(x: str) -> int:\n    return 'a' +", "cell 3, line 3"),
    ],
)
def test_a_cell_that_does_not_load_leaves_the_old_component_at_work(shell: Any, cell: str, said: str):
    run(shell, SCALE.format(factor=2))
    run(shell, FLOW)
    old = DEFAULT.components["scale"]

    with pytest.raises(tf.errors.ComponentError, match=r"TF-110") as caught:
        run(shell, cell)
    run(shell, "%send a:in 4\nflow.wait(timeout=5)")

    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5
    assert shell.user_ns["flow"]["a:out"].last.payload == 8
    assert DEFAULT.components["scale"] is old


def test_a_swap_that_an_edge_refuses_changes_nothing(shell: Any):
    run(shell, SCALE.format(factor=2))
    run(shell, "flow = tf.Flow('two')\nflow.node('a', scale)\nflow.node('b', scale)\nflow.edge('a:out', 'b:in')")
    run(shell, "flow.start()")
    old = shell.user_ns["scale"]

    with pytest.raises(tf.errors.ComponentError, match="TF-110"):
        run(shell, "%%component\ndef scale(x: int) -> str:\n    return str(x)")
    run(shell, "%send a:in 1\nflow.wait(timeout=5)")

    assert shell.user_ns["flow"]["b:out"].last.payload == 4
    assert shell.user_ns["scale"] is old


def test_a_cell_may_name_its_module_and_decorate_for_itself(shell: Any):
    run(
        shell,
        "%%component maths\nimport tinyflow_jupyter as tf\n@tf.component\ndef root(x: float) -> float: return x ** 0.5",
    )

    assert Module.all["maths"].components["root"].module == "maths"
    assert "root" not in DEFAULT.components


def test_a_class_is_a_component_too(shell: Any):
    cell = "from __future__ import annotations\nfrom dataclasses import dataclass\nimport tinyflow_jupyter as tf\n"
    cell += "@dataclass\nclass Two:\n    a: int\n"
    cell += "class Loud(tf.Component):\n    def ports(self):\n        return [tf.Port('in', 'in', Two)]\n"
    cell += "    async def handle(self, output, port, payload): ...\n"

    run(shell, "%%component maths\n" + cell)

    assert shell.user_ns["Loud"].module == "maths"


def test_an_error_in_a_handler_names_the_line_of_the_cell(shell: Any):
    run(shell, "%%component\ndef broken(x: int) -> int:\n    # one\n    return 1 // x")
    run(shell, "flow = tf.Flow('breaks')\nflow.node('a', broken)\nflow.start()\n%send a:in 0\nflow.wait(timeout=5)")

    assert "cell 1, line 4" in shell.user_ns["flow"].dead_letters[0].reason


def test_send_says_which_flow_it_wants_to_know(shell: Any):
    with pytest.raises(tf.errors.NotRunning, match="No flow runs"):
        run(shell, "%send a:in 1")
    run(shell, SCALE.format(factor=2))
    run(shell, FLOW)
    run(shell, "other = tf.Flow('other')\nother.node('a', scale)\nother.start()")

    with pytest.raises(tf.errors.NodeError, match="flow, other"):
        run(shell, "%send a:in 1")
    run(shell, "%send other a:in 1\nother.wait(timeout=5)")

    assert shell.user_ns["other"]["a:out"].count == 1


@pytest.mark.parametrize("name", ["prod", "ada@example.com", "https://issuer/#ada", "Ada Lovelace", "o'neil"])
def test_what_an_error_says_to_write_is_what_a_push_reads(name: str):
    error = _unconfirmed("TF-191", "It is ada's.", name, "Say", "cluster.push(flow)", where="cell 1")

    said = error.written("%push flow")
    line = said.way_out[0].removeprefix("Say: %push ").removesuffix(".")

    assert _confirmed(f"{line}  # a comment") == (["flow"], [name])
    assert (said.code, said.what, said.where) == (error.code, error.what, error.where)


@pytest.mark.parametrize("line", ["flow cluster other", "flow --confirm", "flow --sure prod", "flow --confirm 'prod"])
def test_a_push_that_cannot_be_read_says_how_one_is_written(shell: Any, line: str):
    run(shell, "flow = tf.Flow('numbers')")

    with pytest.raises(UsageError, match=r"Write %push, .*--confirm NAME"):
        run(shell, f"%push {line}")


def test_running_a_cell_a_hundred_times_leaves_one_component_one_file_and_one_thread(shell: Any):
    run(shell, SCALE.format(factor=1))
    run(shell, FLOW)
    files, threads = len(sys.modules), threading.active_count()

    for factor in range(100):
        run(shell, SCALE.format(factor=factor) + f"# {factor}")
        run(shell, FLOW)
    run(shell, "%send flow a:in 2\nflow.wait(timeout=5)")

    assert shell.user_ns["flow"]["a:out"].last.payload == 198
    assert len(sys.modules) == files
    assert threading.active_count() == threads


def test_importing_needs_no_ipython():
    import subprocess

    code = "import sys; sys.modules['IPython'] = None; import tinyflow_jupyter; print('fine')"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout == "fine\n", done.stderr
