"""The flow of a notebook: what runs in the kernel, and how it shows itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow_runtime.counts import Counts
from tinyflow_runtime.embedded import EmbeddedFlow

from ._port import NotebookPort, shown
from ._svg import draw, summary


class Flow(EmbeddedFlow):
    """A set of nodes connected with each other; the last line of a cell shows it."""

    def __getitem__(self, address: str) -> NotebookPort:
        """A live port, ``flow["node:port"]``; it takes a place in the stream before it returns."""
        to, port = self._port(address)
        return NotebookPort(to, port, self._probe.port(to), guard=self._guard)

    def __repr__(self) -> str:
        return f"Flow {self.name}: {summary(self, self._state())}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:  # Any: IPython's own include and exclude
        # As HTML the drawing lives in the page and follows its theme; as an image it goes wherever there is no page.
        drawing = draw(self, state=self._state(), counts=self._counted(), values=self._values())
        return {
            "text/plain": repr(self),
            "image/svg+xml": drawing,
            "text/html": f'<div style="overflow-x:auto">{drawing}</div>',
        }

    def _state(self) -> str:
        return "running" if self.running else "stopped"

    def _counted(self) -> Mapping[str, Counts] | None:
        """None for a flow that never ran: it has nothing to tell."""
        return self.counts() if self._run is not None else None

    def _values(self) -> dict[str, dict[str, str]]:
        values: dict[str, dict[str, str]] = {}
        for name, node in self.nodes.items():
            for port in node.ports.values():
                # Looking is not watching: a place in the stream is not taken.
                last = self._last(f"{name}:{port.name}") if port.status else None
                if last is not None:
                    values.setdefault(name, {})[port.name] = shown(last.payload)
        return values

    def _last(self, address: str) -> Any:  # Any: a Message of whatever the port carries, or None
        to, _ = self._port(address)
        return self._probe.port(to).last
