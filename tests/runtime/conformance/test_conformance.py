"""`tinyflow module check`: our own server passes, and every fault planted in one is named."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import Annotated, Any, Literal

import msgspec
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.conformance import examine, run
from tinyflow_runtime.conformance.checks import CHECKS
from tinyflow_runtime.conformance.samples import misfit, sample
from tinyflow_runtime.errors import NodeError, PayloadError
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import Module
from tinyflow_runtime.schema import check, decode, json_schema
from tinyflow_runtime.wire import Remote, serve

module = Module("checked")


@module.component
def double(x: int) -> int:
    return 2 * x


@dataclasses.dataclass
class Point:
    """A place, and perhaps its name."""

    x: int
    y: float
    name: str = ""


Small = Annotated[int, msgspec.Meta(ge=5, lt=9)]


class AnotherHash(Host):
    """Apply answers with a hash of its own."""

    async def apply(self, plan):
        applied = protocol.Applied()
        applied.CopyFrom(await super().apply(plan))
        applied.hash = "mine"
        return applied


class SilentOfOne(Host):
    """Apply tells of one node less."""

    async def apply(self, plan):
        applied = await super().apply(plan)
        return protocol.Applied(hash=applied.hash, nodes=list(applied.nodes)[1:])


class AllOrNothing(Host):
    """One node that cannot run takes the others with it."""

    async def apply(self, plan):
        applied = await super().apply(plan)
        if any(node.trouble for node in applied.nodes):
            await super().apply(protocol.Plan(hash="none"))
            nodes = [protocol.NodeState(flow=node.flow, name=node.name, trouble="no") for node in applied.nodes]
            return protocol.Applied(hash=plan.hash, nodes=nodes)
        return applied


class BeginsAnew(Host):
    """The same plan starts every node again."""

    async def apply(self, plan):
        await super().apply(protocol.Plan(hash="none"))
        return await super().apply(plan)


class LastFirst(Host):
    """A watch begins with a message."""

    async def watch(self, request):
        yield protocol.Seen(message=protocol.Message(flow=request.flow, to=request.port, payload=b"\x01"))
        async for seen in super().watch(request):
            yield seen


class AllAtOnce(Host):
    """A watch does not sample."""

    async def watch(self, request):
        plain = protocol.WatchRequest(flow=request.flow, port=request.port, where=request.where)
        async for seen in super().watch(plain):
            yield seen


class Unfiltered(Host):
    """A watch knows no filter."""

    async def watch(self, request):
        plain = protocol.WatchRequest(flow=request.flow, port=request.port, per_second=request.per_second)
        async for seen in super().watch(plain):
            yield seen


class Reversed(Host):
    """A batch is accepted from its end."""

    async def send(self, batch):
        return await super().send(protocol.Batch(messages=list(batch.messages)[::-1]))


class Miscounted(Host):
    """A batch is accepted, and none is said to be."""

    async def send(self, batch):
        await super().send(batch)
        return protocol.Accepted()


class Forgetful(Host):
    """An idempotency key means nothing."""

    async def send(self, batch):
        for message in batch.messages:
            message.idempotency_key = ""
        return await super().send(batch)


class Persistent(Host):
    """A batch goes on after a refusal."""

    async def send(self, batch):
        refused = None
        for message in batch.messages:
            try:
                await super().send(protocol.Batch(messages=[message]))
            except NodeError as error:
                refused = error
        if refused is not None:
            raise refused
        return protocol.Accepted(count=len(batch.messages))


class Lenient(Host):
    """A payload of another type is accepted."""

    async def send(self, batch):
        for message in batch.messages:
            running = self._flow(message.flow)
            running.port(Address.parse(message.to))
            with contextlib.suppress(Exception):
                await super().send(protocol.Batch(messages=[message]))
        return protocol.Accepted(count=len(batch.messages))


class NewestFirst(Host):
    """A history is told from its end."""

    async def look(self, request):
        look = await super().look(request)
        return protocol.Look(count=look.count, messages=list(look.messages)[::-1], ports=look.ports)


class OneAtATime(Host):
    """Of several ports one is looked at."""

    async def look(self, request):
        first = protocol.LookRequest(flow=request.flow, port=request.port or request.ports[0], history=request.history)
        return await super().look(first)


class Unbalanced(Host):
    """A message is counted nowhere."""

    async def state(self, request):
        state = await super().state(request)
        for node in state.nodes:
            node.accepted += node.handled > 0
        return state


class OfManyLives(Host):
    """Every Describe tells of another instance."""

    async def describe(self, request):
        self.instance += "x"
        return await super().describe(request)


class Unschematic(Host):
    """The schema of a port is a word."""

    async def describe(self, request):
        description = await super().describe(request)
        description.components[0].ports[1].schema = "int"
        return description


class Credulous(Host):
    """An archive is loaded whatever it hashes to."""

    async def load(self, archive):
        return await self.describe(protocol.DescribeRequest())


class Keeper(Host):
    """Dead letters cannot be forgotten, and there is always one."""

    async def dead_letters(self, request):
        return protocol.Letters(letters=[protocol.Letter(id="1", node="a")], count=1)


class Lingering(Host):
    """A node that the plan lacks runs on."""

    async def apply(self, plan):
        if not plan.nodes:
            return protocol.Applied(hash=plan.hash)
        return await super().apply(plan)


class Between:
    """A Deliver stream whose answers are changed before they leave, and its dispatches before they are read."""

    def __init__(self, stream, answered, asked):
        self.stream, self.answered, self.asked = stream, answered, asked

    async def read(self):
        dispatch = await self.stream.read()
        if dispatch is not None:
            self.asked(dispatch)
        return dispatch

    async def write(self, receipts):
        self.answered(receipts)
        await self.stream.write(receipts)


class Delivering(Host):
    """A host that is changed in what it says on Deliver streams."""

    def answered(self, receipts):
        """Change an answer."""

    def asked(self, dispatch):
        """Change what was asked."""

    async def deliver(self, stream):
        await super().deliver(Between(stream, self.answered, self.asked))


class Disguised(Delivering):
    """Deliver tells of another instance than Describe."""

    def answered(self, receipts):
        if receipts.HasField("welcome"):
            receipts.welcome.instance += "x"


class Generous(Delivering):
    """More is granted than there is room for."""

    def answered(self, receipts):
        for opened in receipts.opened:
            opened.limit += 1_000


class Amnesic(Delivering):
    """After a reconnect nothing is said to have been received."""

    def answered(self, receipts):
        for opened in receipts.opened:
            opened.received, opened.known = 0, False


class Doubling(Delivering):
    """What comes again is taken for something new."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.came = 0

    def asked(self, dispatch):
        if dispatch.HasField("hello") and dispatch.hello.stream > 1:
            dispatch.hello.writer += "again"

    def answered(self, receipts):
        for opened in receipts.opened:
            opened.received, opened.known = 2, True


