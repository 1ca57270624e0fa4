"""One walk over the third rung: installed, pushed to, asked, looked at, changed, killed, taken away. In this order."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from real_cluster import EXPORTED, IMAGES, OPERATOR, READY, ROOT, SYSTEM, Cluster, image, take_away

from tinyflow_jupyter._demo import free_port, rewrite

if not any(name in os.environ for name in IMAGES):  # `make test` goes on: this is a command of its own
    pytest.skip("images for a cluster that runs pods: all of `make test-node`", allow_module_level=True)

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.census(keeps="what playwright and the kernel's client leave until their processes end"),
    pytest.mark.filterwarnings("default"),  # theirs
]

NOBODY = 65532
# The demo as it stands, but for where it runs.
ON_A_CLUSTER = {
    "flow.start()": "cluster = tf.Cluster()\nflow = cluster.push(flow, timeout=120)",
    "flow.wait(timeout=10)": "flow.wait(timeout=10)\nforward()",
    "    flow.stop()": "    cluster.close()\n    forwarding.terminate()",
    "import charts": "import subprocess\n\nimport charts",
    "PORT = int(": '''
def forward():
    """What the flow answers in its pod is answered here."""
    global forwarding
    command = [*os.environ["TEST_KUBECTL"].split(), "port-forward", "deployment/tm-tinyflow", f"{PORT}:{PORT}"]
    forwarding = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert "->" in forwarding.stdout.readline()


PORT = int(''',
}
NUMBERS = [
    """import asyncio
from collections.abc import AsyncIterator
import tinyflow_jupyter as tf

clock, maths = tf.Module("clock"), tf.Module("maths")

@clock.component
async def ticks(*, every: float = 0.2) -> AsyncIterator[int]:
    n = 1
    while True:
        yield n
        n += 1
        await asyncio.sleep(every)""",
    """@maths.component
def times(x: int) -> list[int]:
    return [x, 2 * x]""",
    """flow = tf.Flow("numbers")
flow.node("ticks", ticks)
flow.node("times", times)
flow.edge("ticks:out", "times:in")
cluster = tf.Cluster()
live = cluster.push(flow, timeout=120)""",
    "live",
    "cluster.rollback('numbers', timeout=120)",
]
ROOTS = """
apiVersion: tinyflow.dev/v1alpha1
kind: TinyFlow
metadata: {{name: roots}}
spec: {{}}
---
apiVersion: tinyflow.dev/v1alpha1
kind: TinyNode
metadata: {{name: roots.root, labels: {{tinyflow.dev/flow: roots}}}}
spec: {{module: "{image}", component: root}}
"""
VALUE = "() => document.querySelector('.tf-view').tfView.picture.values.ports['times:out']?.[1] ?? 0"


def ready_pods(cluster: Cluster, namespace: str, selector: str) -> list[Any]:
    pods = cluster.pods(namespace, selector)
    ready = [one["type"] for pod in pods for one in pod["status"].get("conditions", ()) if one["status"] == "True"]
    return pods if pods and ready.count("Ready") == len(pods) else []


def module(name: str) -> str:
    return f"tinyflow.dev/module={name}"


def test_helm_installs_an_operator_and_a_gateway_of_two_pods_each(installed: Cluster, helm: Any) -> None:
    for name in ("tinyflow-operator", "tinyflow-gateway"):
        pods = installed.until(
            lambda name=name: ready_pods(installed, SYSTEM, f"app.kubernetes.io/name={name}"), f"{name} is ready"
        )
        assert len(pods) == 2
        assert all(pod["spec"]["containers"][0]["image"] == os.environ[OPERATOR] for pod in pods)
        assert uid(installed, SYSTEM, pods[0]) == NOBODY
    (lease,) = installed.get("leases", f"--namespace={SYSTEM}")["items"]
    assert lease["spec"]["holderIdentity"]
    helm.test("tinyflow", timeout=READY)


def uid(cluster: Cluster, namespace: str, pod: Any) -> int:
    """Who a pod's process is."""
    return int(cluster("exec", f"--namespace={namespace}", pod["metadata"]["name"], "--", "id", "-u"))


