"""Reports: what a running flow says of its nodes, edges, ports and messages, in the words of module.proto."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from google.protobuf.message import Message as Told

from tinyflow_runtime import protocol
from tinyflow_runtime.component import Port
from tinyflow_runtime.delivery.frames import Loss
from tinyflow_runtime.errors import NodeError, PortError
from tinyflow_runtime.hosting.running import Running
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.observation.counts import NAMES
from tinyflow_runtime.redaction import Redactor
from tinyflow_runtime.runner import Runner

__all__ = ["Rates", "busiest", "carried", "edges", "failing", "fitting", "looked", "lost", "nodes", "ports", "seen"]

_WINDOW = 1.0  # seconds over which the rate of an edge is averaged, at least
_FAILING, _TEXT = 100, 1_000  # nodes that are named to whoever asks every few seconds, and letters of each
_ROOM = 8 * 1024 * 1024  # bytes of the messages in one answer: gRPC takes twice as much

T = TypeVar("T", bound=Told)


def nodes(running: Running, redactor: Redactor) -> Iterator[protocol.Runner]:
    """The nodes at work; taken between two batches, so the counts balance."""
    letters = running.dead_letters.by_node()
    for name, counts in running.scheduler.counts().items():
        runner = running.scheduler.runners.get(name)  # None while it sleeps
        yield protocol.Runner(
            flow=running.name,
            name=name,
            state=_state(runner),
            trouble=redactor.text(running.defined.troubles.get(name, "") or _raised(runner)),
            letters=letters[name],
            **{each: getattr(counts, each) for each in NAMES},
        )


def failing(flows: Iterable[Running], redactor: Redactor) -> Iterator[protocol.Failing]:
    """The nodes that handle no message any more, the first hundred."""
    found = (
        (running.name, runner) for running in flows for runner in running.scheduler.runners.values() if runner.fails
    )
    for flow, runner in itertools.islice(found, _FAILING):
        yield protocol.Failing(flow=flow, name=runner.name, text=redactor.text(_raised(runner))[:_TEXT])


def _state(runner: Runner | None) -> str:
    if runner is not None and not runner.opened:
        return "closed"
    if runner is not None and runner.hold is not None and runner.hold.paused:
        return "paused"
    return "waiting" if runner is not None and runner in runner.scheduler.blocked_runners else "running"


def _raised(runner: Runner | None) -> str:
    return "" if runner is None or runner.error is None else runner.reason(runner.error)


class Rates:
    """How fast edges carry: what they carried by now, less what they had when somebody looked before."""

    def __init__(self) -> None:
        self._looked: dict[tuple[str, str], tuple[float, int, float]] = {}

    def of(self, flow: str, edge: str, sent: int) -> float:
        """Messages a second, since the last look but at least over a second."""
        now = time.monotonic()
        since, before, rate = self._looked.get((flow, edge), (now, sent, 0.0))
        if now - since >= _WINDOW:
            rate = max(0.0, (sent - before) / (now - since))
            self._looked[flow, edge] = now, sent, rate
        else:
            self._looked.setdefault((flow, edge), (now, sent, 0.0))
        return rate

    def forget(self, flow: str) -> None:
        """A flow is no more."""
        for key in [key for key in self._looked if key[0] == flow]:
            del self._looked[key]


def edges(running: Running, rates: Rates) -> Iterator[protocol.Channel]:
    """The edges at work: within this module, and from it to others."""
    for exit_ in running.scheduler.exits:
        counts = exit_.counts()
        yield protocol.Channel(
            flow=running.name,
            id=exit_.key.edge,
            source=str(exit_.edge.source),
            to=str(exit_.edge.target),
            queued=counts.queued,
            capacity=exit_.edge.capacity,
            sent=counts.accepted,
            rate=rates.of(running.name, f"{exit_.edge.source} {exit_.edge.target}", counts.accepted),
            module=exit_.module,
        )
    ids = {
        (f"{generation.node.name}:{edge.port}", edge.to): edge.id
        for generation in running.defined.generations.values()
        for edge in generation.node.edges
    }
    for (source, target), edge in running.defined.flow.edges.items():
        channel = running.scheduler.channels.get((source, target))  # None while the node it leaves sleeps
        sent = channel.accepted if channel is not None else 0
        yield protocol.Channel(
            flow=running.name,
            id=ids.get((str(source), str(target)), ""),
            source=str(source),
            to=str(target),
            queued=len(channel) if channel is not None else 0,
            capacity=edge.capacity,
            sent=sent,
            rate=rates.of(running.name, f"{source} {target}", sent),
        )


def lost(flow: str, losses: Iterable[Loss]) -> Iterator[protocol.Lost]:
    """What other modules' processes took with them, of one flow."""
    for loss in losses:
        if loss.edge.flow == flow:
            yield protocol.Lost(flow=flow, edge=loss.edge.edge, peer=loss.peer, count=loss.count, when=loss.when)


def ports(running: Running) -> Iterator[protocol.PortState]:
    """The ports at which something has passed."""
    for address, probe in running.probe.ports.items():
        yield protocol.PortState(
            flow=running.name, port=str(address), count=probe.count, rate=probe.rate, skipped=probe.skipped
        )


def looked(running: Running, request: protocol.LookRequest, redactor: Redactor) -> protocol.Look:
    """See ``Look`` in module.proto.

    Raises:
        NodeError: TF-107. PortError: TF-101, there is no such port; of several, it is left out.
    """
    if not request.ports:
        return _looked(running, Address.parse(request.port), request.history, redactor, _ROOM)
    answer, left = protocol.Look(), _ROOM
    for address in request.ports:
        try:
            look = _looked(running, Address.parse(address), request.history, redactor, left)
        except (NodeError, PortError):  # it went while somebody was looking: the others are there
            continue
        left -= look.ByteSize()
        answer.ports[address].CopyFrom(look)
    return answer


def _looked(running: Running, address: Address, history: int, redactor: Redactor, room: int) -> protocol.Look:
    port, probe = running.port(address), running.probe.port(address)
    newest = reversed(probe.history(history))
    told = fitting((seen(running.name, each, port, redactor) for each in newest), room)
    return protocol.Look(count=probe.count, rate=probe.rate, skipped=probe.skipped, messages=reversed(told))


def seen(flow: str, message: Message, port: Port | None, redactor: Redactor) -> protocol.Message:
    """A message as it may be looked at: its payload masked."""
    name, kind = (port.name, port.type) if port is not None else (message.to.port, Any)
    return carried(flow, message, redactor.payload(message.payload, name=name, type=kind))


def carried(flow: str, message: Message, payload: bytes) -> protocol.Message:
    """A message with the payload that it has on the wire."""
    return protocol.Message(
        flow=flow,
        to=str(message.to),
        payload=payload,
        id=message.id,
        time=message.time,
        trace=message.trace,
        parent=message.parent or "",
        hops=message.hops,
    )


def fitting(told: Iterable[T], room: int = _ROOM) -> list[T]:
    """The first of them, as many as an answer has room for, in bytes."""
    fit: list[T] = []
    left = room
    for each in told:
        left -= each.ByteSize()
        if left < 0:
            break
        fit.append(each)
    return fit


def busiest(flows: Iterable[Running]) -> str:
    """The nodes at which most lies, for somebody who asks where the memory went. Any thread may ask."""
    queued = [
        (counts.queued, f"{running.name}/{node}")
        for running in list(flows)
        for node, counts in running.scheduler.counts().items()
    ]
    most = [f"{name} ({count} messages)" for count, name in sorted(queued, reverse=True)[:3] if count]
    return f"Most waits at {', '.join(most)}." if most else "No messages wait."