class Gapless(Delivering):
    """A gap is not noticed."""

    def asked(self, dispatch):
        for parcel in dispatch.parcels:
            parcel.first = 1


class Open(Delivering):
    """Every edge is opened for everybody."""

    def answered(self, receipts):
        for refusal in receipts.refusals:
            receipts.opened.add(number=refusal.number, epoch=refusal.epoch, limit=8)
        del receipts.refusals[:]


class Final(Delivering):
    """A right that may still come is refused for good."""

    def answered(self, receipts):
        for refusal in receipts.refusals:
            refusal.retryable = False


class Restless(Host):
    """A node that is to be paused handles what comes."""

    async def hold(self, request):
        return protocol.Holds()


class Rushing(Host):
    """A step is all that waits."""

    async def hold(self, request):
        if request.action == "step":
            for _ in range(2):
                await super().hold(request)
        return await super().hold(request)


class Endless(Host):
    """A hold has no lease."""

    async def hold(self, request):
        holds = await super().hold(request)
        for held in holds.nodes:
            held.lease = 0
        return holds


FAULTS = {
    Restless: "Of 3 messages for a paused node 0 wait there",
    Rushing: "A paused node with 3 messages made a step, and 0 wait",
    Endless: "Of a node that is paused for 60 s a lease of 0 s",
    Disguised: "Deliver welcomes as",
    Generous: "An edge that holds 8 messages was granted",
    Amnesic: "After a reconnect an epoch that was open is said to be unknown",
    Doubling: "Of 3 messages, 2 of them sent twice, 5 were accepted",
    Gapless: "A message was sent whose predecessor was not",
    Open: "An edge that no plan gives to a module was opened",
    Final: "An edge without a right was refused for good",
    AnotherHash: "Apply of plan .* answered with hash 'mine'",
    SilentOfOne: r"Apply of the nodes a and b told of \['b'\]",
    AllOrNothing: "The node beside it suffers",
    BeginsAnew: "The same plan began the node anew",
    LastFirst: "A watch began with a message",
    AllAtOnce: "A watch of 4 answers a second gave 40",
    Unfiltered: "A filter for 1 showed",
    Reversed: "Messages were shown in another order",
    Miscounted: "A batch of 20 messages was answered with a count of 0",
    Forgetful: "A message of one key was sent twice and accepted 2 times",
    Persistent: "Of a batch whose third message was refused, 3 were accepted",
    Lenient: "A message to bytes that are no payload was accepted",
    NewestFirst: "Look of the newest 3 messages, oldest first",
    OneAtATime: "Look at a:.*, b:.* and a port that is not there told of none",
    Unbalanced: "The counts of a node do not balance",
    OfManyLives: "Its instance changed while it ran",
    Unschematic: "The schema of double:out is no JSON",
    Credulous: "An archive that does not hash to what was announced was loaded",
    Keeper: "After all dead letters were discarded there are 1",
    Lingering: "A watch did not end",
}


