"""What passed at a port, as somebody who looks afterwards finds it; and what can be asked so, wherever a flow runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tinyflow_runtime.message import Message

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port
    from tinyflow_runtime.flow import Flow


@dataclass(frozen=True, slots=True)
class Passed:
    """One port, without a place in its stream.

    Attributes:
        messages: The newest that were kept, oldest first.
        count: All of them since the flow was started.
        rate: Messages a second.
        skipped: Counted and not kept.
    """

    messages: Sequence[Message]
    count: int
    rate: float
    skipped: int


class Inspectable(Protocol):
    """A flow in the kernel, or one on a cluster."""

    name: str
    _masked: bool  # whether what is seen at its ports was masked before it came here

    @property
    def dead_letters(self) -> Any:  # Any: DeadLetters or RemoteLetters, which have no name in common
        """What could not be handled."""

    def send(self, address: str, payload: Any, timeout: float | None = None) -> None:
        """Send to an input port."""

    def _definition(self) -> Flow: ...
    def _port_at(self, address: str) -> Port: ...
    def _passed(self, address: str, count: int) -> Passed: ...
    def _traced(self, trace: str) -> list[Message]: ...
    def _settled(self) -> Sequence[tuple[str, Any]]: ...  # Any: settings, as nodes were sent them
    def _settings_of(self, node: str) -> Any: ...  # Any: of the type that the settings port names
    def _schema_at(self, address: str) -> Mapping[str, Any] | None: ...
    def _configure(self, node: str, settings: Mapping[str, Any]) -> None: ...
