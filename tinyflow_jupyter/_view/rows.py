"""A row is one message as an inspector lists it: where, when, of what trace, how large, and its payload as a tree."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.errors import NodeError, PayloadError, TinyFlowError
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.redaction import MASK, Redactor, is_secret_name
from tinyflow_runtime.schema import document_of

from .line import line
from .marks import copied
from .pictures import LARGEST, data_url
from .tree import ROOM, Tree, branch, cost

if TYPE_CHECKING:
    from tinyflow_runtime.flow import Flow, Node

    from tinyflow_jupyter._passed import Inspectable

__all__ = ["KEPT", "Rows", "gone", "rows_of"]

Json = dict[str, Any]  # what JSON can hold
KEPT = 100  # messages that a port keeps
ANSWER = 512 * 1024  # bytes of trees in one answer
SMALL = 1_024  # bytes of a tree below which none is made smaller: a row without a word of its payload says nothing


class Rows:
    """Makes rows of one flow's messages, masked. All that show a flow share one; any thread may call it.

    Attributes:
        redactor: Knows what is secret in the settings of the flow's nodes.
        learned: How often settings were learned: what was made before that may have to be masked by now.
    """

    def __init__(self, flow: Inspectable) -> None:
        self._flow = flow
        self.redactor = Redactor(os.environ)
        self.learned = 0
        self._of: tuple[object, int] | None = None  # the definition whose settings are known, and its revision
        self._settings: dict[str, Any] = {}
        self._newest: tuple[str, Any] | None = None  # of those that came as messages
        self._learning = threading.Lock()

    def learn(self) -> None:
        """Look for secrets in settings that are new since the last time."""
        flow = self._flow._definition()
        with self._learning:
            self._take_settled(flow)
            of = flow, flow.revision
            if self._of is not None and self._of[0] is flow and self._of[1] == of[1]:
                return
            nodes = list(flow.nodes.values())
            for node in nodes:
                settings = node.configured.settings
                if settings is not None and self._settings.get(node.name) is not settings:
                    self._take(node, settings)
            self._settings = {node.name: node.configured.settings for node in nodes}
            self._of = of

    def _take_settled(self, flow: Flow) -> None:
        """Those that came as messages."""
        settled = self._flow._settled()
        if not settled or settled[-1] is self._newest:
            return
        known, self._newest = self._newest, settled[-1]
        for each in reversed(list(settled)):
            if each is known:
                break
            self._take(flow.nodes.get(each[0]), each[1])

    def _take(self, node: Node | None, settings: Any) -> None:  # Any: of the type that the settings port names
        self.learned += 1
        ports = node.ports.values() if node is not None else ()
        port = next((port for port in ports if port.settings), None)
        try:
            self.redactor.learn(settings, type=port.type if port is not None else Any)
        except TinyFlowError:  # settings that nobody could send hold nothing that passes anywhere
            pass

    def of(self, message: Message, room: int = ROOM) -> Json:
        """The row of one message.

        Args:
            message: As a port kept it.
            room: Bytes that its tree may take.
        """
        self.learn()
        tree = Tree(self.redactor, max(room, SMALL))
        payload = self.payload(message)
        told = tree.of(payload, name=message.to.port)
        return {
            "id": message.id,
            "at": str(message.to),
            "time": message.time,
            "trace": message.trace,
            "parent": message.parent,
            "hops": message.hops,
            "size": tree.size,
            "whole": tree.whole,
            "tree": told,
        }

    def page(self, messages: Sequence[Message], count: int) -> list[Json]:
        """The newest of these, as many as one answer has room for; oldest first."""
        rows: list[Json] = []
        left = ANSWER
        for message in messages[::-1][: min(count, KEPT)]:
            if left <= 0:
                break
            rows.append(self.of(message, min(ROOM, left)))
            left -= cost(rows[-1]["tree"])
        return rows[::-1]

    def kept(self, request: Mapping[str, Any]) -> Message:
        """The message with the ``id`` of a request, at the port or edge with its ``address``.

        Raises:
            NodeError: TF-107, it is there no more.
        """
        address = str(request["address"]).rpartition(">")[2]
        wanted = request.get("id")
        found = next((one for one in self._flow._passed(address, KEPT).messages if one.id == wanted), None)
        if found is None:
            raise gone("This message")
        return found

    def part(self, message: Message, path: list[int], start: int) -> Json:
        """One part of a message's payload, from its so many-th part on; a picture with its data.

        Raises:
            LookupError: There is no such part.
        """
        self.learn()
        value, named = branch(self.payload(message), path)
        tree = Tree(self.redactor)
        told = tree.of(value, name="secret" if named else message.to.port if not path else "", start=start)
        if told["k"] == "image" and "url" not in told and (url := data_url(value)) and len(url) < 2 * LARGEST:
            told["url"] = url
        return told

    def text(self, message: Message, path: list[int]) -> str:
        """One part of a message's payload as JSON, a text as it is; masked.

        Raises:
            LookupError: There is no such part. PayloadError: TF-120, it is nothing that can be written down.
        """
        self.learn()
        value, named = branch(self.payload(message), path)
        if named or (not path and is_secret_name(message.to.port)):
            return MASK
        try:
            return copied(document_of(value), self.redactor)
        except (TypeError, ValueError, RecursionError):
            what = "This part holds what no text can stand for."
            raise PayloadError("TF-120", what, "Look at it in a cell: flow[address].last.payload.") from None

    def masked(self, text: str) -> str:
        """What may be shown of a text that somebody's code has made: an error, a reason."""
        self.learn()
        return self.redactor.text(text)

    def line(self, message: Message) -> str:
        """The beginning of a message's payload on one line."""
        self.learn()
        return line(self.payload(message), self.redactor, name=message.to.port)

    def payload(self, message: Message) -> Any:  # Any: a payload
        """A payload that may be shown: of a type that declares a secret it is a document, with a mask there."""
        port = self.port(message.to)
        tp = port.type if port is not None else Any
        if not self.redactor.declares(tp):
            return message.payload
        try:
            return self.redactor.document(message.payload, name=message.to.port, type=tp)
        except TinyFlowError:  # what cannot be sent cannot be masked
            return MASK

    def port(self, to: Address) -> Any:  # Any: a Port, or None
        """The port at an address as it was defined; None when it is gone."""
        node = self._flow._definition().nodes.get(to.node)
        return node.ports.get(to.port) if node is not None else None


def rows_of(flow: Inspectable) -> Rows:
    """The rows of a flow: one learns what is secret in it for all that show it."""
    # Kept by the flow itself, as its edits are: a weak dictionary would hold the flow through the value.
    found: Rows = vars(flow).setdefault("_rows", Rows(flow))
    return found


def gone(what: str) -> NodeError:
    """The error for what somebody saw, and is not kept any more."""
    return NodeError("TF-107", f"{what} is no longer kept.", "Look at the newer ones.")
