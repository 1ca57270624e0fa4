"""What a module server does with messages: accepted, shown, counted, refused."""

from __future__ import annotations

import asyncio
import contextlib

import msgspec

from tinyflow_runtime import protocol
from tinyflow_runtime.conformance.checks import check
from tinyflow_runtime.conformance.samples import misfit
from tinyflow_runtime.conformance.subject import FLOW, Fault, NotOffered, Subject, expect
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.rpc.envelope import open_envelope
from tinyflow_runtime.rpc.methods import SERVICE

UNKNOWN_FIELD = b"\xfa\x3f\x03new"  # field 1023, three bytes: what a later version may send


@check("accepts a batch in order, and shows it to who watches, each message once")
async def _(subject: Subject) -> None:
    await subject.run("a")
    payloads = [subject.sample(number) for number in range(20)]
    async with subject.watching("a") as watch:
        accepted = await subject.send("a", *payloads)
        expect(accepted.count == 20, f"A batch of 20 messages was answered with a count of {accepted.count}.")
        seen = await subject.seen(watch, 20)
    shown = [msgspec.msgpack.decode(message.payload) for message in seen]
    sent = [msgspec.msgpack.decode(msgspec.msgpack.encode(payload)) for payload in payloads]
    expect(shown == sent, f"Messages were shown in another order, or changed: {shown[:5]} … of {sent[:5]} …")
    ids = {message.id for message in seen}
    expect("" not in ids and len(ids) == 20, "Messages have no ids, or several have one.")
    expect(all(message.trace for message in seen), "Messages have no trace.")
    expect(all(message.to == f"a:{subject.port}" for message in seen), f"Messages are said to be at {seen[0].to!r}.")


@check("samples what is watched, the newest first of all, and counts the rest")
async def _(subject: Subject) -> None:
    await subject.run("a")
    async with subject.watching("a", per_second=4) as watch:
        await subject.send("a", *[subject.sample(number) for number in range(40)])
        found: list[protocol.Seen] = []
        with contextlib.suppress(TimeoutError, StopAsyncIteration):
            async with asyncio.timeout(1.5):
                while True:
                    found.append(await anext(watch))
    expect(bool(found), "A watch of 4 answers a second showed nothing of 40 messages in 1.5 s.")
    expect(len(found) <= 8, f"A watch of 4 answers a second gave {len(found)} in 1.5 s.")
    newest = msgspec.msgpack.decode(found[-1].message.payload)
    expect(
        newest == subject.sample(39), f"The newest of 40 messages is {subject.sample(39)!r}; the last shown {newest!r}."
    )
    skipped = found[-1].skipped + len(found)
    expect(skipped == 40, f"Of 40 messages {len(found)} were shown and {found[-1].skipped} are said to be skipped.")


@check("shows what a filter is true for, and refuses one that is no expression")
async def _(subject: Subject) -> None:
    await subject.run("a")
    wanted = subject.sample(1)
    if not isinstance(wanted, (int, float, str)) or wanted == subject.sample(0):
        raise NotOffered("Its payloads are no numbers or texts.")
    async with subject.watching("a", where=f"msg == {wanted!r}") as watch:
        await subject.send("a", subject.sample(0), wanted, subject.sample(0), wanted)
        seen = await subject.seen(watch, 2)
    shown = [msgspec.msgpack.decode(message.payload) for message in seen]
    expect(shown == [wanted, wanted], f"A filter for {wanted!r} showed {shown}.")
    try:
        async with subject.watching("a", where="msg ==="):
            raise Fault("A filter that is no expression was taken.")
    except ModuleUnavailable as error:
        raise Fault(f"A filter that is no expression was answered with: {error.what}") from None
    except TinyFlowError:
        pass


