"""The schema of each of our kinds. Everything in it has a bound: a server counts a rule's cost from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Schema = dict[str, Any]  # OpenAPI v3, as Kubernetes has it

LABEL = "[a-z]([-a-z0-9]*[a-z0-9])?"
NAME = f"^{LABEL}$"
ADDRESS = f"^{LABEL}:{LABEL}$"
SHA256 = "^[0-9a-f]{64}$"
PLACE = f"^{LABEL}/{LABEL}$"  # namespace/name
# A TinyModule's name, or an image: registry/repository:tag@digest.
MODULE = "^[a-zA-Z0-9]([-a-zA-Z0-9._/:@]*[a-zA-Z0-9])?$"

MOST_EDGES = 1024  # of one node; one with more is a mistake
MOST_INLINE = 87_384  # letters of base64 that hold 64 KiB; larger sources travel in ConfigMaps
LONGEST_SCHEMA = 16_384  # of one port's type; larger ones are left out of a status
REVISIONS = 5  # sources of a module that are kept, to go back to


def whole(parts: Schema, *, label: bool) -> Schema:
    """A kind's schema: what every kind has, and its own spec and status.

    Args:
        label: Whether its name becomes part of other names, and has to be a DNS label.
    """
    labelled = {"properties": {"name": _text(63, NAME)}} if label else {}
    return {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", **labelled},
            **parts,
        },
    }


def module() -> Schema:
    """A program that holds components: its code, and what runs of it."""
    source = _object(
        {
            "sha256": _text(64, SHA256),
            "inline": _text(MOST_INLINE, "^[A-Za-z0-9+/]*={0,2}$"),
            "configMapRef": _object({"name": {**_text(253), "minLength": 1}}, required=["name"]),
        },
        required=["sha256"],
    )
    source["x-kubernetes-validations"] = [
        _rule("has(self.inline) != has(self.configMapRef)", "exactly one of inline or configMapRef must be set")
    ]
    port = _object(
        {
            **_port(),
            "label": _text(253),
            "position": {"type": "string", "enum": ["top", "right", "bottom", "left", ""]},
            "status": {"type": "boolean"},
            "settings": {"type": "boolean"},
        },
        required=["name"],
    )
    component = _object(
        {
            "name": _text(63),
            "description": _text(4096),
            "tags": {"type": "array", "maxItems": 64, "items": _text(253)},
            "ports": _listed(port, 256),
        },
        required=["name"],
    )
    # What is valid until when; the certificate itself is a Secret that nobody but its module reads.
    certificate = _object({"notAfter": _time(), "authority": _text(253)})
    revision = _object(
        {
            "sha256": _text(64, SHA256),
            "configMap": _text(253),
            "time": _time(),
            "outcome": {"type": "string", "enum": ["Serving", "Served", "Failed", "Loading"]},
            "message": _text(4096),
        },
        required=["sha256"],
    )
    return {
        "spec": _object({"image": _text(1024, MODULE), "source": source}),
        "status": _status(
            {
                "address": _text(1024),
                "version": _text(253),
                "revision": _text(64),
                "components": _listed(component, 4096),
                "revisions": _listed(revision, REVISIONS),
                "certificate": certificate,
            }
        ),
    }


def node() -> Schema:
    """An instance of a component; its edges stand at their source."""
    port = _object({"name": _text(63, NAME), "settings": _anything()}, required=["name"])
    edge = _object(
        {
            "id": {**_text(253), "minLength": 1},
            "port": _text(63, NAME),
            "to": _text(127, ADDRESS),
            "when": _text(4096),
            "map": _text(4096),
            "loop": {"type": "boolean"},
            "capacity": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        },
        required=["id", "port", "to"],
    )
    ports = _keyed(port, "name", 256)
    ports["x-kubernetes-validations"] = [
        _rule("self.filter(port, has(port.settings)).size() <= 1", "a node has one settings port at most")
    ]
    spec = _object(
        {
            # No defaults: a default would make the stored node another than the one whose hash was taken.
            "module": _text(255, MODULE),
            "component": _text(63, NAME),
            "ports": ports,
            "edges": _keyed(edge, "id", MOST_EDGES),
        },
        required=["module", "component"],
    )
    return {"spec": spec, "status": _status({"ports": _listed(_object(_port(), required=["name"]), 256)})}


def flow() -> Schema:
    """A set of nodes that are connected, by label; its status is rolled up from theirs."""
    more = {
        "nodesSha256": _text(
            64, SHA256
        ),  # of the nodes that run: whoever pushed others knows that these are not theirs
        "gateway": _text(317, PLACE),  # the Service by which a notebook reaches the flow's modules
    }
    status = _rolled_up("nodes", more)
    return {"spec": _object({"description": _text(4096)}), "status": status}


def project() -> Schema:
    """A set of flows, by label; its status is rolled up from theirs."""
    return {"spec": _object({"description": _text(4096)}), "status": _rolled_up("flows")}


def signal() -> Schema:
    """One message to one port. It is delivered once, so it does not change once it was made."""
    spec = _object(
        {
            "flow": _text(63, NAME),
            "to": _text(127, ADDRESS),
            "payload": {"x-kubernetes-preserve-unknown-fields": True, "nullable": True},
            "timeoutSeconds": {"type": "integer", "minimum": 1, "maximum": 300, "default": 10},
            "keepSeconds": {"type": "integer", "minimum": 0, "maximum": 86_400, "default": 300},
        },
        required=["flow", "to"],
    )
    spec["x-kubernetes-validations"] = [_rule("self == oldSelf", "a signal does not change; make another one")]
    status = _status(
        {
            "phase": {"type": "string", "enum": ["Sending", "Delivered", "Failed"]},
            "instance": _text(253),  # the process it is sent to: only that one knows whether it had it
            "message": _text(4096),
            "time": _time(),
        }
    )
    return {"spec": spec, "status": status}


def _port() -> dict[str, Schema]:
    return {
        "name": _text(63),
        "direction": {"type": "string", "enum": ["in", "out"]},
        "type": _text(1024),
        "schema": _text(LONGEST_SCHEMA),  # JSON as text: an object would be merged field by field
    }


def _rolled_up(parts: str, more: dict[str, Schema] | None = None) -> Schema:
    number = {"type": "integer", "minimum": 0}
    counted = _object({"total": number, "ready": number})
    return _status({parts: counted, "summary": _text(253), **(more or {})})


def _status(more: dict[str, Schema] | None = None) -> Schema:
    generation = {"type": "integer", "format": "int64", "minimum": 0}
    condition = _object(
        {
            "type": _text(316),
            "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
            "reason": _text(1024),
            "message": _text(32768),
            "observedGeneration": generation,
            "lastTransitionTime": _time(),
        },
        required=["type", "status", "reason", "message", "lastTransitionTime"],
    )
    return _object({"observedGeneration": generation, "conditions": _keyed(condition, "type", 16), **(more or {})})


def _object(properties: dict[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    return {"type": "object", **({"required": list(required)} if required else {}), "properties": properties}


def _text(longest: int, pattern: str = "") -> Schema:
    return {"type": "string", "maxLength": longest, **({"pattern": pattern} if pattern else {})}


def _time() -> Schema:
    return {"type": "string", "format": "date-time"}


def _keyed(item: Schema, key: str, most: int) -> Schema:
    """A list that server-side apply merges by one field of its items."""
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}
    return {"type": "array", "maxItems": most, **keyed, "items": item}


def _listed(item: Schema, most: int) -> Schema:
    """A list that has one writer, and an order: one that is merged loses it."""
    return {"type": "array", "maxItems": most, "x-kubernetes-list-type": "atomic", "items": item}


def _anything() -> Schema:
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _rule(rule: str, message: str) -> Schema:
    return {"rule": rule, "message": message}
