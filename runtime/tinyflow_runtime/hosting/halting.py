"""Halting over the wire: what a hold is asked for is done, and what is held is told masked."""

from __future__ import annotations

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import NodeError, unknown
from tinyflow_runtime.hosting.reports import seen
from tinyflow_runtime.hosting.running import Running
from tinyflow_runtime.message import Address
from tinyflow_runtime.redaction import Redactor
from tinyflow_runtime.scheduling.breakpoints import LEASE

__all__ = ["halt"]

ACTIONS = ("", "pause", "resume", "step", "breakpoint", "clear")


async def halt(running: Running, request: protocol.HoldRequest, redactor: Redactor) -> protocol.Holds:
    """Do what is asked, and tell what is held then. Cancelling a step gives it up.

    Raises:
        NodeError: TF-107, there is no such node; TF-132, TF-128, it makes no step; TF-129, the lease is no time;
            TF-152, nobody knows such an action.
        PortError: TF-101. ExpressionError: TF-114.
    """
    holding, node = running.scheduler.holding, request.node or None
    if request.action not in ACTIONS:
        way_out = f"Ask for {', '.join(ACTIONS[1:])}."
        raise NodeError("TF-152", f"{request.action!r} is nothing that a hold does.", way_out)
    if node is not None and node not in running.scheduler.runners.nodes:
        raise unknown("node", node, running.scheduler.runners.nodes)
    lease = request.lease or LEASE
    if request.action == "pause":
        holding.pause(node, lease)
    elif request.action == "resume":
        holding.resume(node)
    elif request.action == "step":
        await holding.step(request.node)
    elif request.action == "breakpoint":
        address = Address.parse(request.port)
        holding.breakpoint(address, running.port(address), request.when or None, lease)
    elif request.action == "clear":
        holding.take_away(Address.parse(request.port))
    return _told(running, redactor)


def _told(running: Running, redactor: Redactor) -> protocol.Holds:
    holding = running.scheduler.holding
    nodes = []
    for held in holding.held().values():
        told = protocol.Held(node=held.node, port=held.port, queued=held.queued, lease=held.lease or 0.0)
        if held.message is not None:
            port = running.ports(held.node).get(held.port)
            told.message.CopyFrom(seen(running.name, held.message, port, redactor))
        nodes.append(told)
    points = [protocol.Breakpoint(port=port, when=when) for port, when in holding.breakpoints().items()]
    return protocol.Holds(nodes=nodes, breakpoints=points)