@contextlib.asynccontextmanager
async def serving(server):
    async with server as host, serve(host, "127.0.0.1:0") as address:
        remote = Remote(address)
        try:
            yield remote
        finally:
            await remote.close()


@pytest.mark.timeout(60)
async def test_our_own_server_passes_every_check():
    async with serving(Host("checked")) as remote:
        findings = [finding async for finding in examine(remote)]

    assert [finding.sentence for finding in findings] == list(CHECKS)
    assert [str(finding) for finding in findings if finding.fault or finding.skipped] == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize("planted", FAULTS, ids=lambda planted: planted.__name__)
async def test_a_planted_fault_is_named(planted):
    told = []

    async with serving(planted("checked")) as remote, contextlib.aclosing(examine(remote)) as findings:
        async for finding in findings:
            told.append(finding.fault)
            if re.search(FAULTS[planted], finding.fault):
                break  # named; the rest would only take time

    assert re.search(FAULTS[planted], told[-1]), told


async def test_a_server_that_cannot_be_reached_is_one_fault():
    remote = Remote("127.0.0.1:1")

    findings = [finding async for finding in examine(remote)]
    await remote.close()

    assert [("TF-163" in finding.fault) for finding in findings] == [True]


@pytest.mark.parametrize(
    "declared",
    [int, float, str, bool, bytes, list[int], dict[str, int], int | None, Literal["a", "b"], Point, Any, Small],
    ids=str,
)
def test_a_sample_fits_the_schema_that_it_was_made_for(declared):
    schema = json_schema(declared)

    payload = sample(schema, 3)

    check(declared).one(decode(msgspec.msgpack.encode(payload), declared))
    assert payload == sample(schema, 3)


@pytest.mark.parametrize("declared", [int, float, str, bool, list[int], Point, Small], ids=str)
def test_a_misfit_fits_not(declared):
    payload = misfit(json_schema(declared))

    with pytest.raises(PayloadError):
        check(declared).one(decode(msgspec.msgpack.encode(payload), declared))


@pytest.mark.timeout(60)
async def test_the_command_prints_a_line_for_each_check_and_spares_what_runs(capsys):
    async with Host("checked") as host, serve(host, "127.0.0.1:0") as address:
        await host.apply(protocol.Plan(hash="x", nodes=[protocol.Node(flow="mine", name="a", component="double")]))
        spared = await run(address, "", force=False)
        forced = await run(address, "", force=True)

    said = capsys.readouterr().out
    assert (spared, forced) == (2, 0)
    assert f"{address} runs mine; this would end them." in said
    assert said.count("\nok     ") == len(CHECKS)
    assert said.endswith(f"{len(CHECKS)} checks, 0 faults\n")


@pytest.mark.timeout(60)
async def test_the_command_says_by_its_exit_code_that_there_is_a_fault(capsys):
    async with Miscounted("checked") as host, serve(host, "127.0.0.1:0") as address:
        code = await run(address, "", force=False)

    assert code == 1
    assert "FAULT  accepts a batch in order" in capsys.readouterr().out