async def test_the_demo_runs_on_the_cluster_and_answers_over_http(installed: Cluster, monkeypatch: Any) -> None:
    port = free_port()
    monkeypatch.setenv("TINYFLOW_DEMO_PORT", str(port))
    monkeypatch.setenv("TINYFLOW_DEMO_SECONDS", "5")
    demo = nbformat.read(ROOT / "notebooks" / "01_this_computer.ipynb", as_version=4)
    rewrite(demo, ON_A_CLUSTER)
    client = NotebookClient(demo, timeout=200, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    running = asyncio.create_task(client.async_execute())

    pictures = [await asyncio.to_thread(ask, f"http://127.0.0.1:{port}/", running) for _ in range(50)]
    await running

    said = "".join(output.text for cell in demo.cells for output in cell.get("outputs", []) if "text" in output)
    answered, handled, _, dead = (int(part.split()[0]) for part in said.splitlines()[-1].split(", "))
    assert all(0 <= picture["memory"] <= 100 and "alerts" in picture for picture in pictures)
    assert answered >= 50 + 2  # ours, and those of its own cells
    assert handled > answered
    assert dead == 0


def ask(url: str, running: asyncio.Task[Any]) -> Any:
    """Ask until the demo has begun to answer, and knows its memory."""
    while True:
        if running.done():
            raise AssertionError("the demo ended before it answered") from running.exception()
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                picture = json.load(answer)
                if "memory" in picture:
                    return picture
        except OSError:
            pass
        time.sleep(0.1)


def test_its_two_modules_run_as_nobody_and_without_a_token(installed: Cluster) -> None:
    for name in ("notebook", "tinyflow"):
        (pod,) = ready_pods(installed, installed.namespace, module(name))
        assert uid(installed, installed.namespace, pod) == NOBODY
        where = "/var/run/secrets/kubernetes.io/serviceaccount"
        look = f"import os; print(os.path.exists({where!r}), os.access('/opt', os.W_OK), os.access('/tmp', os.W_OK))"
        said = installed("exec", pod["metadata"]["name"], "--", "python", "-c", look)
        assert said.split()[:2] == ["False", "False"]


async def test_live_values_are_seen_in_a_browser_and_a_cell_that_is_run_again_is_rolled_out_and_back(
    installed: Cluster, lab: Any, tmp_path: Path
) -> None:
    await lab.open("numbers", NUMBERS)
    for cell in range(4):
        await lab.run(cell)
    await lab.ready()
    await lab.page.wait_for_function(f"({VALUE})() > 5")
    doubled = await lab.python("live['times:out'].next(timeout=10).payload")
    await lab.picture(tmp_path / "live.png")
    (before,) = ready_pods(installed, installed.namespace, module("maths"))

    await lab.write(1, NUMBERS[1].replace("2 * x", "3 * x"))
    for cell in (1, 2):
        await lab.run(cell)
    tripled = await lab.python("live['times:out'].next(timeout=10).payload")
    (after,) = installed.until(lambda: one_pod(installed, "maths"), "the old pod is gone")
    await lab.run(4)
    back = await lab.python("live['times:out'].next(timeout=10).payload")

    assert [doubled[1] / doubled[0], tripled[1] / tripled[0], back[1] / back[0]] == [2, 3, 2]
    assert after["metadata"]["name"] != before["metadata"]["name"]
    document = installed.get("tinymodule", "maths")
    assert [one["outcome"] for one in document["status"]["revisions"]] == ["Serving", "Served"]


def one_pod(cluster: Cluster, name: str) -> list[Any]:
    """The pod of a module, once there is no other."""
    pods = ready_pods(cluster, cluster.namespace, module(name))
    return pods if len(pods) == 1 else []


def test_a_pod_that_is_killed_is_there_again_and_the_flow_goes_on(installed: Cluster) -> None:
    import tinyflow_jupyter as tf

    (pod,) = installed.until(lambda: one_pod(installed, "maths"), "one pod serves")
    with tf.Cluster() as there:
        live = there.flow("numbers")
        live["times:out"].next(timeout=30)
        began = time.monotonic()
        installed("delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force")
        port = live["times:out"]
        payload = port.next(timeout=60).payload

        assert payload[1] == 2 * payload[0]
        (again,) = installed.until(lambda: one_pod(installed, "maths"), "one pod serves again")
        print(f"a killed module answers again after {time.monotonic() - began:.1f} s")
        assert again["metadata"]["uid"] != pod["metadata"]["uid"]
        counts = live.counts()["times"]
        assert counts.accepted == counts.handled + counts.queued + counts.running + counts.failed


def test_when_the_leading_operator_goes_the_other_one_goes_on(installed: Cluster) -> None:
    leader = holder(installed)

    installed("delete", "pod", f"--namespace={SYSTEM}", leader.partition("_")[0], "--grace-period=0", "--force")
    after = installed.until(lambda: holder(installed) != leader and holder(installed), "another operator leads")

    assert after


def holder(cluster: Cluster) -> str:
    return str(cluster.get("lease", "tinyflow-operator", f"--namespace={SYSTEM}")["spec"].get("holderIdentity") or "")


def test_a_module_that_is_an_image_of_its_own_takes_its_place_in_a_flow(installed: Cluster) -> None:
    import helm_python

    import tinyflow_jupyter as tf

    helm = helm_python.Config(kubeconfig_path=installed.kubeconfig, namespace=installed.namespace)
    name = os.environ[EXPORTED]
    installed("delete", "tinyflow,tinynode,tinymodule", "--all")  # the name maths is wanted
    installed.until(lambda: not installed.pods(installed.namespace, module("maths")), "the pushed module is gone")
    helm.install(ROOT / "charts" / "tinyflow-module", "maths", {"image": image(EXPORTED)})

    installed("apply", "--filename=-", said=ROOTS.format(image=name))

    with tf.Cluster() as there:
        there.wait_ready("roots", timeout=READY)
        live = there.flow("roots")
        port = live["root:out"]
        live.send("root:in", 16.0, timeout=30)
        assert port.next(timeout=30).payload == 4.0
    (pod,) = ready_pods(installed, installed.namespace, module("maths"))
    assert pod["spec"]["containers"][0]["image"] == name
    helm.uninstall("maths")
    installed("delete", "tinyflow,tinynode", "--all")


def test_what_is_taken_away_leaves_nothing(installed: Cluster) -> None:
    take_away(installed)

    helms = {f"namespace/{SYSTEM}"}  # made before us, so it stays
    installed.until(lambda: installed.everything() - installed.before <= helms, "nothing left but a namespace")
