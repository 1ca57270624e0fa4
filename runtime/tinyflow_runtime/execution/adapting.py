"""Adapting: what an edge makes of messages, a batch at a time: its ``when``, its ``map`` and the type at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_runtime.channel import Channel
from tinyflow_runtime.errors import PayloadError, TooManyHops
from tinyflow_runtime.message import MAX_HOPS
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.schema import snapshot

if TYPE_CHECKING:
    from tinyflow_runtime.flow import Edge
    from tinyflow_runtime.probe import PortProbe

__all__ = ["adapt", "noted"]


def adapt(channel: Channel, edge: Edge, payloads: list[Any], lineage: Lineage) -> tuple[list[Any], Lineage]:
    """What arrives of a batch; what cannot, becomes dead letters of the target."""
    if edge.loop:
        payloads, lineage = _within_hops(channel, payloads, lineage)
    program = edge.program
    mapped, picked = payloads, lineage
    try:
        if program is not None and program.keep is not None:
            indexes = program.keep(payloads)
            if len(indexes) < len(payloads):
                mapped, picked = [payloads[i] for i in indexes], lineage.pick(indexes)
        if program is not None and program.values is not None:
            mapped = program.values(mapped)
        made = channel.check.together(mapped) if edge.check else mapped
        fits = made is not None
        mapped = made or mapped
    except Exception:  # an expression met a payload it was not made for: find out which
        fits = False
    if fits:
        channel.filtered += len(payloads) - len(mapped)
        return mapped, picked
    return _adapt_each(channel, edge, payloads, lineage)


def _adapt_each(channel: Channel, edge: Edge, payloads: list[Any], lineage: Lineage) -> tuple[list[Any], Lineage]:
    """One by one, so that one bad message does not take its batch with it: it becomes a dead letter."""
    adapted, indexes = [], []
    for index, payload in enumerate(payloads):
        try:
            kept, value = edge.program.one(payload) if edge.program is not None else (True, payload)
            if not kept:
                channel.filtered += 1
                continue
            adapted.append(channel.check.one(value) if edge.check else value)
            indexes.append(index)
        except PayloadError as error:
            _refuse(channel, edge, payload, lineage, index, error)
        except Exception as error:
            failed = PayloadError(
                "TF-125",
                f"The edge {edge.source} → {edge.target} could not work on a message: {type(error).__name__}: {error}.",
                _expressions(edge),
                "Look at the dead letter's payload, then change the expression.",
                where=edge.place,
            )
            failed.__cause__ = error
            channel.target.refuse(channel.port, payload, lineage, index, failed)
    return adapted, lineage.pick(indexes)


def noted(
    channel: Channel, edge: Edge, probe: PortProbe, payloads: list[Any], lineage: Lineage
) -> tuple[list[Any], Lineage]:
    """Note what arrives at the port; a message that a mapping has made too large does not."""
    try:
        probe.record(payloads, lineage)
    except PayloadError:  # a mapping can make a message larger than one may be
        kept = []
        for index, payload in enumerate(payloads):
            try:
                snapshot(payload)
                kept.append(index)
            except PayloadError as error:
                _refuse(channel, edge, payload, lineage, index, error)
        payloads, lineage = [payloads[i] for i in kept], lineage.pick(kept)
        if payloads:
            probe.record(payloads, lineage)
    return payloads, lineage


def _within_hops(channel: Channel, payloads: list[Any], lineage: Lineage) -> tuple[list[Any], Lineage]:
    hops = [lineage.hops_at(i) for i in range(len(payloads))]
    if max(hops, default=0) < MAX_HOPS:
        return payloads, lineage
    for index, count in enumerate(hops):
        if count >= MAX_HOPS:
            error = TooManyHops(
                "TF-140",
                f"A message went round the loop through {channel.edge.source} → {channel.edge.target} "  # type: ignore[union-attr] # a loop has an edge
                f"until it had passed {MAX_HOPS} nodes.",
                'Let it end: give the loop\'s edge a condition, such as when="msg < 100".',
            )
            channel.target.refuse(channel.port, payloads[index], lineage, index, error)
    left = [i for i, count in enumerate(hops) if count < MAX_HOPS]
    return [payloads[i] for i in left], lineage.pick(left)


def _refuse(channel: Channel, edge: Edge, payload: Any, lineage: Lineage, index: int, error: PayloadError) -> None:
    error.where = error.where or f"Edge {edge.source} → {edge.target}" + (f", {edge.place}" if edge.place else "")
    channel.target.refuse(channel.port, payload, lineage, index, error)


def _expressions(edge: Edge) -> str:
    parts = [("when", edge.when), ("map", edge.map)]
    return " ".join(f"{name}={expression.text!r}" for name, expression in parts if expression is not None) + "."
