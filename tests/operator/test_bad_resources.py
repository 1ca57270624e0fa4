"""Two hundred bad custom resources: each is refused, or marked with what to do, and what ran before runs on."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re

import msgspec
import pytest
from tinyflow_operator.conditions import condition_of
from tinyflow_operator.kinds import FLOWS, MODULES, NODES, PROJECTS, SIGNALS
from tinyflow_operator.kube import Refused
from tinyflow_runtime import protocol
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.module import Module
from tinyflow_runtime.resources.labels import FLOW_LABEL
from tinyflow_runtime.source.archive import Source

maths = Module("bad-maths")
WRONG = [None, 7, 2.5, True, [], {}, "", ["x"], {"a": 1}, "x" * 300]
WAITS = ("ModuleNotReady", "Starting")  # nothing is wrong, so far
HOSTILE = [
    "../../etc/passwd",
    "a\0b",
    "a\nb: c",
    "${jndi:ldap://x}",
    "'; drop table nodes; --",
    "<script>alert(1)</script>",
    "ünïcode",
    "a" * 64,
    "-a",
    "a-",
    "A",
    "a.b",
    "a:b",
    " a",
    "__class__",
    "💥",
]


@maths.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x


@maths.component
def above(x: int, *, limit: int = 10) -> int | None:
    """Lets through what is above the limit."""
    return x if x > limit else None


def edge(**more):
    return {"id": "e", "port": "out", "to": "above:in", **more}


def good(**more):
    return {"module": "bad-maths", "component": "double", **more}


def bad_nodes():
    """What is wrong, and the spec. Each is applied as a new node, in a flow where all others are well."""
    for value in WRONG:
        yield f"module {value!r:.20}", good(module=value)
        yield f"component {value!r:.20}", good(component=value)
        if value not in ([], None):  # null is as good as nothing
            yield f"edges {value!r:.20}", good(edges=value)
            yield f"ports {value!r:.20}", good(ports=value)
        yield f"edge to {value!r:.20}", good(edges=[edge(to=value)])
        yield f"edge port {value!r:.20}", good(edges=[edge(port=value)])
        if value not in (None, True):
            yield f"edge loop {value!r:.20}", good(edges=[edge(loop=value)])
        if value not in (None, 7):
            yield f"edge capacity {value!r:.20}", good(edges=[edge(capacity=value)])
        if value not in (None, "", {}):
            yield f"settings {value!r:.20}", good(component="above", ports=[{"name": "settings", "settings": value}])
    for name in HOSTILE:
        yield f"component {name!r:.20}", good(component=name)
        yield f"edge to {name!r:.20}", good(edges=[edge(to=f"{name}:in")])
        yield f"module {name!r:.20}", good(module=name)
    yield "dangling edge", good(edges=[edge(to="nobody:in")])
    yield "edge to no port", good(edges=[edge(to="above:inn")])
    yield "edge to an output", good(edges=[edge(to="above:out")])
    yield "edge from an input", good(edges=[edge(port="in")])
    yield "edge from no port", good(edges=[edge(port="ouch")])
    yield "edge to another flow", good(edges=[edge(to="other.above:in")])
    yield "condition that is none", good(edges=[edge(when="msg >")])
    yield "condition that calls", good(edges=[edge(when="__import__('os').system('true')")])
    yield "condition that names the unknown", good(edges=[edge(when="nobody > 3")])
    yield "mapping that never ends", good(edges=[edge(map="[x for x in iter(int, 1)]")])
    yield "mapping of 5,000 letters", good(edges=[edge(map="1+" * 2500 + "1")])
    yield "two edges of one id", good(edges=[edge(), edge(to="good:in")])
    yield "a loop that is none said", good(edges=[edge(to="{me}:in")])
    yield "capacity 0", good(edges=[edge(capacity=0)])
    yield "capacity of a billion", good(edges=[edge(capacity=10**9)])
    yield "capacity below", good(edges=[edge(capacity=-1)])
    yield "2,000 edges", good(edges=[edge(id=str(number)) for number in range(2000)])
    yield "300 ports", good(ports=[{"name": f"p{number}"} for number in range(300)])
    yield "unknown component", good(component="dubble")
    yield "component of another module", good(component="whose")
    yield "unknown setting", good(component="above", ports=[{"name": "settings", "settings": {"limmit": 3}}])
    yield (
        "setting of a wrong type",
        good(component="above", ports=[{"name": "settings", "settings": {"limit": "many"}}]),
    )
    yield "settings for a component without", good(ports=[{"name": "settings", "settings": {"limit": 3}}])
    yield "unknown module", good(module="maths-bad")
    yield "unknown image", good(module="it/maths:1")
    yield "nothing", {}


def bad_updates():
    """What is wrong, and a spec for the good node that runs."""
    yield "a component that is gone", good(component="gone", edges=[edge()])
    yield (
        "a setting that does not fit",
        good(component="above", ports=[{"name": "settings", "settings": {"limit": []}}], edges=[edge()]),
    )
    yield "a dangling edge", good(edges=[edge(to="nobody:in")])
    yield "a condition that is none", good(edges=[edge(when="msg ==")])


def bad_modules():
    archive = Source("m", {"m.py": "one = 1"}).archive()
    inline = base64.b64encode(archive).decode()
    sha256 = Source("m", {"m.py": "one = 1"}).sha256
    for value in WRONG:
        if value is not None:
            yield f"source {value!r:.20}", {"source": value} if value != {} else {"source": {"sha256": ""}}
            yield f"image {value!r:.20}", {"image": value} if not isinstance(value, str) else {"image": value + "!"}
        yield f"sha256 {value!r:.20}", {"source": {"sha256": value, "inline": inline}}
        yield f"configMapRef {value!r:.20}", {"source": {"sha256": sha256, "configMapRef": {"name": value}}}
    yield "both", {"source": {"sha256": sha256, "inline": inline, "configMapRef": {"name": "x"}}}
    yield "neither", {"source": {"sha256": sha256}}
    yield "no base64", {"source": {"sha256": sha256, "inline": "a"}}
    yield "another hash", {"source": {"sha256": "0" * 64, "inline": inline}}
    yield "another module", {"source": {"sha256": sha256, "inline": inline}}
    yield "no ConfigMap", {"source": {"sha256": sha256, "configMapRef": {"name": "nowhere"}}}
    yield "too large", {"source": {"sha256": sha256, "inline": "A" * 100_000}}


def bad_signals():
    for value in WRONG:
        yield f"to {value!r:.20}", {"flow": "good", "to": value, "payload": 1}
        yield f"flow {value!r:.20}", {"flow": value, "to": "good:in", "payload": 1}
        if value not in (None, 7):
            yield f"timeout {value!r:.20}", {"flow": "good", "to": "good:in", "payload": 1, "timeoutSeconds": value}
    for payload in ("text", 2.5, [1], {"a": 1}, None):
        yield f"payload {payload!r}", {"flow": "good", "to": "good:in", "payload": payload}
    yield "payload of 70 KB", {"flow": "good", "to": "good:in", "payload": "x" * 70_000}
    yield "no port", {"flow": "good", "to": "good:inn", "payload": 1, "timeoutSeconds": 1}
    yield "an output", {"flow": "good", "to": "good:out", "payload": 1}
    yield "no node", {"flow": "good", "to": "nobody:in", "payload": 1, "timeoutSeconds": 1}
    yield "no flow", {"flow": "nobody", "to": "good:in", "payload": 1, "timeoutSeconds": 1}


def all_bad():
    """Kind, name, what is wrong, spec: each a resource of its own."""
    for number, (what, spec) in enumerate(bad_nodes()):
        name = f"n{number}"
        spec = msgspec.json.decode(msgspec.json.encode(spec).replace(b"{me}", name.encode()))
        yield NODES, f"bad{number}.{name}", what, spec
    for number, (what, spec) in enumerate(bad_modules()):
        yield MODULES, f"m{number}", what, spec
    for number, (what, spec) in enumerate(bad_signals()):
        yield SIGNALS, f"s{number}", what, spec
    for number, value in enumerate([7, [], "x" * 5000, {"a": 1}]):
        yield FLOWS, f"f{number}", f"description {value!r:.20}", {"description": value}
        yield PROJECTS, f"p{number}", f"description {value!r:.20}", {"description": value}
    for name in ("noflow", "a.b.c", "a.-b", "A.b", ".a", "a." + "b" * 64):
        yield NODES, name, "a bad name", good()
    for name in ("m.n", "M", "-m", "m" * 64, "m/n"):
        yield MODULES, name, "a bad name", {}


def complaint(document):
    """What an object's conditions complain of; empty when all is well, or nothing is known."""
    for about in ("Accepted", "SourceVerified", "Delivered", "Ready"):
        found = condition_of(document, about)
        if found.get("status") == "False" and found["reason"] not in WAITS:
            return found["message"]
    return ""


