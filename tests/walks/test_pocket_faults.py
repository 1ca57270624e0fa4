"""A pocket cluster survives what dies in it, and leaves nothing behind when its notebook dies."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import psutil
import pytest

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster import Cluster
from tinyflow_jupyter._cluster.pocket import runs, state_folder

pytestmark = pytest.mark.timeout(120)

numbers = tf.Module("fault-numbers")

SCRIPT = """
import sys, time
import tinyflow_jupyter as tf

@tf.component
def double(x: int) -> int:
    return 2 * x

if __name__ == "__main__":
    cluster = tf.Cluster.local({name})
    flow = tf.Flow("numbers")
    flow.node("double", double)
    live = cluster.push(flow)
    live.send("double:in", 21, timeout=10)
    live.wait(timeout=10)
    assert "kubernetes" not in sys.modules, "nobody here needs it, and it takes seconds to be imported"
    print("last", live["double:out"].last.payload, flush=True)
    {then}
"""


@numbers.component
def count(x: int) -> int:
    return x + 1


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster.local() as cluster:
        yield cluster


@pytest.fixture
def live(cluster: Cluster):
    flow = tf.Flow("faults")
    flow.node("a", count)
    flow.node("b", count)
    flow.edge("a:out", "b:in")
    return cluster.push(flow)


def processes(containing: str, under: int | None = None) -> list[psutil.Process]:
    found = []
    for process in psutil.Process(under).children(recursive=True):
        try:
            if containing in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:  # it ended meanwhile
            continue
    return found


def wait(until: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def test_a_module_that_is_killed_comes_back_and_the_flow_goes_on(cluster: Cluster, live):
    (module,) = processes(" module fault-numbers ")
    live.send("a:in", 1, timeout=5)
    live.wait(timeout=10)

    module.kill()
    began = time.monotonic()
    live.send("a:in", 2, timeout=20)
    took = time.monotonic() - began
    cluster.wait_ready("faults", timeout=30)
    live.wait(timeout=10)

    assert live["b:out"].last.payload == 4
    assert processes(" module fault-numbers ") != [module]
    assert took < 10


@numbers.component
def fragile(x: int) -> int:
    print("about to fall")
    os._exit(3)


def test_a_module_that_keeps_dying_makes_its_flow_not_ready_and_says_how_it_ended(cluster: Cluster):
    flow = tf.Flow("fragile")
    flow.node("a", count)
    flow.node("b", fragile)
    flow.edge("a:out", "b:in")
    live = cluster.push(flow)

    def falls() -> int:
        with contextlib.suppress(tf.errors.TinyFlowError):  # nobody is there to take it, for a moment
            live.send("a:in", 1, timeout=1)
        (pod,) = cluster._api.objects("Pod")
        return pod["status"]["containerStatuses"][0]["restartCount"]

    wait(lambda: falls() >= 3, seconds=60)
    wait(lambda: "keeps ending" in repr(live))

    assert "not ready, module fault-numbers: Its process keeps ending" in repr(live)
    assert "with exit code 3" in str(live._document["status"])


def test_an_operator_that_is_killed_comes_back_and_goes_on(cluster: Cluster, live):
    (operator,) = processes("tinyflow_operator --leash")

    operator.kill()
    live.send("a:in", 1, timeout=5)
    other = tf.Flow("other")
    other.node("a", count)
    cluster.push(other, timeout=60)

    assert live["b:out"].last.payload == 3
    assert sorted(cluster.flows) == ["faults", "other"]


def test_closing_ends_every_process_and_leaves_no_file():
    with Cluster.local() as cluster:
        folder = cluster.kubeconfig.parent
        assert processes(str(folder))

    assert processes(str(folder)) == []
    assert not folder.exists()


def script(tmp_path: Path, then: str, name: str = "") -> subprocess.Popen[str]:
    path = tmp_path / "it.py"
    path.write_text(SCRIPT.format(name=name, then=then))
    return subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def said(process: subprocess.Popen[str]) -> str:
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("last"):
            return line.strip()
    raise AssertionError("".join(lines))


def test_nothing_is_left_when_the_kernel_is_killed(tmp_path: Path):
    process = script(tmp_path, "time.sleep(600)")
    assert said(process) == "last 42"
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 3

    process.kill()
    process.wait()
    process.stdout.close()

    _, left = psutil.wait_procs(family, timeout=30)
    assert left == []


def test_a_script_that_just_ends_ends_its_cluster(tmp_path: Path):
    process = script(
        tmp_path, "family = __import__('psutil').Process().children(recursive=True); print([p.pid for p in family])"
    )
    assert said(process) == "last 42"

    pids = [int(pid) for pid in process.stdout.read().strip().strip("[]").split(",")]
    process.stdout.close()

    assert process.wait() == 0
    wait(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def test_interrupting_a_wait_leaves_the_cluster_alone(cluster: Cluster, live, interrupts):
    port = live["b:out"]
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 0.3)

    with pytest.raises(KeyboardInterrupt):
        port.next(timeout=20)

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    live.send("a:in", 1, timeout=5)
    assert port.next(timeout=5).payload == 3


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TINYFLOW_STATE", str(tmp_path / "state"))
    yield tmp_path
    for folder in (tmp_path / "state").glob("*"):
        if runs(folder):
            Cluster.local(folder.name).end()


def test_a_detached_cluster_outlives_its_kernel_and_is_found_again(state: Path):
    process = script(state, "", name='"mine", detach=True')
    assert said(process) == "last 42"
    process.stdout.close()
    assert process.wait() == 0

    again = Cluster.local("mine")
    assert again.flow("numbers")["double:out"].last.payload == 42
    again.close()
    assert runs(state_folder() / "mine")
    Cluster.local("mine").end()
    assert not runs(state_folder() / "mine")


def test_two_objects_of_one_name_are_one_cluster(state: Path):
    with Cluster.local("ours") as one, Cluster.local("ours") as other:
        assert one.same(other)
        assert one.kubeconfig == other.kubeconfig
        with pytest.raises(tf.errors.ClusterError, match=r"TF-160 .*ends with the notebook that started it"):
            Cluster.local("ours", detach=True)
    assert not runs(state_folder() / "ours")


def test_a_notebook_is_pushed_without_a_kernel(state: Path, capfd: pytest.CaptureFixture[str]):
    cells = [
        "import tinyflow_jupyter as tf",
        "@tf.component\ndef triple(x: int) -> int:\n    return 3 * x",
        "flow = tf.Flow('threes')\nflow.node('a', triple)",
        "flow.start()\nflow.send('a:in', 1)\nraise SystemExit",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(notebook, state / "threes.ipynb")
    command = "import sys; from tinyflow_jupyter._cluster.command import main; main(sys.argv[1:])"
    push = [sys.executable, "-c", command, str(state / "threes.ipynb"), "--local", "pushed"]

    planned = subprocess.run([*push, "--plan"], capture_output=True, text=True, check=True)
    left = runs(state_folder() / "pushed")
    pushed = subprocess.run([*push, "threes"], capture_output=True, text=True, check=True)

    assert "TinyModule notebook" in planned.stdout
    assert "1 node ready on pushed" in pushed.stdout
    with Cluster.local("pushed") as cluster:
        live = cluster.flow("threes")
        live.send("a:in", 4, timeout=5)
        assert live["a:out"].last.payload == 12
    end = [*push[:3], "--end", "pushed"]
    ended = subprocess.run(end, capture_output=True, text=True, check=True)
    again = subprocess.run(end, capture_output=True, text=True)

    assert not left, "a plan leaves no cluster running"
    assert "tinyflow push --end pushed ends it" in pushed.stderr
    assert "has ended" in ended.stdout
    assert "TF-160 No pocket cluster 'pushed' runs" in again.stderr
    assert not runs(state_folder() / "pushed")


def test_a_cluster_that_is_gone_is_told_from_one_that_is_slow(cluster: Cluster, live):
    pocket = psutil.Process(cluster._pocket._process.pid)
    family = [pocket, *pocket.children(recursive=True)]

    pocket.kill()

    with pytest.raises(tf.errors.ClusterError, match=r"TF-162 The cluster 'pocket' at .* cannot be reached"):
        cluster.flow("faults")
    _, left = psutil.wait_procs(family, timeout=30)
    assert left == []


def test_a_folder_in_which_nothing_can_start_says_what_went_wrong(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(tf.errors.ClusterError, match=r"TF-160 The pocket cluster ended with 1"):
        Cluster.local()
