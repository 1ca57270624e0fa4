"""A flow on a cluster is worked with as one in the kernel: real module processes, and no cluster around them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError

import msgspec
import pytest
from pydantic import BaseModel
from tinyflow_runtime import protocol
from tinyflow_runtime.embedded.run import OwnThread
from tinyflow_runtime.errors import Busy, ModuleUnavailable, NodeError, NotRunning, PayloadError, PortError, WaitTimeout
from tinyflow_runtime.message import Address
from tinyflow_runtime.resources.labels import FLOW_LABEL
from tinyflow_runtime.wire import Remote

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster import push
from tinyflow_jupyter._cluster.connections import Connections
from tinyflow_jupyter._cluster.live import LiveFlow
from tinyflow_jupyter._cluster.progress import Progress
from tinyflow_jupyter._cluster.stream import Stream

CELL = """
import asyncio
import os
from collections.abc import AsyncIterator
import tinyflow_jupyter as tf
from pydantic import BaseModel

class Sample(BaseModel):
    value: int

@tf.component
def double(x: int) -> int:
    return 2 * x

@tf.component
def invert(x: int) -> float:
    return 1 / x

@tf.component
def sample(x: int) -> Sample:
    return Sample(value=x)

@tf.component
async def slow(x: int) -> int:
    await asyncio.sleep(0.3)
    return x

@tf.component
async def ticks(*, every: float = 0.02) -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(every)

@tf.component(outputs={"pid": int})
async def whose(x: int, output: tf.Handler) -> None:
    await output("pid", os.getpid())
"""

NODES = {"double": [("out", "next:in")], "next": [], "invert": [], "sample": [], "slow": [], "whose": []}
COMPONENTS = {"next": "double"}


class Sample(BaseModel):
    value: int


@tf.component
def double(x: int) -> int:
    return 2 * x


@tf.component
def sample(x: int) -> Sample:
    return Sample(value=x)


class Held:
    """What a cluster's API holds: documents, changed by the test as an operator would."""

    context = "pretend"

    def __init__(self):
        self.documents = {}
        self.version = 0

    def put(self, kind, name, spec, status=None, flow=""):
        labels = {FLOW_LABEL: flow} if flow else {}
        self.version += 1
        metadata = {"name": name, "labels": labels, "generation": 1, "uid": name, "resourceVersion": str(self.version)}
        self.documents[kind, name] = {"kind": kind, "metadata": metadata, "spec": spec, "status": status or {}}

    def get(self, kind, name):
        return self.documents.get((kind, name))

    def objects(self, kind, *, label=""):
        _, _, flow = label.partition("=")
        found = [each for (there, _), each in self.documents.items() if there == kind]
        return [each for each in found if not flow or each["metadata"]["labels"].get(FLOW_LABEL) == flow]