@check("tells what is known of a port")
async def _(subject: Subject) -> None:
    await subject.run("a")
    await subject.send("a", *[subject.sample(number) for number in range(5)])
    await subject.settled("a", 5)
    port = f"a:{subject.port}"
    look = await subject.remote.look(protocol.LookRequest(flow=FLOW, port=port, history=3))
    expect(look.count == 5, f"Of 5 messages Look counted {look.count}.")
    shown = [msgspec.msgpack.decode(message.payload) for message in look.messages]
    wanted = [subject.sample(number) for number in (2, 3, 4)]
    expect(shown == wanted, f"Look of the newest 3 messages, oldest first, is {wanted}; it gave {shown}.")
    none = await subject.remote.look(protocol.LookRequest(flow=FLOW, port=port))
    expect(not none.messages, "Look with a history of 0 gave messages.")


@check("tells what is known of several ports at once")
async def _(subject: Subject) -> None:
    await subject.run("a", "b")
    await subject.send("a", *map(subject.sample, range(3)))
    await subject.settled("a", 3)
    a, b = (f"{name}:{subject.port}" for name in "ab")
    wanted = protocol.LookRequest(flow=FLOW, ports=[a, b, "a:no-such-port"], history=1)
    look = await subject.remote.look(wanted)
    told = ", ".join(sorted(look.ports)) or "none"
    expect(set(look.ports) == {a, b}, f"Look at {a}, {b} and a port that is not there told of {told}.")
    counts = look.ports[a].count, look.ports[b].count
    expect(
        counts == (3, 0), f"Of 3 messages at {a} and none at {b}, a Look at both counted {counts[0]} and {counts[1]}."
    )
    shown = [msgspec.msgpack.decode(message.payload) for message in look.ports[a].messages]
    expect(
        shown == [subject.sample(2)], f"The newest message at {a} is {subject.sample(2)}; a Look at both gave {shown}."
    )


@check("accounts for every message")
async def _(subject: Subject) -> None:
    await subject.run("a")
    await subject.send("a", *[subject.sample(number) for number in range(30)])
    node = await subject.settled("a", 30)
    rest = node.handled + node.dead + node.shed + node.queued + node.running
    parts = f"handled {node.handled}, dead {node.dead}, shed {node.shed}, queued {node.queued}, running {node.running}"
    expect(rest == node.accepted, f"The counts of a node do not balance: accepted {node.accepted}, but {parts}.")
    expect(node.accepted == 30, f"Of 30 messages {node.accepted} are said to be accepted.")


@check("handles a message of one idempotency key once")
async def _(subject: Subject) -> None:
    await subject.run("a")
    batch = protocol.Batch(messages=[subject.message("a", subject.sample(), idempotency_key="k1")])
    for _ in range(2):
        accepted = await subject.remote.send(batch, timeout=5)
        expect(accepted.count == 1, "A message of a key that was accepted before was not accepted again.")
    node = await subject.settled("a", 1)
    expect(node.accepted == 1, f"A message of one key was sent twice and accepted {node.accepted} times.")


@check("refuses what does not fit, by code and with the error whole")
async def _(subject: Subject) -> None:
    await subject.run("a")
    wrong: dict[str, tuple[protocol.Message, str]] = {
        "a flow that is not there": (protocol.Message(flow="nobody", to="a:in", payload=b"\x01"), "TF-107"),
        "a node that is not there": (subject.message("nobody:in", 1), "TF-107"),
        "a port that is not there": (subject.message("a:no-such-port", 1), "TF-101"),
        "bytes that are no payload": (
            protocol.Message(flow=FLOW, to=f"a:{subject.port}", payload=b"\xc1\xff"),
            "TF-123",
        ),
    }
    if (other := misfit(subject.schema)) is not None:
        wrong["a payload of another type"] = subject.message("a", other), "TF-123"
    for what, (message, code) in wrong.items():
        request = protocol.Batch(messages=[message]).SerializeToString()
        status, _, carried = await subject.remote.call(f"/{SERVICE}/Send", request)
        expect(status != "OK", f"A message to {what} was accepted.")
        expect(carried != b"", f"A message to {what} was refused with {status} and no error in tinyflow-error-bin.")
        error = open_envelope(carried)
        expect(error.code == code, f"A message to {what} was refused with {error.code}, not {code}.")
        if code == "TF-107":
            expect(status == "NOT_FOUND", f"A message to {what} was refused with {status}, not NOT_FOUND.")


