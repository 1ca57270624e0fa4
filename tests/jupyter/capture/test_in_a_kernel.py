"""Capture in a kernel: the newest code wins, what failed does not count, and running a cell again changes no hash."""

from __future__ import annotations

import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from tinyflow_runtime.component import UNDECORATED
from tinyflow_runtime.errors import ComponentError, SourceError
from tinyflow_runtime.module import DEFAULT, Module

import tinyflow_jupyter as tf
from tinyflow_jupyter._capture import capture, capturing


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a cell in a fresh notebook; ``run.shell`` is its shell."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Module, "all", {"notebook": DEFAULT})
    monkeypatch.setattr(DEFAULT, "components", {})
    monkeypatch.setattr(capturing, "_newest", {})
    classes = dict(UNDECORATED)
    UNDECORATED.clear()
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()

    def run(cell: str) -> None:
        shell.run_cell(cell, store_history=True)

    run.shell = shell
    run("import tinyflow_jupyter as tf")
    yield run
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()
    UNDECORATED.update(classes)
    for name in [name for name in sys.modules if name.startswith("tinyflow_cell_")]:
        del sys.modules[name]


pytestmark = [pytest.mark.census("IPython keeps its history's file and thread open"), pytest.mark.timeout(60)]

DOUBLE = "@tf.component\ndef double(x: int) -> int:\n    return x * FACTOR"


def test_running_a_cell_again_changes_no_hash_and_another_text_does(run):
    run("FACTOR = 2")
    run(DOUBLE)
    first = capture("notebook", shell=run.shell)

    run(DOUBLE)
    run("FACTOR = 2")
    again = capture("notebook", shell=run.shell)
    run(DOUBLE.replace("x *", "x +"))
    run(DOUBLE)
    as_before = capture("notebook", shell=run.shell)
    run("FACTOR = 3")
    other = capture("notebook", shell=run.shell)

    assert again.sha256 == as_before.sha256 == first.sha256
    assert other.sha256 != first.sha256
    assert "FACTOR = 3" in other.text


def test_a_cell_that_failed_has_defined_nothing(run):
    run("def scale(x):\n    return 2 * x")
    run("@tf.component\ndef double(x: int) -> int:\n    return scale(x)")
    run("1 / 0\ndef scale(x):\n    return 3 * x")
    run("@tf.component\ndef broken(x: int, y: int) -> int:\n    return x")

    source = capture("notebook", shell=run.shell)

    assert "2 * x" in source.text
    assert "3 * x" not in source.text
    assert "broken" not in source.text


def test_the_kind_of_a_live_object_is_told(run):
    run("import threading\nlock = threading.Lock()")
    run("@tf.component\ndef double(x: int) -> int:\n    with lock:\n        return 2 * x")

    with pytest.raises(
        ComponentError, match=r"TF-111 double uses 'lock', a live object \(lock\) made in cell 2, line 2"
    ):
        capture("notebook", shell=run.shell)


def test_only_what_the_flow_uses_has_to_be_capturable(run):
    run("import threading\nlock = threading.Lock()")
    run("@tf.component\ndef bad(x: int) -> int:\n    with lock:\n        return 2 * x")
    run("@tf.component\ndef good(x: int) -> int:\n    return 2 * x")
    run("flow = tf.Flow('f')\nflow.node('a', good)")

    source = capture("notebook", shell=run.shell, flow=run.shell.user_ns["flow"])

    assert "def good" in source.text
    assert "bad" not in source.text
    run("flow.node('b', bad)")
    with pytest.raises(ComponentError, match="TF-111 bad uses 'lock'"):
        capture("notebook", shell=run.shell, flow=run.shell.user_ns["flow"])


def test_a_component_made_inside_a_function_without_a_name_is_refused(run):
    run("def make(n):\n    @tf.component\n    def times(x: int) -> int:\n        return x * n\nmake(3)")

    with pytest.raises(SourceError, match="TF-173 Component 'times' of module 'notebook' is made inside a function"):
        capture("notebook", shell=run.shell)


def test_a_name_that_exec_made_is_refused(run):
    run("exec('hidden = 3')")
    run("@tf.component\ndef plus(x: int) -> int:\n    return x + hidden")

    with pytest.raises(ComponentError, match="TF-173 plus uses 'hidden', which no cell defines: %run, exec"):
        capture("notebook", shell=run.shell)


def test_components_that_are_installed_are_imported(run):
    run("from tinyflow_runtime.components import Ticker, MODULE\ntf.Module.all['tinyflow'] = MODULE")

    source = capture("tinyflow", shell=run.shell)

    assert "from tinyflow_runtime.components.ticker import Ticker\n" in source.text
    source.load()
    assert "ticker" in Module.all["tinyflow"].components


def test_a_file_from_elsewhere_is_refused(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "scoring_elsewhere.py").write_text("def score(x): return x")
    beside = tmp_path / "beside"
    beside.mkdir()
    run(f"import os, sys\nsys.path.append({str(elsewhere)!r})\nos.chdir({str(beside)!r})\nimport scoring_elsewhere")
    run("@tf.component\ndef plus(x: int) -> int:\n    return scoring_elsewhere.score(x)")

    with pytest.raises(SourceError, match=r"neither installed nor beside the notebook\.\n  cell 2, line 4"):
        capture("notebook", shell=run.shell)


def test_requirements_are_locked_and_held_against_the_imports(run, monkeypatch):
    line = "numpy==2.0 --hash=sha256:" + "0" * 64
    monkeypatch.setattr(capturing, "lock", lambda requirements, module: (line,))
    run("import numpy as np\nm = tf.Module('maths', requirements=['numpy'])")
    run("@m.component\ndef total(x: list) -> float:\n    return float(np.sum(x))")

    source = capture("maths", shell=run.shell)

    assert source.requirements == (line,)
    run("import pandas as pd\n@m.component\ndef rows(x: list) -> int:\n    return len(pd.Series(x))")
    with pytest.raises(SourceError, match="TF-170 Module 'maths' imports pandas, which its requirements do not bring"):
        capture("maths", shell=run.shell)


def test_a_module_that_the_text_does_not_name_is_found_by_its_components(run):
    run("modules = {'a': tf.Module('a')}")
    run("@modules['a'].component\ndef plus(x: int) -> int:\n    return x + 1")

    source = capture("a", shell=run.shell)

    assert source.load().plus(1) == 2


def test_an_unknown_module_is_told_with_a_near_one(run):
    with pytest.raises(SourceError, match=r"There is no module 'notbook'\.\n  Did you mean 'notebook'"):
        capture("notbook", shell=run.shell)
    assert tf.Module is Module