@contextlib.asynccontextmanager
async def good_flow(place):
    async with Host("bad-maths") as host, place.operating():
        await place.apply(MODULES, "bad-maths", {})
        async with place.serving(host, "bad-maths", "pod-good"):
            await place.apply(NODES, "good.good", good(edges=[edge()]), labels={FLOW_LABEL: "good"})
            await place.apply(NODES, "good.above", good(component="above"), labels={FLOW_LABEL: "good"})
            await place.condition(NODES, "good.good", status="True")
            await place.condition(NODES, "good.above", status="True")
            yield host


async def passes(host):
    """Whether a message goes all the way."""
    before = (await host.look(protocol.LookRequest(flow="good", port="above:out"))).count
    message = protocol.Message(flow="good", to="good:in", payload=msgspec.msgpack.encode(21))
    await host.send(protocol.Batch(messages=[message]))
    async with asyncio.timeout(5):
        while (await host.look(protocol.LookRequest(flow="good", port="above:out"))).count == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.timeout(120)
async def test_two_hundred_bad_resources_are_refused_or_marked_and_the_good_flow_runs_on(place, capsys):
    said, marked = {}, []
    async with good_flow(place) as host:
        for number, (kind, name, what, spec) in enumerate(all_bad()):
            try:
                labels = {FLOW_LABEL: name.partition(".")[0]} if kind is NODES and len(name) < 60 else {}
                if kind is NODES and name.startswith("bad"):
                    flow = name.partition(".")[0]
                    await place.apply(NODES, f"{flow}.above", good(component="above"), labels={FLOW_LABEL: flow})
                await place.apply(kind, name, spec, labels=labels)
            except Refused as error:
                said[number] = (kind.name, what, str(error))
            else:
                marked.append((number, kind, name, what))
        for number, kind, name, what in marked:
            document = await place.until(kind, name, complaint, timeout=20)
            said[number] = (kind.name, what, complaint(document))
        await passes(host)
        unharmed = [await place.condition(NODES, name, status="True") for name in ("good.good", "good.above")]

    refused = len(said) - len(marked)
    with capsys.disabled():
        print(f"\n{len(said)} bad resources: {refused} refused by the schema, {len(marked)} marked")
    assert len(said) >= 200
    assert len(unharmed) == 2
    # Whoever reads it learns what is wrong and what to do: a code of ours, the field, or one action.
    clear = re.compile(r"TF-\d{3} |metadata\.name|\b(Push|Set|Make|Name|Put|Start|Send)\b")
    assert [each for each in said.values() if not clear.search(each[2])] == []


