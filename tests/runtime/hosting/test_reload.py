"""Hot reload: the text of a module is exchanged while messages pass; whole or not at all, nothing lost or doubled."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import types

import msgspec
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ComponentError, SourceError
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.module import Module, held, kept_on_failure
from tinyflow_runtime.source.archive import Source

heard = types.ModuleType("heard")  # what the components under test tell of, whatever text they are of


@pytest.fixture(autouse=True)
def _listening(monkeypatch):
    heard.pairs = []
    monkeypatch.setitem(sys.modules, "heard", heard)


TEXT = '''
import asyncio

import heard
import tinyflow_jupyter as tf

hot = tf.Module("hot")
FACTOR = 2


def scaled(x):
    return FACTOR * x


@hot.component
def scale(x: int) -> list[int]:
    return [x, scaled(x)]


@hot.component
async def slow(x: int) -> list[int]:
    await asyncio.sleep(0)
    return [x, scaled(x)]


@hot.component
async def ticks() -> int:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(0.0005)


@hot.component
def keep(pair: list[int]) -> None:
    heard.pairs.append(pair)


@hot.component
class Tally(tf.Component):
    """Counts what passes."""

    def __init__(self):
        self.count = 0

    def ports(self):
        return [tf.Port("in", "in", list[int]), tf.Port("out", "out", list[int])]

    async def start(self, output):
        pass

    async def handle(self, output, port, payload):
        self.count += 1
        await output("out", [self.count, *payload])
'''


def source(*changes):
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return Source("hot", {"hot.py": text})


def archive(made):
    return protocol.Archive(sha256=made.sha256, archive=made.archive())


def node(name, component, to=()):
    edges = [protocol.Edge(id=f"{name}-{end}", port="out", to=end) for end in to]
    return protocol.Node(flow="sums", name=name, component=component, edges=edges)


@contextlib.asynccontextmanager
async def hosted(*nodes):
    """A host of the text, whose components are forgotten afterwards."""
    before = dict(Module.all)
    made = source()
    with kept_on_failure():
        made.load()
    try:
        async with Host("hot", revision=made.sha256) as host:
            applied = await host.apply(protocol.Plan(hash="1", nodes=nodes))
            assert [state.trouble for state in applied.nodes] == [""] * len(nodes)
            yield host
    finally:
        Module.all.clear()
        Module.all.update(before)


@contextlib.asynccontextmanager
async def watching(host, port):
    watch = host.watch(protocol.WatchRequest(flow="sums", port=port))
    async with contextlib.aclosing(watch), asyncio.timeout(10):
        await anext(watch)
        yield watch


async def payloads(watch, count):
    return [msgspec.msgpack.decode((await anext(watch)).message.payload) for _ in range(count)]


def batch(to, *sent):
    messages = [protocol.Message(flow="sums", to=to, payload=msgspec.msgpack.encode(payload)) for payload in sent]
    return protocol.Batch(messages=messages)


async def pairs(count):
    """Once that many messages have arrived."""
    async with asyncio.timeout(10):
        while len(heard.pairs) < count:  # noqa: ASYNC110 # nobody tells
            await asyncio.sleep(0)


@pytest.mark.parametrize("component", ["scale", "slow"])
async def test_under_load_nothing_is_lost_doubled_or_reordered(component):
    async with hosted(node("a", component, to=["b:in"]), node("b", "keep")) as host:
        for factor in range(2, 12):
            first, last = factor * 500, factor * 500 + 499
            await host.load(archive(source(("FACTOR = 2", f"FACTOR = {factor}"))))
            await host.send(batch("a:in", first))
            await pairs(first - 999)
            sending = asyncio.create_task(host.send(batch("a:in", *range(first + 1, last))))
            await host.load(archive(source(("FACTOR = 2", f"FACTOR = {factor + 10}"))))
            await sending
            await host.send(batch("a:in", last))
            await pairs(last - 999)
        state = await host.state(protocol.StateRequest())

    assert [x for x, _ in heard.pairs] == list(range(1_000, 6_000))
    for factor in range(2, 12):
        used = [scaled // x for x, scaled in heard.pairs[factor * 500 - 1_000 :][:500]]
        assert (used[0], used[-1]) == (factor, factor + 10)
        assert used == sorted(used)
        assert {*used} == {factor, factor + 10}
    assert [(one.handled, one.dead) for one in state.nodes] == [(5_000, 0), (5_000, 0)]


async def test_what_the_new_text_does_not_change_runs_on_undisturbed():
    async with hosted(node("t", "ticks"), node("a", "tally")) as host:
        async with watching(host, "t:out") as ticks, watching(host, "a:out") as tallies:
            await host.send(batch("a:in", [0], [0]))
            before = (await payloads(ticks, 1), await payloads(tallies, 2))
            await host.load(archive(source(("FACTOR = 2", "FACTOR = 3"))))
            await host.send(batch("a:in", [0]))
            after = (await payloads(ticks, 5), await payloads(tallies, 1))

    assert [*before[0], *after[0]] == list(range(before[0][0], before[0][0] + 6))
    assert [count for count, _ in [*before[1], *after[1]]] == [1, 2, 3]


async def test_what_a_component_uses_belongs_to_it():
    async with hosted(node("a", "scale")) as host, watching(host, "a:out") as watch:
        await host.load(archive(source(("return FACTOR * x", "return 10 * FACTOR * x"))))
        await host.send(batch("a:in", 1))
        got = await payloads(watch, 1)

    assert got == [[1, 20]]


async def test_a_node_whose_component_is_mended_is_in_no_trouble_any_more():
    async with hosted(node("a", "scale")) as host:
        await host.load(archive(source(("return FACTOR * x", "return FACTOR * x // 0"))))
        await host.send(batch("a:in", 1))
        async with asyncio.timeout(10):
            while not (before := (await host.state(protocol.StateRequest())).nodes[0]).dead:  # noqa: ASYNC110 # nobody tells
                await asyncio.sleep(0)
        await host.load(archive(source()))
        after = (await host.state(protocol.StateRequest())).nodes[0]

    assert "ZeroDivisionError" in before.trouble
    assert after.trouble == ""


async def test_the_new_text_is_described_with_its_hash():
    changed = source(("def scale(", "def stretch("))

    async with hosted() as host:
        before = await host.describe(protocol.DescribeRequest())
        description = await host.load(archive(changed))

    assert [part.name for part in description.components] == ["stretch", "slow", "ticks", "keep", "tally"]
    assert description.revision == changed.sha256
    assert description.instance == before.instance


REFUSED = {
    "it does not load": ("FACTOR = 9", "FACTOR = 9 / 0"),
    "it cannot be read": ("FACTOR = 9", "FACTOR ="),
    "it no longer fits an edge": ("def scale(x: int) -> list[int]", "def scale(x: int) -> str"),
    "a component has lost its port": (
        '[tf.Port("in", "in", list[int]), tf.Port("out"',
        '[tf.Port("into", "in", list[int]), tf.Port("out"',
    ),
    "a component does not start": ("        pass\n", "        raise RuntimeError('not today')\n"),
    "it ends the process": ("FACTOR = 9", "raise SystemExit(0)"),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_text_is_refused_whole_when(why):
    nodes = node("a", "scale", to=["b:in"]), node("b", "tally")

    async with hosted(*nodes) as host, watching(host, "b:out") as watch:
        await host.send(batch("a:in", 1))
        before = await payloads(watch, 1)
        components = held("hot")
        with pytest.raises(ComponentError, match="TF-110"):
            await host.load(archive(source(("FACTOR = 2", "FACTOR = 9"), REFUSED[why])))
        await host.send(batch("a:in", 2))
        after = await payloads(watch, 1)
        description = await host.describe(protocol.DescribeRequest())
        kept = held("hot") == components

    assert (before, after) in [([[1, 1, 2]], [[2, 2, 4]]), ([[1, 1, 2]], [[1, 2, 4]])]
    assert description.revision == source().sha256
    assert kept


async def test_an_archive_of_another_hash_is_refused():
    async with hosted() as host:
        with pytest.raises(SourceError, match="TF-171"):
            await host.load(protocol.Archive(sha256="0" * 64, archive=source().archive()))


async def test_an_archive_of_another_module_is_refused():
    other = Source("cold", {"cold.py": ""})

    async with hosted() as host:
        with pytest.raises(ComponentError, match=r"TF-110 .* 'cold', and this is module 'hot'"):
            await host.load(archive(other))


async def test_nodes_of_a_component_that_the_new_text_lacks_run_on_and_say_so():
    async with hosted(node("a", "scale"), node("b", "tally")) as host, watching(host, "a:out") as watch:
        await host.load(archive(source(("def scale(", "def stretch("))))
        await host.send(batch("a:in", 1))
        got = await payloads(watch, 1)
        state = await host.state(protocol.StateRequest())
        applied = await host.apply(protocol.Plan(hash="2", nodes=[node("a", "scale"), node("c", "stretch")]))

    assert got == [[1, 2]]
    assert "TF-118 Module 'hot' has no component 'scale'" in state.nodes[0].trouble
    assert state.nodes[0].state == "running"
    assert [(one.name, one.running, bool(one.trouble)) for one in applied.nodes] == [
        ("a", True, True),
        ("c", True, False),
    ]


async def test_a_node_that_waited_for_its_component_runs_when_a_text_brings_it():
    async with hosted(node("b", "tally")) as host:
        wanted = [node("a", "stretch", to=["b:in"]), node("b", "tally")]
        refused = await host.apply(protocol.Plan(hash="2", nodes=wanted))
        await host.load(archive(source(("def scale(", "def stretch("))))
        async with watching(host, "b:out") as watch:
            await host.send(batch("a:in", 1))
            got = await payloads(watch, 1)

    assert not refused.nodes[0].running
    assert got == [[1, 1, 2]]
