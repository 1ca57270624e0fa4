"""Every error a person can meet: a code, what is wrong, where, and one way out.

The first level of the tree says whose fault it is, so who must act::

    TinyFlowError
    ├── DefinitionError      the component, cell or flow is written wrongly: fix it
    │   ├── ComponentError     a component that cannot be one
    │   ├── PortError          an unknown port, or ends that are swapped
    │   ├── EdgeError          ends that do not fit each other, an undeclared cycle
    │   ├── NodeError          a name that is taken, unknown or no name
    │   ├── SettingsError      settings that do not fit the component
    │   ├── ExpressionError    a ``when`` or ``map`` that cannot be compiled
    │   ├── ManifestError      a document that describes no flow
    │   └── SourceError        a module's text that cannot travel, or was changed on its way
    ├── DeliveryError        a message could not be handed over
    │   ├── Busy               there was no room in time (also the reason of ``overflow="fail"``)
    │   ├── NotRunning         the flow is stopped
    │   ├── PayloadError       the payload does not fit the port, or cannot be sent at all
    │   ├── Deadlock           every node of a loop waited for room at the next
    │   ├── TooManyHops        a message went round a loop for ever
    │   ├── Undelivered        the edge, the node or the flow ended before the message was handled
    │   └── ModuleUnavailable  the other module cannot be reached; try again
    ├── HandlerError         a component's own code raised; it is the ``__cause__``
    │   └── HandlerTimeout     it did not finish in the time it may take
    ├── WaitTimeout          what was waited for did not come in time; also a TimeoutError
    └── ClusterError         the cluster refused or cannot be reached
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "Busy",
    "ClusterError",
    "ComponentError",
    "Deadlock",
    "DefinitionError",
    "DeliveryError",
    "EdgeError",
    "ExpressionError",
    "HandlerError",
    "HandlerTimeout",
    "ManifestError",
    "ModuleUnavailable",
    "NodeError",
    "NotRunning",
    "PayloadError",
    "PortError",
    "SettingsError",
    "SourceError",
    "TinyFlowError",
    "TooManyHops",
    "Undelivered",
    "WaitTimeout",
    "did_you_mean",
]


class TinyFlowError(Exception):
    """An error that names the thing, the wrong value and the way out, in at most five lines.

    Args:
        code: ``"TF-101"``; looked up in the reference.
        what: One sentence: the thing and the wrong value.
        way_out: Further sentences: a did-you-mean, what there is instead, one action. Empty ones are left out.
        where: A cell and line, an edge, a field path. Empty when the sentence says it.
    """

    def __init__(self, code: str, what: str, *way_out: str, where: str = "") -> None:
        self.code = code
        self.what = what
        self.where = where
        self.way_out = tuple(sentence for sentence in way_out if sentence)
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.code} {self.what}"]
        if self.where:
            lines.append(f"  {self.where}")
        if self.way_out:
            lines.append("  " + " ".join(self.way_out))
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.code, self.what, self.way_out, self.where)

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows instead of a traceback: the text alone, for none of our frames would help."""
        return [str(self)]


def _rebuild(kind: type[TinyFlowError], code: str, what: str, way_out: tuple[str, ...], where: str) -> TinyFlowError:
    return kind(code, what, *way_out, where=where)


class DefinitionError(TinyFlowError):
    """The component, cell or flow is written wrongly; sending again will not help."""


class ComponentError(DefinitionError):
    """A function or class that cannot be a component."""


class PortError(DefinitionError):
    """An unknown port, or an output where an input must stand."""


class EdgeError(DefinitionError):
    """Two ends that do not fit each other, or an undeclared cycle."""


class NodeError(DefinitionError):
    """A node's name is taken, unknown, or no name."""


class SettingsError(DefinitionError):
    """Settings that do not fit the component."""


class ExpressionError(DefinitionError):
    """A ``when`` or ``map`` that cannot be compiled."""


class ManifestError(DefinitionError):
    """A document that does not describe a flow."""


class SourceError(DefinitionError):
    """A module's text cannot travel, or was changed on its way."""


class DeliveryError(TinyFlowError):
    """A message could not be handed over."""


class Busy(DeliveryError):
    """There was no room in time; nothing was sent."""


class NotRunning(DeliveryError):
    """The flow is stopped; nothing was sent."""


class PayloadError(DeliveryError):
    """The payload does not fit the port, or cannot be sent at all."""


class Deadlock(DeliveryError):
    """Every node of a loop waited for room at the next one."""


class TooManyHops(DeliveryError):
    """The message went round a loop for ever."""


class Undelivered(DeliveryError):
    """The edge, the node or the flow ended before the message was handled."""


class ModuleUnavailable(DeliveryError):
    """The other module cannot be reached; try again."""


class HandlerError(TinyFlowError):
    """A component's own code raised; what it raised is the ``__cause__``."""


class HandlerTimeout(HandlerError):
    """A handler did not finish in the time its component declares, or blocks its flow without end."""


class WaitTimeout(TinyFlowError, TimeoutError):
    """What was waited for did not come in time."""


class ClusterError(TinyFlowError):
    """The cluster refused, or cannot be reached."""


def show_interrupted(pressed: KeyboardInterrupt, what: str) -> None:
    """Let a notebook show a person who interrupts a wait no traceback of ours; in a script nothing changes."""
    said = f"KeyboardInterrupt: {what} was interrupted while it waited. The flow runs on."
    pressed._render_traceback_ = lambda: [said]  # type: ignore[attr-defined] # what IPython looks for


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``"Did you mean 'image'?"``, or an empty string when nothing known is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else ""


def unknown(kind: str, name: str, known: Iterable[str]) -> NodeError:
    """The error for a flow or a node that is not here."""
    there = sorted(known)
    what = f"There is no {kind} {name!r} in this module."
    shown = ", ".join(there[:20]) + (" …" if len(there) > 20 else "")
    return NodeError("TF-107", what, did_you_mean(name, there), f"There are: {shown or 'none'}.")
