"""Without a kernel, of a notebook is run what defines its flows and what that uses, and nothing else."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from tinyflow_runtime.module import DEFAULT

from tinyflow_jupyter import errors
from tinyflow_jupyter._cluster import command
from tinyflow_jupyter._cluster.confirming import refuse_production
from tinyflow_jupyter._cluster.notebook import flows_of

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

IMPORT = "import tinyflow_jupyter as tf\nimport time, threading"
DOUBLE = "@tf.component\ndef double(x: int) -> int:\n    return x * FACTOR"
FLOW = "flow = tf.Flow('numbers')\nflow.node('a', double)\nflow.node('b', double)\nflow.edge('a:out', 'b:in')"


@pytest.fixture
def flows(tmp_path, monkeypatch):
    monkeypatch.chdir(NOTEBOOKS)
    before = dict(DEFAULT.components)

    def flows(*cells):
        path = tmp_path / "it.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells]), path)
        return flows_of(path)

    yield flows
    DEFAULT.components.clear()
    DEFAULT.components.update(before)


def test_a_flow_is_made_with_what_it_uses(flows):
    found = flows(IMPORT, "FACTOR = 3", DOUBLE, FLOW)

    assert list(found["numbers"].nodes) == ["a", "b"]
    assert len(found["numbers"].edges) == 1
    assert found["numbers"].nodes["a"].component.function(2) == 6


@pytest.mark.parametrize(
    "cell",
    [
        "flow.start()",
        "flow.send('a:in', 1)\nraise SystemExit",
        "port = flow['a:out']\nport.next()",
        "while True:\n    time.sleep(1)",
        "with tf.Cluster() as cluster:\n    cluster.push(flow)",
        "%matplotlib inline\n!rm -rf /nowhere",
        "%%html\n<b>no Python</b>",
        "await something()",
        "threading.Thread(target=print).start()",
        "1 / 0",
    ],
)
def test_what_only_runs_or_shows_is_not_run(flows, cell):
    found = flows(IMPORT, "FACTOR = 3", DOUBLE, FLOW, cell)

    assert list(found) == ["numbers"]


def test_a_list_that_is_filled_before_it_is_used_is_filled(flows):
    loop = "for name in names:\n    flow.node(name, double)"

    found = flows(
        IMPORT, "FACTOR = 1", DOUBLE, "names = ['c']\nnames.append('d')\nother = []\nother.append(1 / 0)", FLOW, loop
    )

    assert list(found["numbers"].nodes) == ["a", "b", "c", "d"]


def test_a_function_that_makes_a_flow_is_called(flows):
    make = "def make(name):\n    flow = tf.Flow(name)\n    flow.node('a', double)\n    return flow"

    found = flows(IMPORT, "FACTOR = 1", DOUBLE, make, "one = make('one')\ntwo = make('two')")

    assert list(found) == ["one", "two"]


@pytest.mark.parametrize(
    "cells",
    [
        ["%%time\nflow = tf.Flow('numbers')\nflow.node('a', double)"],
        ["%%capture said\nflow = tf.Flow('numbers')\nflow.node('a', double)\nflow"],
        ["%time flow = tf.Flow('numbers')", "%time flow.node('a', double)"],
        ["    flow = tf.Flow('numbers')\n    flow.node('a', double)"],
        [
            "from math import *",
            "flow = tf.Flow('numbers')\nfor name in 'abc'[:floor(1.5)]:\n    flow.node(name, double)",
        ],
        ["match ['a']:\n    case [name]:\n        pass", "flow = tf.Flow('numbers')\nflow.node(name, double)"],
        ["from tinyflow_jupyter import *", "flow = Flow('numbers')\nflow.node('a', double)"],
        ["from not_installed import *", "flow = tf.Flow('numbers')\nflow.node('a', double)", "shown(flow)"],
    ],
)
def test_a_flow_is_made_however_a_cell_says_it(flows, cells):
    found = flows(IMPORT, "FACTOR = 3", DOUBLE, *cells)

    assert list(found["numbers"].nodes) == ["a"]


def test_what_a_cell_takes_from_the_future_holds_for_those_after_it(flows):
    cell = "class Names:\n    first: NotYet = 'a'"
    make = "flow = tf.Flow('numbers')\nflow.node(Names.first, double)"

    found = flows("from __future__ import annotations", IMPORT, "FACTOR = 3", DOUBLE, cell, make)

    assert list(found["numbers"].nodes) == ["a"]


def test_a_component_cell_is_a_component(flows):
    cell = "%%component\ndef triple(x: int) -> int:\n    return 3 * x"

    found = flows(IMPORT, cell, "flow = tf.Flow('numbers')\nflow.node('a', triple)")

    assert found["numbers"].nodes["a"].component.name == "triple"


def test_an_annotation_in_quotes_is_used_too(flows):
    cell = "@tf.component\ndef first(x: 'list[Two]') -> 'Two':\n    return x[0]"
    two = "from dataclasses import dataclass\n@dataclass\nclass Two:\n    a: int"

    found = flows(IMPORT, two, cell, "flow = tf.Flow('numbers')\nflow.node('a', first)")

    assert found["numbers"].nodes["a"].ports["out"].type.__name__ == "Two"


def test_what_fails_is_named_by_cell_and_line(flows):
    with pytest.raises(errors.DefinitionError, match=r"TF-169 .* ZeroDivisionError[\s\S]*cell 2, line 2"):
        flows(IMPORT, "print()\nFACTOR = 1 / 0", DOUBLE, FLOW)


def test_an_error_of_the_flow_itself_stays_what_it_is(flows):
    with pytest.raises(errors.PortError, match=r"TF-101[\s\S]*cell 4, line 4"):
        flows(IMPORT, "FACTOR = 1", DOUBLE, FLOW.replace("b:in", "b:inn"))


def test_a_cell_that_is_no_python_is_named(flows):
    with pytest.raises(errors.DefinitionError, match=r"TF-169 A cell is no Python[\s\S]*cell 2, line 1"):
        flows(IMPORT, "FACTOR = = 1")


def test_a_notebook_without_a_flow_says_so(flows, tmp_path):
    with pytest.raises(errors.ManifestError, match=r"TF-117 it.ipynb defines no flow"):
        flows(IMPORT)
    (tmp_path / "no.ipynb").write_text("{")
    with pytest.raises(errors.SourceError, match=r"TF-173 no.ipynb cannot be read as a notebook"):
        flows_of(tmp_path / "no.ipynb")
    with pytest.raises(errors.SourceError, match=r"TF-173 .*none.ipynb cannot be read: No such file"):
        flows_of(tmp_path / "none.ipynb")


@pytest.mark.parametrize(("name", "flow"), [("01_this_computer", "computer"), ("02_seattle_weather", "weather")])
def test_the_notebooks_of_the_house_define_their_flows_without_a_kernel(flows, name, flow):
    found = flows_of(NOTEBOOKS / f"{name}.ipynb")

    assert list(found) == [flow]
    assert found[flow].edges


def test_the_command_says_what_to_write_where_something_has_to_be_confirmed(flows, tmp_path, monkeypatch):
    flows(IMPORT, "FACTOR = 3", DOUBLE, FLOW)
    api = SimpleNamespace(login=SimpleNamespace(local=False), namespace="flows-prod", context="it", get=lambda *_: None)
    pushed = []

    def push(flow, timeout, *, sources, confirm):
        refuse_production(api, confirm, "cluster.push(flow")
        pushed.append(flow.name)

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(command, "_cluster", lambda options: contextlib.nullcontext(SimpleNamespace(push=push)))
    arguments = [str(tmp_path / "it.ipynb"), "--timeout", "5"]

    with pytest.raises(errors.ClusterError, match="TF-190") as caught:
        command.main(arguments)
    line = str(caught.value).partition("tinyflow push ")[2].removesuffix(".")
    command.main(line.split())

    assert line.split() == [*arguments, "--confirm", "flows-prod"]
    assert pushed == ["numbers"]
