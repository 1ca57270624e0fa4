"""Inspection answers what a browser asks of a flow's messages: list, follow, send, replay; and it sets a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow_runtime.message import Message
from tinyflow_runtime.schema import type_name

from tinyflow_jupyter._passed import Inspectable

from .forms import Forms
from .letters import Letters
from .rows import KEPT, gone, rows_of
from .watch import Watch

__all__ = ["Inspection"]

Json = Any  # what JSON can hold
Request = Mapping[str, Any]  # Any: what a browser sent

PAGE = 20  # messages, unless another number is asked for


class Inspection:
    """What one view may ask of one flow.

    Args:
        flow: In the kernel or on a cluster.
    """

    def __init__(self, flow: Inspectable) -> None:
        self._flow = flow
        self._rows = rows_of(flow)
        self._watch = Watch(flow, self._rows)
        self._letters = Letters(flow, self._rows)
        self._forms = Forms(flow, self._rows)

    def answers(self) -> dict[str, Any]:  # Any: callables of a request
        """By the word that a request begins with."""
        return {
            "watch": self._watched,
            "port": self._port,
            "part": self._part,
            "text": self._text,
            "trace": self._trace,
            **self._forms.answers(),
            **self._letters.answers(),
        }

    def frame(self) -> dict[str, Json]:
        """What passed at the ports that are watched since the last frame: the ``messages`` of a frame."""
        return self._watch.frame()

    def gone(self, view: str) -> None:
        """A view looks at nothing any more."""
        self._watch.watch(view, ())

    def _watched(self, request: Request) -> Json:
        self._watch.watch(str(request.get("view", "")), request.get("addresses") or ())
        return {"addresses": self._watch.addresses}

    def _port(self, request: Request) -> Json:
        """The newest messages of a port, or of an edge, oldest first; with ``before``, those before that one."""
        source, _, target = str(request["address"]).partition(">")
        address = target or source
        port = self._flow._port_at(address)
        passed = self._flow._passed(address, KEPT)
        messages = list(passed.messages)
        if target:  # what a target got by this edge has the ids that it had where it was sent
            sent = {message.id for message in self._flow._passed(source, KEPT).messages}
            messages = [message for message in messages if message.id in sent]
        before = request.get("before")
        if before is not None:
            messages = messages[: next((index for index, one in enumerate(messages) if one.id == before), 0)]
        rows = self._rows.page(messages, int(request.get("count") or PAGE))
        return {
            "address": address,
            "direction": port.direction,
            "settings": port.settings,
            "type": type_name(port.type),
            "count": passed.count,
            "rate": passed.rate,
            "skipped": passed.skipped,
            "older": len(messages) - len(rows),
            "rows": rows,
        }

    def _part(self, request: Request) -> Json:
        """More of one message: the part at a path of numbers, from its so many-th part on."""
        try:
            return self._rows.part(self._meant(request), _path(request), int(request.get("start") or 0))
        except LookupError:
            raise gone("This part") from None

    def _text(self, request: Request) -> Json:
        """One part of a message as text, all of it."""
        try:
            return {"text": self._rows.text(self._meant(request), _path(request))}
        except LookupError:
            raise gone("This part") from None

    def _meant(self, request: Request) -> Message:
        """The message that a request names: a dead letter's, or one that a port keeps."""
        if not request.get("letter"):
            return self._rows.kept(request)
        message: Message = self._letters.named(str(request["letter"])).message
        return message

    def _trace(self, request: Request) -> Json:
        """Where a message went, and where it came from: its trace, in the order in which things were sent."""
        trace = str(request["trace"])
        messages = sorted(self._flow._traced(trace), key=self._order)
        ids: dict[str, set[str]] = {}
        for message in messages:
            ids.setdefault(str(message.to), set()).add(message.id)
        edges = [
            f"{source}>{target}"
            for source, target in self._flow._definition().edges
            if ids.get(str(source), set()) & ids.get(str(target), set())
        ]
        told = [
            {"at": str(one.to), "id": one.id, "parent": one.parent, "time": one.time, "hops": one.hops}
            for one in messages
        ]
        return {"trace": trace, "addresses": list(ids), "edges": edges, "messages": told}

    def _order(self, message: Message) -> tuple[int, float, bool, str]:
        """As things were sent: at one time an output comes before the inputs that it leads to."""
        port = self._rows.port(message.to)
        return message.hops, message.time, port is None or port.direction == "in", message.id


def _path(request: Request) -> list[int]:
    return [int(number) for number in request.get("path") or ()]
