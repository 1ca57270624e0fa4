"""A host, told by plans, as the wire tells it; without the wire."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import NodeError, PayloadError, PortError
from tinyflow_runtime.host import Host
from tinyflow_runtime.module import Module

module = Module("hosted")


@module.component
def double(x: int) -> int:
    return 2 * x


@module.component
def above(x: int, *, limit: int = 10) -> int | None:
    return x if x > limit else None


def node(name, component="double", *, settings=None, to=(), flow="sums"):
    edges = [protocol.Edge(id=f"{name}-{end}", port="out", to=end) for end in to]
    packed = msgspec.msgpack.encode(settings) if settings else b""
    return protocol.Node(flow=flow, name=name, component=component, settings=packed, edges=edges)


def plan(*nodes):
    made = protocol.Plan(nodes=nodes)
    made.hash = made.SerializeToString(deterministic=True).hex()[-64:]
    return made


def batch(to, *payloads, flow="sums"):
    packed = [protocol.Message(flow=flow, to=to, payload=msgspec.msgpack.encode(payload)) for payload in payloads]
    return protocol.Batch(messages=packed)


@contextlib.asynccontextmanager
async def watching(host, port, flow="sums", **options):
    watch = host.watch(protocol.WatchRequest(flow=flow, port=port, **options))
    async with contextlib.aclosing(watch), asyncio.timeout(5):
        taken = await anext(watch)
        assert not taken.HasField("message")
        yield watch


async def payloads(watch, count):
    return [msgspec.msgpack.decode((await anext(watch)).message.payload) for _ in range(count)]


def troubles(applied):
    return {state.name: state.trouble for state in applied.nodes}


async def test_a_plan_runs_its_nodes_and_their_edges():
    async with Host("hosted") as host:
        applied = await host.apply(plan(node("a", to=["b:in"]), node("b")))
        async with watching(host, "b:out") as watch:
            await host.send(batch("a:in", 1))
            got = await payloads(watch, 1)

    assert troubles(applied) == {"a": "", "b": ""}
    assert got == [4]


async def test_a_watch_gives_what_passes_after_its_place_was_taken():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "a:out") as earlier:
            await host.send(batch("a:in", 1))
            await payloads(earlier, 1)
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 2, 3))
            got = await payloads(watch, 2)

    assert got == [4, 6]


async def test_a_node_that_cannot_run_says_why_and_the_others_run():
    async with Host("hosted") as host:
        applied = await host.apply(plan(node("a"), node("b", "duble"), node("c", "above", settings={"limit": "no"})))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 1))
            got = await payloads(watch, 1)

    assert got == [2]
    assert troubles(applied)["a"] == ""
    assert "TF-118 Module 'hosted' has no component 'duble'." in troubles(applied)["b"]
    assert "TF-109" in troubles(applied)["c"]


async def test_an_edge_to_nowhere_is_told_to_the_node_it_leaves():
    async with Host("hosted") as host:
        applied = await host.apply(plan(node("a", to=["nobody:in"])))

    assert "nobody" in troubles(applied)["a"]


async def test_the_same_plan_again_does_nothing():
    async with Host("hosted") as host:
        first = await host.apply(plan(node("a")))
        second = await host.apply(plan(node("a")))

    assert second is first


async def test_new_settings_reach_the_running_node():
    async with Host("hosted") as host:
        await host.apply(plan(node("a", "above", settings={"limit": 5})))
        await host.apply(plan(node("a", "above", settings={"limit": 50})))
        async with watching(host, "a:out") as watch:
            await host.send(batch("a:in", 20, 60))
            got = await payloads(watch, 1)

    assert got == [60]


async def test_a_node_that_left_the_plan_is_unknown():
    async with Host("hosted") as host:
        await host.apply(plan(node("a"), node("b")))
        await host.apply(plan(node("b")))
        with pytest.raises(NodeError, match="TF-107 There is no node 'a'"):
            await host.send(batch("a:in", 1))


async def test_a_flow_that_left_the_plan_ends_its_watches():
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        async with watching(host, "a:out") as watch:
            ended = asyncio.create_task(anext(watch, None))
            await host.apply(plan())
            last = await ended

    assert last is None


@pytest.mark.parametrize(
    ("to", "payload", "error", "text"),
    [
        ("a:out", 1, PortError, "TF-102"),
        ("a:nowhere", 1, PortError, "TF-101"),
        ("nobody:in", 1, NodeError, "TF-107"),
        ("a:in", "one", PayloadError, "TF-123"),
    ],
)
async def test_what_does_not_fit_is_refused(to, payload, error, text):
    async with Host("hosted") as host:
        await host.apply(plan(node("a")))
        with pytest.raises(error, match=text):
            await host.send(batch(to, payload))


async def test_a_host_describes_its_components():
    async with Host("hosted") as host:
        description = await host.describe(protocol.DescribeRequest())

    ports = {port.name: (port.direction, port.type) for port in description.components[0].ports}
    assert description.components[0].name == "double"
    assert ports["in"] == ("in", "int")
    assert ports["out"] == ("out", "int")
