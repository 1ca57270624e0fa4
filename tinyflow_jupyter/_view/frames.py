"""A frame is what has changed at a flow since the last one: values at ports, states of nodes, what waits on edges."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinyflow_runtime.observation.counts import Counts

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
BLOCKED = 1.0  # seconds in which no look saw it otherwise, for a node to be shown as blocked: many are for a moment


class Frames:
    """Makes frames of one flow, for one view.

    Args:
        flow: What is looked at; looking takes no place in a stream and waits for nobody longer than a moment.
        clock: Seconds that pass.

    One thread asks for frames; any may forget, and read everything.
    """

    def __init__(self, flow: Visible, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._flow, self._clock = flow, clock
        self._lock = threading.Lock()
        self._rows = rows_of(flow)
        self._lines: dict[str, tuple[object, str]] = {}  # by port in sight: of what, and how it is written
        self._ports: dict[str, list[Any]] = {}
        self._nodes: dict[str, list[Any]] = {}
        self._edges: dict[str, list[Any]] = {}
        self._points: dict[str, list[Any]] = {}  # the condition of a breakpoint; nothing where one was
        self._gone: set[str] = set()  # while the last frame was made
        self._before = Observed()
        self._looked = 0.0
        self._rates: dict[str, Rate] = {}  # of nodes and of edges
        self._hurt: dict[str, float] = {}  # when it last failed
        self._blocked: dict[str, float] = {}  # since when no look saw it otherwise

    def everything(self) -> Json:
        """All that was sent so far, for a view that begins."""
        with self._lock:
            return {name: dict(known) for name, known in self._known().items()}

    def next(self, ports: Iterable[str]) -> Json:
        """What changed since what was taken last; empty when nothing did.

        Args:
            ports: ``node:port`` of those whose values somebody sees.
        """
        with self._lock:
            self._gone.clear()
        now = self._clock()
        look = now - self._looked >= LOOKS * (1 + len(self._nodes) // MANY)
        values, observed = self._values(ports), self._flow._observed() if look else None
        with self._lock:
            found: Json = {"ports": values}
            if observed is not None:
                self._blocked = {name: self._blocked.get(name, now) for name in observed.blocked}
                found |= {"nodes": self._states(observed, now), "edges": self._depths(observed, now)}
                found["breakpoints"] = self._pointed(observed)
                self._before, self._looked = observed, now
            return self._changed(found)

    def take(self, frame: Json) -> Json:
        """A frame at the moment in which it is sent. It is told from then on; what has gone meanwhile is not in it."""
        with self._lock:
            told = {name: self._there(part) for name, part in frame.items()}
            for name, part in told.items():
                self._known()[name].update(part)
            return {name: part for name, part in told.items() if part}

    def forget(self, nodes: Iterable[str], edges: Iterable[str]) -> None:
        """These are no more; if they come again, they are told again."""
        gone = {*nodes, *edges}
        with self._lock:
            self._gone |= gone
            self._ports, self._nodes, self._edges = map(self._there, (self._ports, self._nodes, self._edges))
            self._points = self._there(self._points)
            for known in (self._rates, self._hurt):
                for name in gone & known.keys():
                    del known[name]

    def _known(self) -> dict[str, dict[str, list[Any]]]:
        return {"ports": self._ports, "nodes": self._nodes, "edges": self._edges, "breakpoints": self._points}

    def _there(self, part: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
        """What of it is not gone; a port goes with its node."""
        gone = self._gone
        return {name: told for name, told in part.items() if name not in gone and name.partition(":")[0] not in gone}

    def _changed(self, found: Mapping[str, Mapping[str, list[Any]]]) -> Json:
        known = self._known()
        frame = {
            name: {one: told for one, told in part.items() if known[name].get(one) != told}
            for name, part in found.items()
        }
        return {name: part for name, part in frame.items() if part}

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

    def _pointed(self, observed: Observed) -> dict[str, list[Any]]:
        if observed.breakpoints is None:
            return {}
        return {**{address: [] for address in self._points}, **{a: [when] for a, when in observed.breakpoints.items()}}

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
        if self._stands(name, now):
            return "blocked"
        rate = self._rates[name]
        if counts.running or rate.moving(now):
            return "running"
        return "waiting" if counts.queued and now - rate.since > STUCK else "idle"

    def _stands(self, name: str, now: float) -> bool:
        """Whether a node is shown as one that waits for room."""
        return now - self._blocked.get(name, now) >= BLOCKED

    def _rate(self, name: str, count: int, now: float) -> float:
        rate = self._rates.get(name)
        if rate is None:
            rate = self._rates[name] = Rate(count, now)
        return rate.look(count, now)

    def _depths(self, observed: Observed, now: float) -> dict[str, list[Any]]:
        if observed.counts is None:
            return {}
        # Where a flow has stopped, nothing waits on its edges, and nothing passes.
        depths = {name: [0, told[1], 0, False] for name, told in self._edges.items()}
        for ends, (queued, capacity, accepted) in observed.channels.items():
            name = edge_id(*ends)
            # Who waits for room goes on when half is free, so one that has less is waited for.
            waited = queued > capacity // 2 and self._stands(ends[0].node, now)
            depths[name] = [queued, capacity, self._rate(name, accepted, now), waited or queued >= capacity]
        return depths


def _round(value: float) -> float:
    """Two digits that count: what changes less is not worth a message."""
    return float(f"{value:.2g}")