@check("stops a batch at the first refusal, and keeps what came before it")
async def _(subject: Subject) -> None:
    await subject.run("a")
    good, bad = subject.message("a", subject.sample()), subject.message("nobody:in", 1)
    with contextlib.suppress(TinyFlowError):
        await subject.remote.send(protocol.Batch(messages=[good, good, bad, good]), timeout=5)
        raise Fault("A batch with a message to nobody was accepted whole.")
    node = await subject.settled("a", 2)
    expect(node.accepted == 2, f"Of a batch whose third message was refused, {node.accepted} were accepted, not 2.")


@check("ignores fields and refuses methods that it does not know")
async def _(subject: Subject) -> None:
    await subject.run("a")
    request = protocol.Batch(messages=[subject.message("a", subject.sample())]).SerializeToString()
    status, _, _ = await subject.remote.call(f"/{SERVICE}/Send", request + UNKNOWN_FIELD)
    expect(status == "OK", f"A request with a field of a later version was answered with {status}.")
    status, _, _ = await subject.remote.call(f"/{SERVICE}/NoSuchMethod", b"")
    expect(status == "UNIMPLEMENTED", f"A method that is not there was answered with {status}, not UNIMPLEMENTED.")


@check("tells its dead letters and forgets them")
async def _(subject: Subject) -> None:
    await subject.run("a")
    letters = await subject.remote.dead_letters(FLOW)
    expect(letters.count >= len(letters.letters), f"{len(letters.letters)} letters are told, and {letters.count} kept.")
    ids = [letter.id for letter in letters.letters]
    expect("" not in ids and len(set(ids)) == len(ids), "Dead letters have no ids, or several have one.")
    await subject.remote.discard(FLOW)
    left = await subject.remote.dead_letters(FLOW)
    expect(left.count == 0, f"After all dead letters were discarded there are {left.count}.")


@check("pauses a node, lets it handle a message for each step, and lets it go")
async def _(subject: Subject) -> None:
    await subject.run("a")
    hold = subject.remote.hold
    try:
        await hold(protocol.HoldRequest(flow=FLOW, action="pause", node="a", lease=60))
    except ModuleUnavailable as error:
        if error.code == "TF-151":
            raise NotOffered("It has no Hold; its nodes cannot be paused.") from None
        raise
    await subject.send("a", *map(subject.sample, range(3)))
    node = await subject.node_state("a")
    expect(node.queued == 3, f"Of 3 messages for a paused node {node.queued} wait there.")
    holds = await hold(protocol.HoldRequest(flow=FLOW, action="step", node="a"))
    node = await subject.node_state("a")
    expect(node.queued == 2, f"A paused node with 3 messages made a step, and {node.queued} wait there.")
    told = {held.node: held.lease for held in holds.nodes}
    expect(0 < told.get("a", 0) <= 60, f"Of a node that is paused for 60 s a lease of {told.get('a', 0):g} s is told.")
    holds = await hold(protocol.HoldRequest(flow=FLOW, action="resume"))
    node = await subject.settled("a", 3)
    left = node.queued + node.running
    expect(not (left or holds.nodes), f"A node that was let go holds {left} messages back.")


@check("serves many at once")
async def _(subject: Subject) -> None:
    await subject.run("a")

    async def one(number: int) -> None:
        await asyncio.gather(subject.send("a", subject.sample(number)), subject.remote.state(FLOW))

    await asyncio.gather(*map(one, range(50)))
    node = await subject.settled("a", 50)
    expect(node.accepted == 50, f"Of 50 messages sent at once {node.accepted} were accepted.")
