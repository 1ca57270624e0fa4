"""The walk from a notebook cell to a cluster: cell, module process, gRPC, operator, TinyNode, and back to a payload."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

import msgspec
import psutil
from tinyflow_operator.kinds import MODULES, NODES
from tinyflow_runtime import protocol
from tinyflow_runtime.wire import Remote

CELL = '''
import tinyflow_jupyter as tf

@tf.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x

@tf.component
def above(x: int, *, limit: int = 10) -> int | None:
    """Lets through what is above the limit."""
    return x if x > limit else None
'''


@contextlib.asynccontextmanager
async def program(*arguments, kubeconfig=""):
    """A process of ours on a leash; ended by closing its input, as it would be if we died."""
    environment = {**os.environ, "KUBECONFIG": kubeconfig}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments, "--leash"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        yield process
    finally:
        process.stdin.close()
        async with asyncio.timeout(60):
            await process.wait()
        # The transport closes its pipes only when their ends were read.
        await process.stdout.read()


@contextlib.asynccontextmanager
async def module_process(tmp_path):
    cell = tmp_path / "cell.py"
    cell.write_text(CELL)
    async with program("tinyflow_runtime", "module", "notebook", str(cell)) as process:
        said = (await process.stdout.readline()).decode()
        remote = Remote(said.removeprefix("listening at ").strip())
        try:
            yield process, remote
        finally:
            await remote.close()


def node(name, namespace, component, *, settings=None, edges=()):
    metadata = {"name": f"sums.{name}", "namespace": namespace, "labels": {"tinyflow.dev/flow": "sums"}}
    ports = [{"name": "settings", "settings": settings}] if settings else []
    spec = {"module": "notebook", "component": component, "ports": ports, "edges": list(edges)}
    return {"metadata": metadata, "spec": spec}


async def ready(kube, namespace, name, generation=1):
    items, version = await kube.list(NODES, namespace)

    def is_ready(document):
        conditions = (document.get("status") or {}).get("conditions", [])
        return document["metadata"]["name"] == f"sums.{name}" and any(
            (one["type"], one["status"]) == ("Ready", "True") and one["observedGeneration"] >= generation
            for one in conditions
        )

    if any(is_ready(document) for document in items):
        return
    async with asyncio.timeout(60):
        async for _, document in kube.watch(NODES, namespace, version):
            if is_ready(document):
                return


async def send(remote, to, payload):
    message = protocol.Message(flow="sums", to=to, payload=msgspec.msgpack.encode(payload))
    return await remote.send(protocol.Batch(messages=[message]), timeout=5)


async def payloads(watch, count):
    async with asyncio.timeout(60):
        return [msgspec.msgpack.decode((await anext(watch)).message.payload) for _ in range(count)]


async def test_a_component_from_a_cell_runs_where_a_tinynode_says_so(kube, kubeconfig, namespace, tmp_path):
    edge = {"id": "double-out-above-in", "port": "out", "to": "above:in", "when": "msg > 3"}

    async with (
        module_process(tmp_path) as (_, remote),
        program("tinyflow_operator", "--namespace", namespace, kubeconfig=kubeconfig),
    ):
        await kube.apply(MODULES, {"metadata": {"name": "notebook", "namespace": namespace}, "spec": {}}, "test")
        address = {"metadata": {"name": "notebook", "namespace": namespace}, "status": {"address": remote.address}}
        await kube.apply(MODULES, address, "test", part="status")
        await kube.apply(NODES, node("double", namespace, "double", edges=[edge]), "test")
        await kube.apply(NODES, node("above", namespace, "above", settings={"limit": 40}), "test")
        await ready(kube, namespace, "double")
        await ready(kube, namespace, "above")
        async with contextlib.aclosing(remote.watch(protocol.WatchRequest(flow="sums", port="above:out"))) as watch:
            await anext(watch)  # the place is taken
            for number in (1, 2, 21):
                await send(remote, "double:in", number)
            passed = await payloads(watch, 1)

    assert passed == [42]


async def test_a_module_process_ends_with_the_one_that_started_it(tmp_path):
    async with module_process(tmp_path) as (process, remote):
        serving = await remote.serving()
        children = psutil.Process().children()

    assert serving
    assert process.pid in [child.pid for child in children]
    assert not psutil.pid_exists(process.pid)
