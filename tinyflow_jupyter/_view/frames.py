"""A frame is what has changed at a flow since the last one: values at ports, states of nodes, what waits on edges."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from tinyflow_jupyter._observed import Look, Observed, Visible
from tinyflow_jupyter._port import shown
from tinyflow_jupyter._text import plain

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
        self._ports: dict[str, list[Any]] = {}
        self._nodes: dict[str, list[Any]] = {}
        self._edges: dict[str, list[Any]] = {}
        self._before = Observed()
        self._looked = 0.0
        self._moved: dict[str, float] = {}  # when a node last handled anything
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
            self._sources(nodes, observed, edges)
            frame["nodes"], frame["edges"] = self._changed(self._nodes, nodes), self._changed(self._edges, edges)
            self._before, self._looked = observed, now
        return {name: part for name, part in frame.items() if part}

    def forget(self, nodes: Iterable[str], edges: Iterable[str]) -> None:
        """These are no more; if they come again, they are told again."""
        for name in nodes:
            self._nodes.pop(name, None)
            for address in [address for address in self._ports if address.partition(":")[0] == name]:
                del self._ports[address]
        for name in edges:
            self._edges.pop(name, None)

    def _changed(self, known: dict[str, list[Any]], now: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        changed = {name: value for name, value in now.items() if known.get(name) != value}
        known.update(changed)
        return changed

    def _values(self, ports: Iterable[str]) -> dict[str, list[Any]]:
        return {address: _value(look) for address, look in self._flow._looks(ports).items()}

    def _states(self, observed: Observed, now: float) -> dict[str, list[Any]]:
        if observed.counts is None:
            return {}
        states = {}
        passed = max(now - self._looked, 1e-3)
        before = self._before.counts or {}
        for name, counts in observed.counts.items():
            old = before.get(name)
            done = counts.handled - (old.handled if old else 0)
            if done > 0 or old is None:
                self._moved[name] = now
            lost = counts.dead + counts.failed
            if old is not None and lost > old.dead + old.failed:
                self._hurt[name] = now
            rate = _round(done / passed) if old is not None and done > 0 else 0
            state = observed.states.get(name) or self._state(name, counts.running, counts.queued, rate, now)
            states[name] = [state, counts.handled, rate, counts.dead, counts.failed, counts.queued]
        for name, state in observed.states.items():  # of nodes that do not run yet
            states.setdefault(name, [state, 0, 0, 0, 0, 0])
        return states

    def _sources(self, nodes: dict[str, list[Any]], observed: Observed, edges: Mapping[str, list[Any]]) -> None:
        """No edge leads to a source, and it may be sent no more than settings: it does what its fullest edge takes."""
        targets = {target.node for _, target in observed.channels}
        for ends, (_, _, accepted) in observed.channels.items():
            told = nodes.get(ends[0].node)
            if told is not None and ends[0].node not in targets:
                rate = edges[edge_id(*ends)][2]
                told[1], told[2] = max(told[1], accepted), max(told[2], rate)
                told[0] = "running" if rate and told[0] in ("idle", "waiting") else told[0]

    def _state(self, name: str, running: int, queued: int, rate: float, now: float) -> str:
        if now - self._hurt.get(name, -LATELY) < LATELY:
            return "failed"
        if running or rate:
            return "running"
        return "waiting" if queued and now - self._moved.get(name, now) > STUCK else "idle"

    def _depths(self, observed: Observed, now: float) -> dict[str, list[Any]]:
        passed = max(now - self._looked, 1e-3)
        depths: dict[str, list[Any]] = {}
        for ends, (queued, capacity, accepted) in observed.channels.items():
            before = self._before.channels.get(ends)
            rate = _round((accepted - before[2]) / passed) if before is not None and accepted > before[2] else 0
            depths[edge_id(*ends)] = [queued, capacity, rate]
        return depths


def _value(look: Look) -> list[Any]:
    text = "" if look.last is None else plain(shown(look.last.payload))[:LETTERS]
    return [text, look.count, _round(look.rate)]


def _round(value: float) -> float:
    """Two digits that count: what changes less is not worth a message."""
    return float(f"{value:.2g}")
