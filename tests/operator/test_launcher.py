"""The launcher runs Deployments as processes: kept running, replaced without a gap, and all ended at its end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import sys

import psutil
import pytest
from kubernetes import client as official
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import CONFIGMAPS, DEPLOYMENTS, PODS
from tinyflow_operator.kube import Kube
from tinyflow_operator.launcher import launch, process
from tinyflow_operator.launcher.template import Program, but_for_its_source, fingerprint, folders, program
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store

SERVES = """
import os, sys
print("starting", file=sys.stderr)
print("listening at", sys.argv[sys.argv.index("--listen") + 1], flush=True)
sys.stdin.read()
"""
FAILS = "import sys; sys.exit('ModuleNotFoundError: no numpy here')"


def deployment(namespace, text, *, name="maths", replicas=1):
    labels = {"tinyflow.dev/module": name}
    container = {"name": "module", "image": "none", "command": ["python", "-c", text, "--listen", "0.0.0.0:7443"]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "tinyflow"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


def mounting(namespace, text):
    one = deployment(namespace, text)
    spec = one["spec"]["template"]["spec"]
    spec["volumes"] = [{"name": "source", "configMap": {"name": "text"}}]
    spec["containers"][0]["volumeMounts"] = [{"name": "source", "mountPath": "/tinyflow/source"}]
    return one


@pytest.fixture
async def kube():
    """The pocket's API: one whose own controllers leave Deployments alone."""
    async with serve(Store(definitions())) as url, Kube(official.Configuration(host=url)) as kube:
        yield kube


@contextlib.asynccontextmanager
async def launching(kube, namespace, home):
    working = asyncio.create_task(launch(kube, home, namespace=namespace))
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait([working])


async def pods(kube, namespace, wanted):
    """The pods, once they are as wanted."""
    async with asyncio.timeout(30):
        while True:
            items, version = await kube.list(PODS, namespace)
            if wanted(items):
                return items
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    async for _ in kube.watch(PODS, namespace, version):
                        break


def launched():
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it ends just now
            found += [child] if "--leash" in child.cmdline() else []
    return found


def ready(items):
    return [pod for pod in items if "tinyflow.dev/address" in pod["metadata"].get("annotations", {})]


def names(items):
    return [pod["metadata"]["name"] for pod in items]


def restarts(items):
    told = [pod["status"] for pod in items if "containerStatuses" in pod["status"]]
    return [status["containerStatuses"][0]["restartCount"] for status in told]


async def test_a_deployment_becomes_a_process_that_says_where_it_listens(kube, namespace, tmp_path):
    async with launching(kube, namespace, tmp_path):
        await kube.apply(DEPLOYMENTS, deployment(namespace, SERVES), "test")
        (pod,) = await pods(kube, namespace, ready)
        children = launched()

    assert pod["metadata"]["annotations"]["tinyflow.dev/address"].startswith(f"unix:{tmp_path}")
    assert pod["metadata"]["labels"]["tinyflow.dev/module"] == "maths"
    assert len(children) == 1
    assert launched() == []


async def test_a_process_that_is_killed_runs_again_and_the_pod_says_how_it_ended(kube, namespace, tmp_path):
    async with launching(kube, namespace, tmp_path):
        await kube.apply(DEPLOYMENTS, deployment(namespace, SERVES), "test")
        await pods(kube, namespace, ready)
        os.kill(launched()[0].pid, signal.SIGKILL)
        (pod,) = await pods(kube, namespace, lambda items: ready(items) and restarts(items) == [1])

    last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]
    assert (last["exitCode"], last["signal"]) == (137, 9)


async def test_a_process_that_served_for_a_while_starts_again_at_once_however_often(
    kube, namespace, tmp_path, monkeypatch
):
    monkeypatch.setattr(process, "SERVED", 0.0)
    monkeypatch.setattr(process, "FIRST_DELAY", 1_000.0)
    async with launching(kube, namespace, tmp_path):
        await kube.apply(DEPLOYMENTS, deployment(namespace, SERVES), "test")
        await pods(kube, namespace, ready)
        for times in (1, 2, 3):
            os.kill(launched()[0].pid, signal.SIGKILL)
            (pod,) = await pods(kube, namespace, lambda items, times=times: ready(items) and restarts(items) == [times])

    assert pod["status"]["containerStatuses"][0]["ready"]


@pytest.mark.parametrize("text", [SERVES.replace("sys.stdin.read()", "sys.exit(1)"), FAILS])
async def test_a_process_that_did_not_serve_for_a_while_starts_again_later_and_later(tmp_path, monkeypatch, text):
    waited = []

    async def note(seconds):
        waited.append(seconds)

    async def prepare():
        if len(waited) == 5:
            raise asyncio.CancelledError
        return Program((sys.executable, "-c", text, "--listen", "x"), {})

    monkeypatch.setattr(process.asyncio, "sleep", note)
    monkeypatch.setattr(process, "SERVED", 1_000.0)

    with pytest.raises(asyncio.CancelledError):
        await process.KeptProcess(prepare, tmp_path / "log", lambda: None).run()

    assert waited == [0, 0.1, 0.2, 0.4, 0.8]


