"""Forms ask a person for a node's settings or for a message, and give what was written to the flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.embedded.lookup import node_called
from tinyflow_runtime.errors import PayloadError, SettingsError, TinyFlowError
from tinyflow_runtime.message import Address
from tinyflow_runtime.payloads.blame import blame
from tinyflow_runtime.redaction import MASK
from tinyflow_runtime.schema import document_of, type_name

from tinyflow_jupyter._passed import Inspectable

from .edits import edits_of
from .letters import SOON, Letters
from .marks import at, masked, reduced, schema_of, written
from .rows import Rows
from .tree import cost

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port

__all__ = ["Forms"]

Json = Any  # what JSON can hold
Request = Mapping[str, Any]  # Any: what a browser sent

LARGEST = 256 * 1024  # bytes of a document that a person edits


class Forms:
    """What a browser may ask in order to fill in a form, and to have it done."""

    def __init__(self, flow: Inspectable, rows: Rows) -> None:
        self._flow, self._rows = flow, rows
        self._letters = Letters(flow, rows)

    def answers(self) -> dict[str, Any]:  # Any: callables of a request
        """By the word that a request begins with."""
        return {"form": self._form, "apply": self._apply, "send": self._send}

    def _form(self, request: Request) -> Json:
        """Of a node's settings, or of a message to an input port; with ``id`` or ``letter`` it begins as that one."""
        if request.get("node"):
            name = str(request["node"])
            port = self._settings_port(name)
            if port is None:
                return {"schema": None, "value": None, "port": None, "type": ""}
            address = f"{name}:{port.name}"
        else:
            address = str(request["address"])
            port = self._flow._port_at(address)
        self._rows.learn()
        original = self._original(request)
        if original is None and port.settings:
            original = self._flow._settings_of(Address.parse(address).node)
        schema = schema_of(port, self._flow._schema_at(address))
        value = masked(_document(original), schema, self._rows.redactor)
        if cost(value) > LARGEST:
            raise PayloadError("TF-121", "This message is too large to be edited here.", "Send it from a cell.")
        return {"schema": schema, "value": value, "port": address, "type": type_name(port.type)}

    def _settings_port(self, name: str) -> Port | None:
        node = node_called(self._flow._definition(), name)
        return next((port for port in node.ports.values() if port.settings), None)

    def _original(self, request: Request) -> Any:  # Any: a payload
        """The payload of the message that a request names, if it names one; ``from`` says where it was seen."""
        if request.get("letter"):
            return self._letters.named(str(request["letter"])).message.payload
        if not request.get("id"):
            return None
        return self._rows.kept({**request, "address": request.get("from") or request["address"]}).payload

    def _apply(self, request: Request) -> Json:
        """Give a node settings, at work at once where the flow runs; ``errors`` by field where they do not fit."""
        name = str(request["node"])
        port = self._settings_port(name)
        if port is None:
            raise SettingsError("TF-109", f"{name!r} has no settings.", "Change its component first.")
        present = _document(self._flow._settings_of(name))
        settings = written(request.get("settings") or {}, lambda path: at(present, path))
        said = self._flow._schema_at(f"{name}:{port.name}")
        wrong = blame(settings, port.type) if said is None else {}
        if wrong:
            return {"applied": False, "errors": _told(wrong)}
        schema = schema_of(port, said)
        given = node_called(self._flow._definition(), name).settings
        try:
            self._configure(name, reduced(settings, schema, given))
        except TinyFlowError as error:
            what = " ".join((error.what, *error.way_out))
            return {"applied": False, "errors": [{"path": [], "what": what}]}
        self._rows.learn()
        made = node_called(self._flow._definition(), name)
        value = masked(_document(made.configured.settings or made.settings), schema, self._rows.redactor)
        return {"applied": True, "errors": [], "value": value}

    def _configure(self, name: str, settings: Mapping[str, Any]) -> None:
        """In the kernel it can be undone like everything else that is done on a canvas."""
        flow = self._flow
        if isinstance(flow, EmbeddedFlow):
            edits_of(flow).record(lambda: self._flow._configure(name, settings))
        else:
            flow._configure(name, settings)

    def _send(self, request: Request) -> Json:
        """Send a document to an input port, or once more what was seen; ``errors`` by field where it does not fit.

        What a dead letter was made of goes from the dead letters once it is accepted.
        """
        address = str(request["address"])
        port = self._flow._port_at(address)
        original = self._original(request)
        payload = original
        if "document" in request:
            present = _document(original)
            payload = written(request["document"], lambda path: at(present, path))
            wrong = blame(payload, port.type)
            if wrong:
                return {"sent": False, "errors": _told(wrong)}
        if self._flow._masked and MASK in str(_document(payload)):
            what = f"A part of this message is masked: it would arrive as {MASK}."
            raise PayloadError("TF-123", what, "Edit it, and write the secret anew.")
        self._flow.send(address, payload, timeout=SOON)
        if request.get("letter"):
            self._letters.named(str(request["letter"])).discard()
        return {"sent": True, "errors": []}


def _document(value: Any) -> Json:  # Any: a payload
    """A value as a document; nothing where it cannot be one."""
    try:
        return None if value is None else document_of(value)
    except Exception:  # a person's own object, which says itself how it fails
        return None


def _told(wrong: Mapping[tuple[str | int, ...], str]) -> list[Json]:
    return [{"path": list(path), "what": what} for path, what in wrong.items()]
