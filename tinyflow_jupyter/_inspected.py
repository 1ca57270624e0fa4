"""What an inspector asks of a flow in the kernel, beyond what a person does: to look without a place, and to set."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tinyflow_runtime.component import Port
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.embedded.lookup import node_called
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.scheduling import wiring

from ._passed import Passed

LOOKS = 0.005  # seconds between looks whether settings were taken over; no message says so
PATIENCE = 2.0  # seconds that a browser's request may wait for room: the kernel answers nobody else meanwhile


class Inspected(EmbeddedFlow):
    """A flow in the kernel that can be inspected; ``_cluster.inspected`` has the same for one on a cluster."""

    _masked = False  # what is seen at its ports has not left the process, so whoever shows it masks it

    def _port_at(self, address: str) -> Port:
        """The port as it is now; it may follow settings that were sent.

        Raises:
            NodeError: TF-107, there is no such node. PortError: TF-101, it has no such port.
        """
        return self._port(address)[1]

    def _passed(self, address: str, count: int) -> Passed:
        """The newest messages of a port. Nobody's place in its stream is taken."""
        to, _ = self._port(address)
        probe = self._probe.port(to)
        return Passed(probe.history(count), probe.count, probe.rate, probe.skipped)

    def _traced(self, trace: str) -> list[Message]:
        """The messages of one trace, as far as ports have kept them."""
        return [message for probe in list(self._probe.ports.values()) for message in probe.of_trace(trace)]

    def _settled(self) -> Sequence[tuple[str, Any]]:
        """The settings that nodes were sent and took over, newest last, with the node of each."""
        return self._probe.settled

    def _settings_of(self, node: str) -> Any:  # Any: of the type that the settings port names
        """A node's settings as they are at work; those it begins with when the flow is stopped."""
        run = self._alive()
        runner = run.scheduler.runners.get(node) if run is not None else None
        return runner.component.settings if runner is not None else node_called(self, node).configured.settings

    def _schema_at(self, address: str) -> Mapping[str, Any] | None:
        """What somebody else says of a port's type: here the type is known."""
        return None

    def _configure(self, node: str, settings: Mapping[str, Any]) -> None:
        """Give a node settings, whole; they are at work when this returns, if the flow runs.

        A node that is in the middle of a message for longer than ``PATIENCE`` takes them over after it.

        Raises:
            SettingsError: TF-109. EdgeError, PortError: an edge would no longer fit. Busy: TF-134. Nothing has changed.
        """
        old, edges = node_called(self, node), list(self.edges.values())
        made = self.node(node, old.component, **settings)
        self.nodes[node] = replace(made, place=old.place)
        port = next((port.name for port in made.ports.values() if port.settings), None)
        run = self._alive()
        if run is not None and node in run.scheduler.runners.nodes and port is not None:
            try:
                self.send(str(Address(node, port)), made.configured.settings, timeout=PATIENCE)
            except BaseException:
                self.restore([old], edges)
                raise
            run.call(lambda scheduler: wiring.configured(scheduler, made), what="Setting a node")
            end = time.monotonic() + PATIENCE
            while self._settings_of(node) != made.configured.settings and time.monotonic() < end:
                time.sleep(LOOKS)
