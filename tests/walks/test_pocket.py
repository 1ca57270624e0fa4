"""The contract's part about clusters, on a pocket cluster: the real operator and real module processes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from IPython.core.interactiveshell import InteractiveShell
from tinyflow_runtime.components import Ticker
from tinyflow_runtime.module import DEFAULT
from tinyflow_runtime.resources.labels import FLOW_LABEL
from traitlets.config import Config

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster import Cluster, Project

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="the cluster of this file, and the history database of IPython's shell"),
]

maths = tf.Module("walk-maths")
words = tf.Module("walk-words")


@maths.component
def halve(x: int) -> float:
    """Half of it."""
    return x / 2


@maths.component
def invert(x: float) -> float:
    return 1 / x


@tf.Module("walk-alone").component
def alone(x: int) -> int:
    return x


@words.component
def whose(x: float) -> dict[str, float]:
    return {"pid": os.getpid(), "x": x}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.local() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def flow(cluster: Cluster) -> tf.Flow:
    flow = tf.Flow("walk")
    flow.node("ticker", Ticker, every=0.01)
    flow.node("halve", halve)
    flow.node("invert", invert)
    flow.node("whose", whose)
    flow.edge("ticker:out", "halve:in", when="msg < 0")
    flow.edge("halve:out", "whose:in")
    flow.edge("halve:out", "invert:in")
    cluster.push(flow, timeout=60)
    return flow


def test_a_healthy_push_warns_of_nothing(cluster: Cluster, flow: tf.Flow):
    logs = sorted((cluster.kubeconfig.parent / "logs").rglob("*.log"))
    lines = [line for log in logs for line in log.read_text().splitlines()]

    assert len(logs) == 4  # the operator's, and one for each module
    assert "Plan of module" in str(lines)
    assert [line for line in lines if re.search(r'"level": "(warn|err|crit)| (WARNING|ERROR|CRITICAL) ', line)] == []


def test_a_message_goes_through_two_modules_and_is_seen_here(cluster: Cluster, flow: tf.Flow):
    live = cluster.flow("walk")
    port = live["whose:out"]

    live.send("halve:in", 42, timeout=5)

    message = port.next(timeout=10)
    assert message.payload["x"] == 21.0
    assert message.payload["pid"] != os.getpid()
    assert message.trace == live["halve:in"].last.id
    live.wait(timeout=10)
    counts = live.counts()
    assert counts["whose"].handled == counts["halve"].handled
    assert live["ticker:out"].count > 0


def test_each_module_is_a_process_of_its_own(cluster: Cluster, flow: tf.Flow):
    commands = [" ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)]

    for module in ("tinyflow", "walk-maths", "walk-words"):
        assert sum(f" module {module} --source" in command for command in commands) == 1, commands


def test_a_dead_letter_can_be_looked_at_and_sent_again(cluster: Cluster, flow: tf.Flow):
    live = cluster.flow("walk")

    live.send("halve:in", 0, timeout=5)
    live.wait(timeout=10)

    (letter,) = live.dead_letters
    assert (letter.node, letter.message.payload) == ("invert", 0.0)
    assert "ZeroDivisionError" in letter.reason
    assert "test_pocket.py" in letter.reason
    assert live.dead_letters.replay() == 1
    live.wait(timeout=10)
    assert live.dead_letters.discard() == 1


def test_pushing_an_unchanged_flow_writes_nothing(cluster: Cluster, flow: tf.Flow):
    before = pushed(cluster)

    began = time.monotonic()
    cluster.push(flow)

    assert time.monotonic() - began < 2
    assert not cluster.plan(flow)
    assert pushed(cluster) == before


def pushed(cluster: Cluster) -> list[Any]:
    """What pushes have written: who owns which field since when, and of which generation it is."""
    return [
        (one["metadata"]["uid"], one["metadata"].get("generation"), entry)
        for kind in ("ConfigMap", "TinyModule", "TinyFlow", "TinyNode")
        for one in cluster._api.objects(kind)
        for entry in one["metadata"]["managedFields"]
        if entry["manager"] == "tinyflow-push"
    ]


def test_a_plan_tells_what_a_push_then_does(cluster: Cluster, flow: tf.Flow):
    other = tf.Flow("other")
    other.node("a", halve)
    other.node("b", halve)
    cluster.push(other)
    again = tf.Flow("other")
    again.node("a", halve)
    again.node("c", Ticker, every=60)

    plan = cluster.plan(again)
    live = cluster.push(again)

    assert [change.name for change in plan.created] == ["c"]
    assert [change.name for change in plan.deleted] == ["b"]
    assert list(live.nodes) == ["a", "c"]
    assert sorted(cluster.flows) == ["other", "walk"]
    cluster.delete("other")
    assert cluster.flows == ["walk"]
    with pytest.raises(tf.errors.NodeError, match=r"TF-107 There is no flow 'other' on pocket[\s\S]*Flows: walk"):
        cluster.flow("other")


def test_the_nodes_of_a_flow_go_with_it_whoever_deletes_it(cluster: Cluster, flow: tf.Flow):
    gone = tf.Flow("gone")
    gone.node("a", alone)
    cluster.push(gone)

    cluster._api.delete("TinyFlow", "gone")  # as kubectl does
    left = cluster._api.objects("TinyNode", label=f"{FLOW_LABEL}=gone")

    assert left == []
    with pytest.raises(
        tf.errors.NodeError,
        match=r"TF-107[\s\S]*Pushed modules without nodes, which are deleted likewise: walk-alone\.",
    ):
        cluster.delete("gone")
    cluster.delete("walk-alone")
    assert cluster._api.get("TinyModule", "walk-alone") is None


def test_what_is_left_of_a_flow_of_an_earlier_release_is_found_and_taken_away(cluster: Cluster, flow: tf.Flow):
    early = tf.Flow("early")
    early.node("a", alone)
    cluster.push(early)
    node = cluster._api.get("TinyNode", "early.a")
    assert node is not None
    node["metadata"].pop("ownerReferences", None)  # those were pushed without
    cluster._api.replace(node)
    cluster._api.delete("TinyFlow", "early")

    with pytest.raises(tf.errors.NodeError, match=r'TF-107[\s\S]*Nodes of it run on.*cluster\.delete\("early"\)'):
        cluster.flow("early")
    cluster.delete("early")

    assert cluster._api.get("TinyNode", "early.a") is None
    assert cluster._api.get("TinyModule", "walk-alone") is None


def test_a_flow_that_cannot_start_says_why_and_the_rest_goes_on(cluster: Cluster, flow: tf.Flow):
    bad = tf.Flow("bad")
    bad.node("stumble", Stumble)

    with pytest.raises(
        tf.errors.ClusterError, match=r"TF-164 Flow 'bad' does not become ready.*no such luck"
    ) as failed:
        cluster.push(bad)

    assert 'It stays there as it is. Mend it and push again or take it away, cluster.delete("bad").' in str(
        failed.value
    )
    assert "node stumble" in failed.value.what
    assert "bad" in cluster.flows
    cluster.delete("bad")
    live = cluster.flow("walk")
    port = live["whose:out"]
    live.send("halve:in", 8, timeout=5)
    assert port.next(timeout=10).payload["x"] == 4.0


@maths.component
class Stumble(tf.Component):
    def ports(self) -> list[tf.Port]:
        return [tf.Port("in", "in", int)]

    async def start(self, output: tf.Handler) -> None:
        raise RuntimeError("no such luck")

    async def handle(self, output: tf.Handler, port: str, payload: Any) -> None: ...


def test_it_is_drawn_with_what_happens_in_the_modules(cluster: Cluster, flow: tf.Flow):
    live = cluster.flow("walk")

    drawing = live._repr_mimebundle_()["image/svg+xml"]

    assert "4 nodes, 3 edges, running" in drawing
    assert "Half of it." in drawing


def test_a_projects_flows_are_pushed_and_found(cluster: Cluster, flow: tf.Flow):
    project = Project("demo", cluster)
    other = tf.Flow("inside")
    other.node("a", halve)
    project.add(other)
    assert [each.name for each in project] == ["inside"]

    project.push()
    (pushed,) = project.push(other)
    pushed.wait_ready(timeout=10)

    assert cluster.projects == ["demo"]
    project["inside"].send("a:in", 4, timeout=5)
    assert project["inside"]["a:out"].last.payload == 2.0
    cluster.push(other)  # a push that knows of no project leaves it there
    assert [each.name for each in Project("demo", cluster)] == ["inside"]
    with pytest.raises(tf.errors.NodeError, match=r"TF-107 Project 'demo' has no flow 'insid'"):
        project["insid"]
    cluster.delete("inside")
    assert repr(pushed) == "Flow 'inside' is no longer on pocket: it was deleted."
    with pytest.raises(tf.errors.ClusterError, match=r"TF-164 .*\n.*there is no flow 'inside'"):
        pushed.wait_ready(timeout=0)
    with pytest.raises(tf.errors.DefinitionError, match=r"TF-119 A int is no flow that can be pushed"):
        project.push(30)  # type: ignore[arg-type]  # as somebody may write it


def test_what_the_modules_wrote_can_be_read(cluster: Cluster, flow: tf.Flow):
    assert cluster.logs("walk", "halve")
    assert "== walk-words" in cluster.logs("walk")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A kernel's shell in a folder of its own, where the module "notebook" holds what its cells define."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(DEFAULT, "components", {})
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"hist_file": ":memory:"}}))
    tf.load_ipython_extension(shell)
    run(shell, "import tinyflow_jupyter as tf")
    yield shell
    InteractiveShell.clear_instance()


def run(shell: Any, cell: str) -> None:
    shell.run_cell(cell, store_history=True).raise_error()


SCALE = "@tf.component\ndef scale(x: int) -> int:\n    return {factor} * x"


def test_running_the_cell_of_a_pushed_component_again_swaps_it_within_a_second_and_loses_nothing(
    cluster: Cluster, flow: tf.Flow, shell: Any, capsys: pytest.CaptureFixture[str]
):
    shell.user_ns["cluster"] = cluster
    run(shell, SCALE.format(factor=1))
    run(shell, "flow = tf.Flow('hot')\nflow.node('a', scale)")
    run(shell, "live = %push flow cluster")
    live = shell.user_ns["live"]
    port = live["a:out"]

    sent, took = 0, []
    for factor in (10, 100):
        for _ in range(50):
            live.send("a:in", 1, timeout=5)
            sent += 1
        began = time.monotonic()
        run(shell, SCALE.format(factor=factor))
        took.append(time.monotonic() - began)
    for _ in range(50):
        live.send("a:in", 1, timeout=5)
        sent += 1
    live.wait(timeout=10)

    assert [port.next(timeout=5).payload for _ in range(sent)] == [1] * 50 + [10] * 50 + [100] * 50
    assert "runs the new code" in capsys.readouterr().out
    assert max(took) < 1, took
    cluster.delete("hot")


def test_a_module_that_no_node_is_in_any_more_goes_with_the_push_that_moved_it(
    cluster: Cluster, shell: Any, monkeypatch: pytest.MonkeyPatch
):
    shell.user_ns["cluster"] = cluster
    run(shell, "@tf.component\ndef stays(x: int) -> int:\n    return x")
    run(shell, "old = tf.Module('walk-old')\n@old.component\ndef moves(x: int) -> int:\n    return x")
    run(shell, "flow = tf.Flow('moved')\nflow.node('a', stays)\nflow.node('b', moves)\nflow.edge('a:out', 'b:in')")
    run(shell, "live = %push flow cluster")
    before = cluster._api.get("TinyModule", "walk-old")

    run(shell, "flow.remove('b')\nflow.node('b', stays)\nflow.edge('a:out', 'b:in')")
    planned, live = repr(cluster.plan(shell.user_ns["flow"])), shell.user_ns["live"]
    deletes, delete = [], cluster._api.delete
    monkeypatch.setattr(
        cluster._api,
        "delete",
        lambda *what: (deletes.append((*what, repr(live.nodes["b"]))), delete(*what)),
    )
    run(shell, "live = %push flow cluster")

    cluster.wait_ready("moved", timeout=30)
    shell.user_ns["live"].send("a:in", 7, timeout=5)
    shell.user_ns["live"].wait(timeout=10)

    assert before is not None
    assert "- TinyModule walk-old         no node is in it any more" in planned
    assert cluster._api.get("TinyModule", "walk-old") is None
    assert deletes == [("TinyModule", "walk-old", 'Node("b", stays)')], "it goes when b runs elsewhere"
    assert shell.user_ns["live"]["b:out"].last.payload == 7
    cluster.delete("moved")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def factor():\n    return 2", "def factor():\n    return 10"),
        ("LIMIT = 2\ndef factor():\n    return LIMIT", "LIMIT = 10"),
    ],
)
def test_a_function_or_constant_that_a_pushed_component_uses_takes_effect_when_its_cell_is_run_again(
    cluster: Cluster, shell: Any, capsys: pytest.CaptureFixture[str], before: str, after: str
):
    shell.user_ns["cluster"] = cluster
    run(shell, before)
    run(shell, "@tf.component\ndef scale(x: int) -> int:\n    return factor() * x")
    run(shell, "flow = tf.Flow('uses')\nflow.node('a', scale)")
    run(shell, "live = %push flow cluster")

    run(shell, after)
    run(shell, "unrelated = 1")
    shell.user_ns["live"].send("a:in", 1, timeout=5)
    shell.user_ns["live"].wait(timeout=10)

    assert shell.user_ns["live"]["a:out"].last.payload == 10
    assert capsys.readouterr().out.count("runs the new code") == 1
    cluster.delete("uses")


def test_what_a_pushed_component_prints_and_raises_is_seen_in_the_notebook(
    cluster: Cluster, shell: Any, capsys: pytest.CaptureFixture[str]
):
    shell.user_ns["cluster"] = cluster
    cell = "@tf.component\ndef loud(x: int) -> float:\n    print('got', x, flush=True)\n    return 1 / x"
    run(shell, cell)
    run(shell, "flow = tf.Flow('loud')\nflow.node('a', loud)")
    run(shell, "live = %push flow cluster")
    capsys.readouterr()

    run(shell, "live.send('a:in', 0)\nlive.wait(timeout=10)")
    seen, deadline = "", time.monotonic() + 10
    while "ZeroDivisionError" not in seen and time.monotonic() < deadline:
        run(shell, "pass")
        seen += capsys.readouterr().out
    run(shell, "pass")

    assert "notebook | got 0" in seen
    assert "notebook | TF-139 a raised ZeroDivisionError" in seen
    assert capsys.readouterr().out == "", "once is enough"
    cluster.delete("loud")


def test_the_source_that_ran_before_comes_back(cluster: Cluster, flow: tf.Flow, shell: Any):
    shell.user_ns["cluster"] = cluster
    run(shell, SCALE.format(factor=2))
    run(shell, "flow = tf.Flow('back')\nflow.node('a', scale)")
    run(shell, "live = %push flow cluster")
    newer = f"{SCALE.format(factor=3)}  # <b>"
    run(shell, newer)
    live = shell.user_ns["live"]
    live.send("a:in", 1, timeout=5)

    cluster.rollback("back")
    plan = cluster.plan(shell.user_ns["flow"])
    live.send("a:in", 1, timeout=5)

    assert [message.payload for message in live["a:out"].history(2)] == [3, 2]
    assert plan.texts["notebook"].splitlines()[-2:] == ["-    return 2 * x", "+    return 3 * x  # <b>"]
    assert repr(plan).splitlines()[1].endswith(" (1 line changed)")
    assert "# &lt;b&gt;" in plan._repr_mimebundle_()["text/html"]
    run(shell, newer)  # the same cell again brings its code back
    live.send("a:in", 1, timeout=5)
    assert live["a:out"].last.payload == 3
    cluster.delete("back")


def test_kubectl_finds_the_cluster_by_its_kubeconfig(cluster: Cluster):
    assert cluster.kubeconfig is not None
    assert Path(cluster.kubeconfig).stat().st_mode & 0o077 == 0
