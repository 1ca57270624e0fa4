"""What a module server does with messages from another module: the receiving end of the edge protocol."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from tinyflow_runtime import protocol
from tinyflow_runtime.conformance.checks import check
from tinyflow_runtime.conformance.subject import FLOW, Fault, NotOffered, Subject, expect
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.rpc.streams import Outbound
from tinyflow_runtime.wire import dial

PEER, EDGE = "conformance-peer", "crossing"  # the module that is played here, and its edge
ROOM = 8  # messages that the edge holds
ANSWER = 5.0  # seconds

_writers = itertools.count(1)  # every check is a process of its own


class Writer:
    """Another module's process, as the server sees it."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._name = f"{subject.description.instance}-writer-{next(_writers)}"
        self._streams = itertools.count(1)

    @contextlib.asynccontextmanager
    async def stream(self) -> AsyncIterator[Line]:
        """A further stream of this writer, welcomed."""
        async with dial(self._subject.remote.address) as stream:
            line = Line(stream)
            hello = protocol.Hello(writer=self._name, module=PEER, stream=next(self._streams))
            await line.say(protocol.Dispatch(hello=hello))
            try:
                welcome = await line.answer("Hello", lambda receipts: receipts.HasField("welcome"))
            except ModuleUnavailable as error:
                if error.code == "TF-151":
                    raise NotOffered("It has no Deliver; only its own nodes send to its nodes.") from None
                raise
            line.instance = welcome.welcome.instance
            yield line


class Line:
    """One stream to the server."""

    def __init__(self, stream: Outbound) -> None:
        self._stream = stream
        self.instance = ""

    async def say(self, dispatch: protocol.Dispatch) -> None:
        """Write one dispatch."""
        async with asyncio.timeout(ANSWER):
            await self._stream.write(dispatch)

    async def answer(self, to: str, fits: Callable[[protocol.Receipts], bool]) -> protocol.Receipts:
        """The next answer that is the one waited for."""
        try:
            async with asyncio.timeout(ANSWER):
                while (receipts := await self._stream.read()) is not None:
                    if fits(receipts):
                        return receipts
        except TimeoutError:
            raise Fault(f"On a Deliver stream {to} was not answered within {ANSWER:g} s.") from None
        raise Fault(f"A Deliver stream was ended where an answer to {to} was due.")

    async def broken(self, *, within: float = ANSWER) -> bool:
        """Whether the server breaks the stream off."""
        try:
            async with asyncio.timeout(within):
                while await self._stream.read() is not None:
                    pass
        except TimeoutError:
            return False
        except TinyFlowError:
            return True
        return True

    async def open(self, edge: str = EDGE, *, epoch: int = 1) -> protocol.Opened:
        """Ask for an edge, by number 1; it must be granted."""
        await self.say(protocol.Dispatch(opens=[protocol.Open(number=1, flow=FLOW, edge=edge, epoch=epoch)]))
        answered = await self.answer("Open", lambda receipts: bool(receipts.opened or receipts.refusals))
        if answered.refusals:
            raise Fault(f"An edge that the plan gives to {PEER} was refused: {answered.refusals[0].what}")
        return answered.opened[0]

    async def send(self, first: int, payloads: Sequence[bytes], *, epoch: int = 1) -> None:
        """Send messages whose sequences count up from the first."""
        parcel = protocol.Parcel(
            number=1,
            epoch=epoch,
            first=first,
            payloads=payloads,
            time=1.0,
            origins=["00000c0de0"],
            ids=[first],
            hops=[1],
        )
        await self.say(protocol.Dispatch(parcels=[parcel]))

    async def received(self, sequence: int) -> None:
        """Once messages up to a sequence are acknowledged."""
        await self.answer(
            f"message {sequence}", lambda receipts: any(each.received >= sequence for each in receipts.receipts)
        )


async def _run(subject: Subject) -> Writer:
    """A node that the edge leads to, and a writer for it."""
    await subject.remote.apply(subject.plan())
    plan = subject.plan(subject.node("a"))
    to = f"a:{subject.port}"
    plan.incoming.add(flow=FLOW, edge=EDGE, from_module=PEER, to=to, capacity=ROOM)
    await subject.remote.apply(plan)
    return Writer(subject)


def _payloads(subject: Subject, *numbers: int) -> list[bytes]:
    return [msgspec.msgpack.encode(subject.sample(number)) for number in numbers]


