"""Thousands of TinyNodes on a real Kubernetes API: ``KUBEBUILDER_ASSETS=… tests/long/many_nodes.py 5000``.

The API server is alone: the launcher plays kubelet, and the modules' processes run beside it. Prints how long it took
until all nodes are Ready, the operator's memory, and how much it writes in a minute at rest; exits with 1 past a limit.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import socket
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import ApiServer
from tinyflow_operator.conditions import is_true
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import CONFIGMAPS, DEFINITIONS, FLOWS, MODULES, NODES
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.launcher import launch
from tinyflow_runtime.manifest import nodes_hash
from tinyflow_runtime.resources.labels import FLOW_LABEL, NODES_SHA256
from tinyflow_runtime.source.archive import Source

FLOW, PER_MODULE = 500, 1_000  # nodes
AT_ONCE = 16  # requests
REST = 60.0  # seconds
READY, MEMORY, WRITES = 60.0, 150.0, 0  # seconds, MiB, requests: what it may take for five thousand

TEXT = """
import tinyflow_jupyter as tf

m = tf.Module("{module}")

@m.component
def plus(x: int, *, more: int = 1, note: str = "") -> int:
    return x + more
"""
NOTE = "x" * 600  # so that a node is as large as people's are, about 1 KB


# The operator finds its cluster as it does in a pod: whoever reads a kubeconfig has a large library for it in memory.
OPERATOR = """
import pathlib, sys
from tinyflow_operator import __main__, access
access.ACCOUNT = pathlib.Path(sys.argv[1])
__main__.main(["--metrics", sys.argv[2], "--health", "127.0.0.1:0"])
"""


def pod(folder: Path) -> str:
    """What a kubelet mounts into a pod."""
    account = folder / "account"
    account.mkdir()
    (account / "token").write_text("token")
    (account / "ca.crt").write_bytes((folder / "pki/apiserver.crt").read_bytes())
    return str(account)


def flow(number: int, size: int, module: str) -> list[dict]:
    """The nodes of one flow: a line."""
    made = []
    for node in range(size):
        edges = [{"id": "e", "port": "out", "to": f"n{node + 1}:in"}] if node + 1 < size else []
        spec = {
            "module": module,
            "component": "plus",
            "ports": [{"name": "settings", "settings": {"note": f"{node} {NOTE}"}}],
        }
        metadata = {"name": f"f{number}.n{node}", "namespace": "default", "labels": {FLOW_LABEL: f"f{number}"}}
        made.append({"metadata": metadata, "spec": {**spec, **({"edges": edges} if edges else {})}})
    return made


async def define(kube: Kube) -> None:
    for definition in definitions(rules=False):
        await kube.apply(DEFINITIONS, definition, "many")
    for kind in (MODULES, NODES, FLOWS):
        while True:
            with contextlib.suppress(Refused):
                await kube.list(kind, "default")
                break
            await asyncio.sleep(0.1)


async def push_module(kube: Kube, name: str) -> None:
    source = Source(name, {f"{name}.py": TEXT.format(module=name)})
    named = {"name": f"tm-{name}-{source.sha256[:12]}", "namespace": "default"}
    content = {"binaryData": {"source.zip": base64.b64encode(source.archive()).decode()}}
    await kube.apply(CONFIGMAPS, {"metadata": named, **content}, "many")
    spec = {"source": {"sha256": source.sha256, "configMapRef": {"name": named["name"]}}}
    await kube.apply(MODULES, {"metadata": {"name": name, "namespace": "default"}, "spec": spec}, "many")


def metrics(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def written(told: dict[str, float]) -> float:
    pattern = re.compile(r'tinyflow_operator_requests_total\{method="(POST|PUT|PATCH|DELETE)"')
    return sum(count for name, count in told.items() if pattern.match(name))


async def main(count: int) -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="many-") as folder, contextlib.ExitStack() as stack:
        server = ApiServer(Path(os.environ["KUBEBUILDER_ASSETS"]), Path(folder))
        stack.callback(server.end)
        await asyncio.to_thread(server.start)
        environment = {name: said for name, said in os.environ.items() if name != "KUBECONFIG"}
        os.environ["KUBECONFIG"] = server.kubeconfig
        async with Kube.of_this_machine() as kube:
            await define(kube)
            launching = asyncio.create_task(launch(kube, Path(folder) / "home"))
            log = stack.enter_context((Path(folder) / "operator.log").open("wb"))
            operator = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", OPERATOR, pod(Path(folder)), f"127.0.0.1:{port}"),
                stderr=log,
                env={**environment, **server.in_pod},
            )
            try:
                return await measure(kube, count, operator.pid, port)
            finally:
                operator.kill()
                await operator.wait()
                launching.cancel()
                await asyncio.gather(launching, return_exceptions=True)


async def measure(kube: Kube, count: int, pid: int, port: int) -> int:
    modules = [f"m{number}" for number in range(-(-count // PER_MODULE))]
    for module in modules:
        await push_module(kube, module)
    while True:
        found, _ = await kube.list(MODULES, "default")
        if len(found) == len(modules) and all(is_true(one) for one in found):
            break
        await asyncio.sleep(0.5)
    began = time.monotonic()
    flows, left = [], count
    while left:
        size = min(FLOW, left)
        flows.append(flow(len(flows), size, modules[(count - left) // PER_MODULE]))
        left -= size
    gate = asyncio.Semaphore(AT_ONCE)

    async def apply(node: dict) -> None:
        async with gate:
            await kube.apply(NODES, node, "many")

    for number, nodes in enumerate(flows):
        annotations = {NODES_SHA256: nodes_hash(nodes)}
        named = {"name": f"f{number}", "namespace": "default", "annotations": annotations}
        await kube.apply(FLOWS, {"metadata": named, "spec": {}}, "many")
    await asyncio.gather(*(apply(node) for nodes in flows for node in nodes))
    pushed = time.monotonic() - began
    while True:
        found, _ = await kube.list(FLOWS, "default")
        if all(is_true(one) for one in found):
            break
        await asyncio.sleep(0.5)
    ready = time.monotonic() - began
    nodes, _ = await kube.list(NODES, "default")
    assert len(nodes) == count
    assert all(is_true(node) for node in nodes)
    before = written(metrics(port))
    while True:
        await asyncio.sleep(5)
        if before == (before := written(metrics(port))):
            break
    memory, cpu, peak = psutil.Process(pid), psutil.Process(pid).cpu_times(), 0.0
    for _ in range(int(REST)):
        await asyncio.sleep(1)
        peak = max(peak, memory.memory_info().rss / 1024**2)
    after = metrics(port)
    wrote, highest = written(after) - before, high_water(pid)
    used = psutil.Process(pid).cpu_times()
    print(
        f"{count:,} nodes in {len(flows)} flows and {len(modules)} modules: pushed in {pushed:.1f} s, all Ready after"
        f" {ready:.1f} s; operator {peak:.0f} MiB at rest, {highest:.0f} MiB at most;"
        f" {wrote:.0f} writes and {used.user + used.system - cpu.user - cpu.system:.1f} s of the processor in"
        f" {REST:.0f} s at rest; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores"
    )
    return int(ready > READY or highest > MEMORY or wrote > WRITES)


def high_water(pid: int) -> float:
    """The most memory a process ever had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)))
