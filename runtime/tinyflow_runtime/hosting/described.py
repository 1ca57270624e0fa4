"""What a module says of its components and of the ports of its nodes, in the messages of module.proto."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import Any

from tinyflow_runtime import protocol
from tinyflow_runtime.component import Component, Port, ports_of
from tinyflow_runtime.schema import json_schema, type_name

__all__ = ["described", "described_ports"]


def described(component: Component) -> protocol.Component:
    """A component, as it is before it has settings; what it raises when it is asked is its description."""
    try:
        info = component.info()
        ports = described_ports(ports_of(component.instance()).values())
    except Exception as error:  # a person's code; the other components are described all the same
        return protocol.Component(name=component.name, description=f"It cannot be described: {error}")
    return protocol.Component(name=component.name, description=info.description, ports=ports, tags=info.tags)


def described_ports(ports: Iterable[Port]) -> list[protocol.Port]:
    """Ports, with the JSON Schema of what passes there."""
    return [
        protocol.Port(
            name=port.name,
            direction=port.direction,
            type=type_name(port.type),
            schema=_schema(port.type),
            label=port.label or "",
            position=port.position or "",
            status=port.status,
            settings=port.settings,
        )
        for port in ports
    ]


def _schema(tp: Any) -> str:  # Any: a type is an object of many classes
    try:
        return _schema_once(tp)
    except TypeError:  # a type whose notes have no hash
        return _schema_once.__wrapped__(tp)


@functools.lru_cache(maxsize=512)  # ten thousand nodes have the ports of a few components
def _schema_once(tp: Any) -> str:
    return json.dumps(json_schema(tp), ensure_ascii=False, separators=(",", ":"), default=str)