async def test_what_starts_again_needs_nothing_of_the_api(kube, namespace, tmp_path):
    one = mounting(namespace, SERVES)
    async with launching(kube, namespace, tmp_path):
        await kube.apply(
            CONFIGMAPS, {"metadata": {"name": "text", "namespace": namespace}, "data": {"where": "x"}}, "test"
        )
        await kube.apply(DEPLOYMENTS, one, "test")
        await pods(kube, namespace, ready)
        await kube.delete(CONFIGMAPS, namespace, "text")
        os.kill(launched()[0].pid, signal.SIGKILL)
        (pod,) = await pods(kube, namespace, lambda items: ready(items) and restarts(items) == [1])

    assert pod["status"]["containerStatuses"][0]["ready"]


async def test_a_revision_that_does_not_start_leaves_the_old_process_serving(kube, namespace, tmp_path):
    async with launching(kube, namespace, tmp_path):
        await kube.apply(DEPLOYMENTS, deployment(namespace, SERVES), "test")
        (old,) = await pods(kube, namespace, ready)
        await kube.apply(DEPLOYMENTS, deployment(namespace, FAILS), "test")
        items = await pods(kube, namespace, lambda items: any(count > 1 for count in restarts(items)))
        (broken,) = [pod for pod in items if pod["metadata"]["name"] != old["metadata"]["name"]]
        await kube.apply(DEPLOYMENTS, deployment(namespace, SERVES + "\n# mended"), "test")
        (new,) = await pods(
            kube, namespace, lambda items: len(items) == 1 and ready(items) and names(items) != names([old])
        )

    assert names(ready(items)) == names([old])
    assert "no numpy here" in broken["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"]
    assert names([new]) != names([broken])


async def test_a_deployment_that_is_deleted_takes_its_processes_along(kube, namespace, tmp_path):
    async with launching(kube, namespace, tmp_path):
        await kube.apply(DEPLOYMENTS, deployment(namespace, SERVES, replicas=2), "test")
        await pods(kube, namespace, lambda items: len(ready(items)) == 2)
        await kube.delete(DEPLOYMENTS, namespace, "maths")
        left = await pods(kube, namespace, lambda items: not items)
        async with asyncio.timeout(10):
            while launched():  # noqa: ASYNC110  # a process tells nobody that it is gone
                await asyncio.sleep(0.01)

    assert left == []


async def test_a_mounted_config_map_is_a_folder_of_files(kube, namespace, tmp_path):
    one = mounting(namespace, "import sys; print('listening at', open(sys.argv[1]).read(), flush=True); input()")
    container = one["spec"]["template"]["spec"]["containers"][0]
    container["args"] = ["/tinyflow/source/where"]
    container["command"] = container["command"][:3]
    where = {"where": base64.b64encode(b"the end of the world").decode()}

    async with launching(kube, namespace, tmp_path):
        await kube.apply(DEPLOYMENTS, one, "test")
        await kube.apply(
            CONFIGMAPS, {"metadata": {"name": "text", "namespace": namespace}, "binaryData": where}, "test"
        )
        (pod,) = await pods(kube, namespace, ready)

    assert pod["metadata"]["annotations"]["tinyflow.dev/address"] == "the end of the world"


def test_python_is_this_interpreter_and_a_mount_is_its_folder(tmp_path):
    container = {
        "command": ["python", "-m", "x", "/tinyflow/source/source.zip", "--listen", "0.0.0.0:1"],
        "volumeMounts": [{"name": "source", "mountPath": "/tinyflow/source"}],
        "env": [{"name": "HERE", "value": "/tinyflow/source"}],
    }

    started = program(container, {"source": tmp_path}, address="unix:/s")

    source = f"{tmp_path}/source.zip"
    assert started.arguments == (sys.executable, "-m", "x", source, "--listen", "unix:/s", "--leash")
    assert started.environment == {"HERE": str(tmp_path)}


def test_pods_share_the_dependencies_of_one_lock(tmp_path):
    template = {
        "metadata": {"annotations": {"tinyflow.dev/requirements-sha256": "abc"}},
        "spec": {"volumes": [{"name": "dependencies", "emptyDir": {}}, {"name": "state", "emptyDir": {}}]},
    }

    where = folders(template, tmp_path / "pod", tmp_path / "shared")

    assert where == {"dependencies": tmp_path / "shared" / "abc", "state": tmp_path / "pod" / "state"}


@pytest.mark.parametrize(("change", "same"), [("source", True), ("image", False)])
def test_a_template_that_differs_only_in_its_source_needs_no_new_process(change, same):
    def template(source="a", image="one"):
        return {
            "metadata": {
                "labels": {"tinyflow.dev/sha256": source},
                "annotations": {"tinyflow.dev/source-sha256": source},
            },
            "spec": {
                "volumes": [{"name": "source", "configMap": {"name": f"tm-{source}"}}],
                "containers": [{"name": "module", "image": image, "command": ["python", "--sha256", source, "x"]}],
            },
        }

    old, new = template(), template(**{change: "b"})

    assert (but_for_its_source(old) == but_for_its_source(new)) is same
    assert fingerprint(old) != fingerprint(new)