@check("welcomes another module as the instance that it describes")
async def _(subject: Subject) -> None:
    writer = await _run(subject)
    async with writer.stream() as line:
        told = f"Deliver welcomes as {line.instance!r}, and Describe tells {subject.description.instance!r}."
        expect(line.instance == subject.description.instance, told)


@check("accepts what comes from another module in order, and grants no more than there is room")
async def _(subject: Subject) -> None:
    writer = await _run(subject)
    async with writer.stream() as line:
        opened = await line.open()
        expect(opened.received == 0, f"A new edge is said to have received {opened.received} messages.")
        expect(0 < opened.limit <= ROOM, f"An edge that holds {ROOM} messages was granted {opened.limit} at once.")
        count = min(5, opened.limit)
        await line.send(1, _payloads(subject, *range(count)))
        await line.received(count)
    await subject.settled("a", count)
    look = await subject.remote.look(protocol.LookRequest(flow=FLOW, port=f"a:{subject.port}", history=10))
    shown = [msgspec.msgpack.decode(message.payload) for message in look.messages]
    wanted = [subject.sample(number) for number in range(count)]
    expect(shown == wanted, f"Messages from another module were accepted as {shown}, not as {wanted}.")


@check("acknowledges what it had when it comes again, and does not handle it again")
async def _(subject: Subject) -> None:
    writer = await _run(subject)
    async with writer.stream() as line:
        await line.open()
        await line.send(1, _payloads(subject, 0, 1))
        await line.received(2)
    async with writer.stream() as line:
        opened = await line.open()
        expect(opened.known, "After a reconnect an epoch that was open is said to be unknown.")
        expect(opened.received == 2, f"After a reconnect 2 messages were received; it says {opened.received}.")
        await line.send(1, _payloads(subject, 0, 1, 2))
        await line.received(3)
    node = await subject.settled("a", 3)
    expect(node.accepted == 3, f"Of 3 messages, 2 of them sent twice, {node.accepted} were accepted.")


@check("breaks off when messages are missing")
async def _(subject: Subject) -> None:
    writer = await _run(subject)
    async with writer.stream() as line:
        await line.open()
        await line.send(2, _payloads(subject, 0))
        expect(await line.broken(), "A message was sent whose predecessor was not; the stream was not broken off.")
    node = await subject.node_state("a")
    expect(node.accepted == 0, "A message whose predecessor is missing was accepted.")


@check("breaks off when more comes than it granted")
async def _(subject: Subject) -> None:
    writer = await _run(subject)
    async with writer.stream() as line:
        opened = await line.open()
        await line.send(1, _payloads(subject, *range(opened.limit + 1)))
        expect(await line.broken(), f"{opened.limit + 1} messages came, {opened.limit} were granted; it went on.")


@check("refuses an edge that no plan gives to that module, and says that waiting may help")
async def _(subject: Subject) -> None:
    writer = await _run(subject)
    async with writer.stream() as line:
        asked = protocol.Open(number=1, flow=FLOW, edge="another", epoch=1)
        await line.say(protocol.Dispatch(opens=[asked]))
        answered = await line.answer("Open", lambda receipts: bool(receipts.opened or receipts.refusals))
    expect(not answered.opened, "An edge that no plan gives to a module was opened for it.")
    refusal = answered.refusals[0]
    expect(refusal.code == "TF-150", f"An edge without a right was refused with {refusal.code}, not TF-150.")
    expect(refusal.retryable, "An edge without a right was refused for good; the plan may still come.")


@check("takes a new epoch, and nothing more of the one before")
async def _(subject: Subject) -> None:
    writer = await _run(subject)
    async with writer.stream() as line:
        await line.open()
        await line.send(1, _payloads(subject, 0))
        await line.received(1)
        opened = await line.open(epoch=2)
        expect(opened.received == 0, f"A new epoch is said to have received {opened.received} messages.")
        await line.send(1, _payloads(subject, 1), epoch=2)
        await line.answer(
            "epoch 2", lambda receipts: any((each.epoch, each.received) == (2, 1) for each in receipts.receipts)
        )
        with contextlib.suppress(TinyFlowError):
            await line.send(2, _payloads(subject, 2), epoch=1)
            await line.broken(within=1)  # or it says nothing; both are fine
    node = await subject.settled("a", 2)
    expect(node.accepted == 2, f"2 messages of the newest epochs were sent, and {node.accepted} accepted.")