@pytest.mark.parametrize(("what", "spec"), list(bad_updates()), ids=[what for what, _ in bad_updates()])
async def test_a_bad_change_of_a_node_that_runs_leaves_it_running(place, what, spec):
    async with good_flow(place) as host:
        await place.apply(NODES, "good.good", spec, labels={FLOW_LABEL: "good"})
        accepted = await place.condition(NODES, "good.good", "Accepted", generation=2, status="False")
        await passes(host)
        # Not without ports: older Kubernetes makes null of a list that is no longer applied.
        mended = good(edges=[edge()], **({"ports": [{"name": "none"}]} if "ports" in spec else {}))
        await place.apply(NODES, "good.good", mended, labels={FLOW_LABEL: "good"})
        await place.condition(NODES, "good.good", generation=3, status="True")

    assert re.match(r"TF-\d{3} ", accepted["message"])


async def test_a_document_nested_deeper_than_a_parser_goes_stops_nothing(place):
    deep = b'{"a":' * 5000 + b"1" + b"}" * 5000
    text = (
        b'{"apiVersion": "tinyflow.dev/v1alpha1", "kind": "TinyNode", "metadata": {"name": "deep.a"}, "spec":'
        b' {"module": "bad-maths", "component": "above", "ports": [{"name": "settings", "settings": %b}]}}' % deep
    )

    async with good_flow(place) as host:
        session = place.kube._session
        path = f"{place.kube._access.host}{NODES.path(place.namespace)}"
        head = {"Content-Type": "application/json", **place.kube._access.login}
        async with session.post(path, data=text, headers=head, **place.kube._access.way) as answer:
            taken = answer.status
        if taken == 201:
            condition = await place.condition(NODES, "deep.a", status="False")
            assert condition["message"] == "TF-117 Its settings are nested more than 100 deep. Make them flatter."
        await place.apply(NODES, "good.more", good(), labels={FLOW_LABEL: "good"})
        await place.condition(NODES, "good.more", status="True")
        await passes(host)
        await place.delete(NODES, "deep.a")

    assert taken >= 200