class Module:
    """A module process, started again by the test as a launcher would."""

    def __init__(self, folder):
        self.cell = folder / "cell.py"
        self.cell.write_text(CELL)
        self.process = None
        self.address = ""

    def start(self):
        command = [sys.executable, "-m", "tinyflow_runtime", "module", "notebook", str(self.cell), "--leash"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.address = self.process.stdout.readline().decode().removeprefix("listening at ").strip()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def plan():
    nodes = [
        protocol.Node(
            flow="numbers",
            name=name,
            component=COMPONENTS.get(name, name),
            edges=[protocol.Edge(id=f"{name}{port}", port=port, to=to) for port, to in edges],
        )
        for name, edges in NODES.items()
    ]
    return protocol.Plan(hash="one", nodes=nodes)


def said(component):
    ports = [
        {"name": port.name, "direction": port.direction, "schema": port.schema, "settings": port.settings}
        for port in component.ports
    ]
    return {"name": component.name, "description": component.description, "ports": ports}


@pytest.fixture(scope="module", autouse=True)
def shared(tmp_path_factory):
    module = Module(tmp_path_factory.mktemp("module"))
    module.start()
    yield module
    module.end()


@pytest.fixture
def module(request, shared, tmp_path):
    """One process for all tests but those that end theirs."""
    if not request.node.get_closest_marker("mortal"):
        yield shared
        return
    module = Module(tmp_path)
    module.start()
    yield module
    if module.process.returncode is None:
        module.end()


@pytest.fixture
def held(module):
    held = Held()
    held.put("TinyFlow", "numbers", {}, {"conditions": [{"type": "Ready", "status": "True"}]})
    held.put("TinyModule", "notebook", {}, {"address": module.address})
    for name, edges in NODES.items():
        spec = {"module": "notebook", "component": COMPONENTS.get(name, name)}
        spec["edges"] = [{"id": f"{name}{port}", "port": port, "to": to} for port, to in edges]
        held.put("TinyNode", f"numbers.{name}", spec, flow="numbers")
    return held


@pytest.fixture
def connections(held):
    connections = Connections(held)
    described = connections.ask("notebook", lambda remote: remote.describe(), what="describe")
    connections.ask("notebook", lambda remote: remote.apply(protocol.Plan(hash="none")), what="apply")
    connections.ask("notebook", lambda remote: remote.apply(plan()), what="apply")
    held.documents["TinyModule", "notebook"]["status"]["components"] = [said(each) for each in described.components]
    yield connections
    connections.close()


@pytest.fixture
def live(connections):
    return LiveFlow("numbers", connections)


def test_what_a_cluster_says_to_fail_is_shown_so_by_node_and_for_the_flow(held, live):
    said = {"type": "Ready", "status": "True", "reason": "Failing"}
    held.documents["TinyNode", "numbers.invert"]["status"] = {"conditions": [{**said, "message": "TF-139 no"}]}
    message = "6/6 nodes ready. invert: TF-139 no"
    held.documents["TinyFlow", "numbers"]["status"] = {"conditions": [{**said, "message": message}]}

    assert live.running
    assert live._observed().states == {"invert": "failed"}
    assert message in repr(live)


@pytest.mark.parametrize(("revisions", "way_back"), [(["new"], False), (["new", "old"], True)])
def test_a_push_that_failed_says_that_it_stays_what_failed_and_every_way_out(held, monkeypatch, revisions, way_back):
    monkeypatch.setattr(push, "DOUBT", 0.0)
    failed = {"type": "Ready", "status": "False", "observedGeneration": 1, "message": "TF-110 NameError: x (cell 3)."}
    module = held.documents["TinyModule", "notebook"]
    module["spec"] = {"source": {"sha256": "new"}}
    outcomes = {"new": "Failed", "old": "Serving"}
    module["status"] |= {
        "conditions": [failed, {"type": "Stalled", "status": "True"}],
        "revisions": [{"sha256": one, "outcome": outcomes[one]} for one in revisions],
    }

    with pytest.raises(tf.errors.ClusterError, match="TF-164") as told:
        push.wait_until_ready(held, "numbers", {"notebook": "new"}, 10, Progress("push"))

    text = str(told.value)
    assert "module notebook: TF-110 NameError: x (cell 3)." in text
    assert "It stays there as it is. Mend it and push again" in text
    assert ('go back to what ran before, cluster.rollback("numbers"),' in text) is way_back
    assert 'take it away, cluster.delete("numbers").' in text
    assert len(text.splitlines()) <= 5


def test_a_message_is_sent_and_seen_as_in_the_kernel(live):
    port = live["next:out"]

    live.send("double:in", 21, timeout=5)

    assert port.next(timeout=5).payload == 84
    assert port.last.payload == 84
    assert (port.count, port.skipped) == (1, 0)
    assert [message.payload for message in port.history(20)] == [84]
    assert port.last.to == Address("next", "out")
    assert port.last.trace == live["double:in"].last.id


def test_a_place_in_the_stream_is_taken_when_the_port_is_looked_up(live):
    one = live["double:out"]
    live.send("double:in", 1)
    live.wait(timeout=5)
    two = live["double:out"]
    live.send("double:in", 2)

    assert [one.next(timeout=5).payload, one.next(timeout=5).payload, two.next(timeout=5).payload] == [2, 4, 4]
    with pytest.raises(WaitTimeout):
        two.next(timeout=0.05)


async def test_a_port_can_be_iterated_over(live):
    port = live["double:out"]
    for number in range(3):
        await asyncio.to_thread(live.send, "double:in", number)
    found = []

    async for message in port:
        found.append(message.payload)
        if len(found) == 3:
            break

    assert found == [0, 2, 4]


def test_what_does_not_exist_is_refused_with_what_there_is(live):
    with pytest.raises(NodeError, match=r"TF-107 .*'duble'[\s\S]*'double'"):
        live.send("duble:in", 1)
    with pytest.raises(PortError, match=r"TF-101[\s\S]*Ports of double"):
        live["double:aut"]
    with pytest.raises(PortError, match="TF-102"):
        live.send("double:out", 1)
    with pytest.raises(PayloadError, match=r"TF-123[\s\S]*Sent to double:in"):
        live.send("double:in", "one")


def test_a_flow_that_is_not_there_is_refused_with_those_that_are(connections):
    with pytest.raises(NodeError, match=r"TF-107 .*'nubmers' on pretend[\s\S]*Did you mean 'numbers'"):
        LiveFlow("nubmers", connections)


def test_starting_and_stopping_say_what_to_do_instead(live):
    with pytest.raises(NotRunning, match=r"TF-166[\s\S]*push it again"):
        live.start()
    with pytest.raises(NotRunning, match=r'TF-166[\s\S]*cluster.delete\("numbers"\)'):
        live.stop()


def test_a_dead_letter_tells_why_and_can_be_sent_again(live):
    live.send("invert:in", 0)
    live.send("invert:in", 0)
    live.wait(timeout=5)

    first, second = live.dead_letters
    assert (first.node, first.message.payload, str(first.message.to)) == ("invert", 0, "invert:in")
    assert "division by zero" in first.reason
    assert "division by zero" in str(first.error)
    second.discard()
    assert len(live.dead_letters) == 1
    first.replay()
    live.wait(timeout=5)
    assert len(live.dead_letters) == 1
    assert live.dead_letters.replay() == 1
    live.wait(timeout=5)
    assert live.dead_letters.discard() == 1
    assert list(live.dead_letters) == []


def test_counts_tell_what_neighbours_lost_with_a_process_that_died(live, monkeypatch):
    edge = next(iter(live.edges.values()))
    told = protocol.State(lost=[protocol.Lost(flow=live.name, edge=edge.id, peer="m", count=3)])
    monkeypatch.setattr(live, "_states", lambda what, ask=live._states: [*ask(what), told])

    counts = live.counts()

    assert {name: each.lost for name, each in counts.items() if each.lost} == {edge.target.node: 3}


def test_counts_balance(live):
    live.send("double:in", 1)
    live.send("invert:in", 0)
    live.wait(timeout=5)

    counts = live.counts()

    assert (counts["double"].handled, counts["next"].handled, counts["invert"].dead) == (1, 1, 1)
    assert all(each.balanced for each in counts.values())


def test_what_is_drawn_counts_the_dead_letters_that_are_there(live):
    for _ in range(3):
        live.send("invert:in", 0)
    live.wait(timeout=5)
    before = live._observed().letters["invert"], live._counted()["invert"].dead

    live.dead_letters[0].discard()
    live.dead_letters[0].replay()
    live.wait(timeout=5)
    after = live._observed().letters["invert"], live._counted()["invert"].dead

    assert (before, after) == ((3, 3), (2, 2))
    assert live.counts()["invert"].dead == 4  # what became of each message stays so


def test_a_source_is_drawn_with_what_it_has_sent(live, held, connections):
    ticking = protocol.Node(flow="numbers", name="ticks", component="ticks")
    applied = protocol.Plan(hash="ticking", nodes=[*plan().nodes, ticking])
    connections.ask("notebook", lambda remote: remote.apply(applied), what="apply")
    held.put("TinyNode", "numbers.ticks", {"module": "notebook", "component": "ticks"}, flow="numbers")
    port = live["ticks:out"]
    port.next(timeout=5)

    sent = live._observed().sent

    assert list(sent) == ["ticks"]
    assert 1 <= sent["ticks"] <= port.count


def test_waiting_ends_when_nothing_is_at_work_and_says_who_is(live):
    live.send("slow:in", 1)
    with pytest.raises(WaitTimeout, match="slow"):
        live.wait(timeout=0.05)

    live.wait(timeout=5)

    assert live["slow:out"].last.payload == 1


def test_no_room_within_the_time_is_busy(live):
    def fill():
        for number in range(100):
            live.send("slow:in", number, timeout=0.05)

    with pytest.raises(Busy, match=r"TF-134 slow:in had no room"):
        fill()


def test_a_payload_has_the_type_of_the_component_that_is_known_here(live):
    live.send("sample:in", 3)
    live.wait(timeout=5)

    assert live["sample:out"].last.payload == Sample(value=3)


@pytest.mark.mortal
@pytest.mark.timeout(60)
def test_the_object_outlives_the_process_of_its_module(live, module, held):
    port = live["whose:pid"]
    live.send("whose:in", 1)
    first = port.next(timeout=5).payload

    module.kill()
    module.start()
    held.documents["TinyModule", "notebook"]["status"]["address"] = module.address
    live._connections.ask("notebook", lambda remote: remote.apply(plan()), what="apply")
    live.send("whose:in", 1, timeout=10)

    second = live["whose:pid"].last.payload
    assert (first, second) == (first, module.process.pid)
    assert first != second
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # the old place is taken up again by and by
        live.send("whose:in", 1, timeout=10)
        try:
            assert port.next(timeout=0.2).payload == module.process.pid
            break
        except WaitTimeout:
            continue
    else:
        pytest.fail("the place was lost with the process")


@pytest.mark.mortal
def test_a_module_that_is_gone_is_an_error_that_names_it(live, module, monkeypatch):
    module.kill()

    with pytest.raises(ModuleUnavailable, match="TF-163"):
        live.send("double:in", 1, timeout=0.2)


DELETED = r"TF-107 Flow 'numbers' is no longer on pretend: it was deleted\.\n  Push it again: cluster\.push\(flow\)\."


@pytest.mark.mortal
def test_a_handle_of_a_flow_that_was_deleted_says_so_at_once(live, module, held, monkeypatch):
    monkeypatch.setattr("tinyflow_jupyter._cluster.live.FRESH", 0)
    live.send("double:in", 1)
    live.wait(timeout=5)
    port = live["double:out"]
    held.documents.clear()
    module.kill()
    asked = [
        lambda: live.send("double:in", 1),
        lambda: live.send("double:in", 1, timeout=5),
        lambda: live["next:out"],
        lambda: port.last,
        lambda: live.counts(),
        lambda: live.wait(5),
        lambda: len(live.dead_letters),
        lambda: live.pause("double"),
        lambda: live.to_yaml(),
    ]

    begun = time.monotonic()
    for each in asked:
        with pytest.raises(NodeError, match=DELETED):
            each()

    with pytest.raises(WaitTimeout, match=r"none will: TF-107 .* was deleted\.\n  Look the port up again"):
        port.next(timeout=5)
    assert time.monotonic() - begun < 2
    assert repr(live) == "Flow 'numbers' is no longer on pretend: it was deleted."
    assert live._repr_mimebundle_() == {"text/plain": repr(live)}


def test_a_module_that_serves_other_flows_too_tells_no_less(live, held, connections):
    live.send("double:in", 1)
    held.documents.pop(("TinyFlow", "numbers"))
    connections.ask("notebook", lambda remote: remote.apply(protocol.Plan(hash="none")), what="apply")

    with pytest.raises(NodeError, match=DELETED):
        live.send("double:in", 1)


def test_waiting_for_a_message_can_be_interrupted(live, interrupts):
    port = live["double:out"]
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        port.next(timeout=10)

    assert time.monotonic() - began < 2


def test_a_full_send_can_be_interrupted(live, interrupts):
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()

    def fill():
        for number in range(1000):
            live.send("slow:in", number)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fill()

    assert time.monotonic() - began < 2


def test_a_call_on_the_clusters_own_thread_is_refused(live):
    async def call() -> None:
        live.counts()

    with pytest.raises(OwnThread, match="TF-136"):
        live._connections.loop.call(call(), what="test")


def test_it_is_shown_as_a_local_flow_is(live):
    live.send("double:in", 1)
    live.wait(timeout=5)

    bundle = live._repr_mimebundle_()

    assert bundle["text/plain"] == "Flow numbers: 6 nodes, 1 edge, running"
    assert bundle["image/svg+xml"].startswith("<svg")
    assert "1 handled" in bundle["image/svg+xml"]
    assert ">84<" not in live["next:out"]._repr_mimebundle_()["text/html"]
    assert ">4<" in live["next:out"]._repr_mimebundle_()["text/html"]


def test_a_node_that_was_added_since_is_found(live, held, connections):
    held.put("TinyNode", "numbers.more", {"module": "notebook", "component": "double"}, flow="numbers")
    wanted = plan()
    wanted.nodes.append(protocol.Node(flow="numbers", name="more", component="double"))
    wanted.hash = "two"
    connections.ask("notebook", lambda remote: remote.apply(wanted), what="apply")

    live.send("more:in", 1)

    assert live["more:in"].last.payload == 1


class Slow(Connections):
    """Reaches a module that opens a port when it is told to."""

    def __init__(self):
        super().__init__(Held())
        self.opens = threading.Event()
        self.asked = threading.Event()

    async def reach(self, module, work, *, flow="", patience=0):
        await work(self)

    async def watch(self, request):
        self.asked.set()
        await asyncio.to_thread(self.opens.wait)
        yield protocol.Seen()
        await asyncio.Event().wait()


def test_looking_a_port_up_returns_when_the_module_says_that_the_place_is_taken():
    connections = Slow()
    stream = Stream(connections, "maths", "numbers", Address("a", "out"), int)
    places = []
    thread = threading.Thread(target=lambda: places.append(stream.place()))

    thread.start()
    connections.asked.wait(5)
    thread.join(0.1)
    before = list(places)
    connections.opens.set()
    thread.join(5)

    assert (before, len(places)) == ([], 1)
    connections.close()


def test_a_stream_ends_with_its_last_place():
    connections = Slow()
    connections.opens.set()
    stream = Stream(connections, "maths", "numbers", Address("a", "out"), int)
    one, two = stream.place(), stream.place()
    running = stream._running

    del one
    assert not running.done()
    del two

    with pytest.raises(CancelledError):
        running.result(5)
    assert stream.place().ended is False
    connections.close()


def test_a_flow_on_a_cluster_is_paused_led_and_held_as_one_in_the_kernel(live):
    out = live["next:out"]
    live.pause("next")
    for n in (1, 2, 3):
        live.send("double:in", n)

    with pytest.raises(WaitTimeout, match="paused"):
        live.wait()

    assert live.held["next"].queued == 3
    assert 0 < live.held["next"].lease <= 300
    live.step("next")
    assert out.next(5).payload == 4
    live.resume()
    live.wait(5)
    assert [out.next(5).payload for _ in range(2)] == [8, 12]
    assert live.held == {}


def test_a_breakpoint_on_a_cluster_shows_what_it_holds_and_ends_with_its_lease(live):
    out = live["next:out"]
    live.breakpoint("next:in", when="msg > 5", lease=2)
    for n in (1, 3, 4):
        live.send("double:in", n)
    assert out.next(5).payload == 4
    while "next" not in live.held:  # nobody tells of it
        pass

    held = live.held["next"]

    assert (held.port, held.message.payload) == ("in", 6)
    assert live.breakpoints == {"next:in": "msg > 5"}
    assert [out.next(10).payload for _ in range(2)] == [12, 16]
    assert live.held == {}
    assert live.breakpoints == {}


def test_what_cannot_be_held_on_a_cluster_is_refused_with_the_same_words(live):
    with pytest.raises(NodeError, match="TF-132"):
        live.step("next")
    with pytest.raises(NodeError, match="TF-107"):
        live.pause("nobody")
    with pytest.raises(PortError, match="TF-101"):
        live.breakpoint("next:inn")
    with pytest.raises(NodeError, match="TF-129"):
        live.breakpoint("next:in", lease=-1)

    assert live.held == {}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # ipycytoscape and its own dependencies
def test_a_port_and_a_dashboard_of_a_cluster_are_looked_at_as_in_the_kernel(live):
    from tinyflow_jupyter._view.port_view import PortView  # widgets take a while to import

    port = live["next:out"]
    live.send("double:in", 21, timeout=5)
    port.next(timeout=5)
    view, board = PortView(live, "next:out", far=True), live.dashboard()

    seen, told = view.look(), board.look()
    view.close()
    board.close()

    assert [row["tree"]["t"] for row in seen["rows"]] == ["84"]
    assert (seen["count"], seen["type"], seen["numbers"]) == (1, "int", [84.0])
    assert (told["flow"], told["state"], told["tiles"]) == ("numbers", "running", [])


@pytest.mark.mortal
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as above
def test_a_widget_says_that_a_module_cannot_be_reached_and_keeps_what_it_saw(live, module):
    from tinyflow_jupyter._view.port_view import PortView  # as above

    port = live["next:out"]
    live.send("double:in", 21, timeout=5)
    port.next(timeout=5)
    view = PortView(live, "next:out", far=True)
    view.turn()

    module.kill()
    view._pace.acknowledged()
    view.turn()
    trouble, count = view._told["trouble"], view._told["count"]
    view.close()

    assert "cannot be reached" in trouble
    assert count == 1


def test_the_values_of_all_ports_in_sight_are_one_call_to_their_module(live, monkeypatch):
    port = live["next:out"]
    live.send("double:in", 21, timeout=5)
    port.next(timeout=5)
    asked, look = [], Remote.look

    async def counted(remote, request, **options):
        asked.append(request)
        return await look(remote, request, **options)

    monkeypatch.setattr(Remote, "look", counted)
    addresses = [f"{name}:{port}" for name, node in live.nodes.items() for port in node.ports]
    looks = live._looks([*addresses, "double:gone"])

    assert len(asked) == 1
    assert looks.keys() == set(addresses)
    assert [looks[address].last.payload for address in ("double:in", "double:out", "next:out")] == [21, 42, 84]
    assert looks["slow:out"].last is None


def test_a_node_on_a_cluster_that_waits_for_room_is_seen_so_with_its_full_edge(live, held, connections):
    ticking = protocol.Node(
        flow="numbers", name="ticks", component="ticks", settings=msgspec.msgpack.encode({"every": 0})
    )
    ticking.edges.add(id="t", port="out", to="slow:in", capacity=4)
    applied = protocol.Plan(hash="filling", nodes=[*plan().nodes, ticking])
    connections.ask("notebook", lambda remote: remote.apply(applied), what="apply")
    spec = {"module": "notebook", "component": "ticks", "edges": [{"id": "t", "port": "out", "to": "slow:in"}]}
    held.put("TinyNode", "numbers.ticks", spec, flow="numbers")

    end = time.monotonic() + 5
    while not (seen := live._observed()).blocked:
        assert time.monotonic() < end
        time.sleep(0.02)

    assert list(seen.blocked) == ["ticks"]
    queued, capacity, accepted = seen.channels[Address("ticks", "out"), Address("slow", "in")]
    assert capacity == 4
    assert capacity // 2 < queued <= capacity < accepted + queued
