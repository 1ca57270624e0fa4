"""A frame is what has changed at a flow since the last one: values at ports, states of nodes, what waits on edges."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from tinyflow_runtime.counts import Counts

from tinyflow_jupyter._observed import Look, Observed, Visible

from .rates import Rate
from .rows import rows_of
from .structure import edge_id

Json = dict[str, Any]  # what JSON can hold

LETTERS = 60  # of a value at a port: more is not drawn
LOOKS = 0.2  # seconds between looks at all nodes; a person does not read counts faster
MANY = 500  # nodes; for each that many more a look comes so much later: it takes a hundredth of a second
LATELY = 2.0  # seconds for which a node that raised is shown as failed
STUCK = 1.0  # seconds without anything handled, while messages wait, after which a node is shown as waiting


class Frames:
    """Makes frames of one flow, for one view.

    Args:
        flow: What is looked at; looking takes no place in a stream and waits for nobody longer than a moment.
    """

    def __init__(self, flow: Visible) -> None:
        self._flow = flow
        self._rows = rows_of(flow)
        self._lines: dict[str, tuple[object, str]] = {}  # by port in sight: of what, and how it is written
        self._ports: dict[str, list[Any]] = {}
        self._nodes: dict[str, list[Any]] = {}
        self._edges: dict[str, list[Any]] = {}
        self._before = Observed()
        self._looked = 0.0
        self._rates: dict[str, Rate] = {}  # of nodes and of edges
        self._hurt: dict[str, float] = {}  # when it last failed

    def everything(self) -> Json:
        """All that was sent so far, for a view that begins."""
        return {"ports": self._ports, "nodes": self._nodes, "edges": self._edges}

    def next(self, ports: Iterable[str]) -> Json:
        """What changed; empty when nothing did.

        Args:
            ports: ``node:port`` of those whose values somebody sees.
        """
        frame: Json = {"ports": self._changed(self._ports, self._values(ports))}
        now = time.monotonic()
        if now - self._looked >= LOOKS * (1 + len(self._nodes) // MANY):
            observed = self._flow._observed()
            nodes, edges = self._states(observed, now), self._depths(observed, now)
            frame["nodes"], frame["edges"] = self._changed(self._nodes, nodes), self._changed(self._edges, edges)
            self._before, self._looked = observed, now
        return {name: part for name, part in frame.items() if part}

    def forget(self, nodes: Iterable[str], edges: Iterable[str]) -> None:
        """These are no more; if they come again, they are told again."""
        for name in nodes:
            self._nodes.pop(name, None)
            self._rates.pop(name, None)
            for address in [address for address in self._ports if address.partition(":")[0] == name]:
                del self._ports[address]
        for name in edges:
            self._edges.pop(name, None)
            self._rates.pop(name, None)

    def _changed(self, known: dict[str, list[Any]], now: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        changed = {name: value for name, value in now.items() if known.get(name) != value}
        known.update(changed)
        return changed

    def _values(self, ports: Iterable[str]) -> dict[str, list[Any]]:
        looks = self._flow._looks(ports)
        self._rows.learn()
        self._lines = {address: self._line(address, look) for address, look in looks.items()}
        return {address: [self._lines[address][1], look.count, _round(look.rate)] for address, look in looks.items()}

    def _line(self, address: str, look: Look) -> tuple[object, str]:
        """The newest message on one line. Each is written once, and again where more is known to be secret."""
        if look.last is None:
            return None, ""
        of = look.last.id, self._rows.learned
        known = self._lines.get(address)
        return known if known is not None and known[0] == of else (of, self._rows.line(look.last)[:LETTERS])

    def _states(self, observed: Observed, now: float) -> dict[str, list[Any]]:
        if observed.counts is None:
            return {}
        states = {}
        before = self._before.counts or {}
        for name, counts in observed.counts.items():
            old = before.get(name)
            if old is not None and counts.dead + counts.failed > old.dead + old.failed:
                self._hurt[name] = now
            done = observed.sent.get(name, counts.handled)
            rate = self._rate(name, done, now)
            state = observed.states.get(name) or self._state(name, counts, now)
            states[name] = [state, done, rate, observed.letters.get(name, 0), counts.failed, counts.queued]
        for name, state in observed.states.items():  # of nodes that do not run yet
            states.setdefault(name, [state, 0, 0, 0, 0, 0])
        return states

    def _state(self, name: str, counts: Counts, now: float) -> str:
        if now - self._hurt.get(name, -LATELY) < LATELY:
            return "failed"
        rate = self._rates[name]
        if counts.running or rate.moving(now):
            return "running"
        return "waiting" if counts.queued and now - rate.since > STUCK else "idle"

    def _rate(self, name: str, count: int, now: float) -> float:
        rate = self._rates.get(name)
        if rate is None:
            rate = self._rates[name] = Rate(count, now)
        return rate.look(count, now)

    def _depths(self, observed: Observed, now: float) -> dict[str, list[Any]]:
        if observed.counts is None:
            return {}
        # Where a flow has stopped, nothing waits on its edges, and nothing passes.
        depths = {name: [0, told[1], 0] for name, told in self._edges.items()}
        for ends, (queued, capacity, accepted) in observed.channels.items():
            name = edge_id(*ends)
            depths[name] = [queued, capacity, self._rate(name, accepted, now)]
        return depths


def _round(value: float) -> float:
    """Two digits that count: what changes less is not worth a message."""
    return float(f"{value:.2g}")
