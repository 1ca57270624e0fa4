"""A port is a named way in or out of a node."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from tinyflow_runtime import place
from tinyflow_runtime.errors import PortError

__all__ = ["NAME_RULE", "Port", "is_label", "label_of"]

Direction = Literal["in", "out"]
Position = Literal["top", "right", "bottom", "left"]
Overflow = Literal["wait", "fail", "drop_oldest", "drop_newest", "sample"]

# A DNS label, for the names of nodes and ports become Kubernetes names.
_is_label = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch


def is_label(name: object) -> bool:
    """Whether a name may name a node, a port, a component or a flow."""
    return isinstance(name, str) and _is_label(name) is not None


def label_of(name: str) -> str:
    """The label made of a Python name: ``CamelCase`` and ``snake_case`` become ``camel-case`` and ``snake-case``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name)
    return re.sub(r"[\s_-]+", "-", words).strip("-").lower()


@dataclass(frozen=True, slots=True)
class Port:
    """A named way in or out of a node.

    Args:
        name: A DNS label, unique on its node across both directions.
        direction: ``"in"`` or ``"out"``.
        type: What its payloads are; a JSON Schema and the checks are made of it.
        label: What is drawn; the name when None.
        position: The side of the node it is drawn on; left for inputs and right for outputs when None.
        status: Its last value is shown on the node and on the dashboard.
        settings: Presented as a form; handled before the first message. At most one per node, and an input.
        overflow: What happens to a message that finds no room in an input; what is dropped is counted.
    """

    name: str
    direction: Direction
    type: Any = Any  # Any: a type is an object of many classes
    label: str | None = None
    position: Position | None = None
    status: bool = False
    settings: bool = False
    overflow: Overflow = "wait"

    def __init__(
        self,
        name: str,
        direction: Direction,
        type: Any = Any,  # noqa: A002  # the contract's name; it has to be one word
        *,
        label: str | None = None,
        position: Position | None = None,
        status: bool = False,
        settings: bool = False,
        overflow: Overflow = "wait",
    ) -> None:
        options = (
            ("direction", direction, ("in", "out")),
            ("position", position, (None, "top", "right", "bottom", "left")),
            ("overflow", overflow, ("wait", "fail", "drop_oldest", "drop_newest", "sample")),
        )
        if not is_label(name):
            raise PortError("TF-106", f"{name!r} is no name for a port.", NAME_RULE, where=place.caller())
        for option, value, allowed in options:
            if value not in allowed:
                known = ", ".join(repr(one) for one in allowed if one is not None)
                raise PortError(
                    "TF-108", f"Port {name!r} has {option} {value!r}.", f"It can be {known}.", where=place.caller()
                )
        if settings and direction == "out":
            raise PortError(
                "TF-108", f"Port {name!r} is an output and cannot take settings.", 'Make it "in".', where=place.caller()
            )
        if isinstance(type, (str, int, float, list, dict)):
            what = f"Port {name!r} has type {type!r}, which is no type."
            raise PortError("TF-108", what, "Give the type itself, such as int or list[float].", where=place.caller())
        if label is not None and not isinstance(label, str):
            raise PortError("TF-108", f"Port {name!r} has label {label!r}.", "It is a text.", where=place.caller())
        side = position or ("left" if direction == "in" else "right")
        values = (name, direction, type, label, side, status, settings, overflow)
        for slot, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, slot, value)


NAME_RULE = "Use small letters, digits and '-', beginning with a letter; 63 at most."
