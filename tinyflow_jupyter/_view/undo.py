"""An undo is the difference between two definitions of a flow: it leads from either to the other.

A cell may have changed the flow since. So a thing is brought back only where it still is as the difference left it;
what somebody else has changed since stays as that person wanted it.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from tinyflow_runtime.definition.edges import Edge
from tinyflow_runtime.definition.edgeset import Ends
from tinyflow_runtime.definition.notes import Note
from tinyflow_runtime.embedded.draft import Draft
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.flow import Node

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Part(Generic[K, V]):
    """What differs among the nodes, or among the edges.

    Attributes:
        was: By key, what there was; None where there was nothing.
        now: The same keys, as they are after it.
        place_then: Of the keys that there were, what each stood behind; None for the first.
        place_now: Likewise, after it.
    """

    was: dict[K, V | None]
    now: dict[K, V | None]
    place_then: dict[K, K | None]
    place_now: dict[K, K | None]

    @classmethod
    def between(cls, old: Mapping[K, V], new: Mapping[K, V], same: Callable[[V, V], bool]) -> Part[K, V]:
        changed = [key for key, value in old.items() if key not in new or not same(value, new[key])]
        changed += [key for key in new if key not in old]
        touched = set(changed)
        kept = [key for key in old if key not in touched]
        moved = kept != [key for key in new if key not in touched]
        return cls(
            {key: old.get(key) for key in changed},
            {key: new.get(key) for key in changed},
            _places(old, None if moved else touched),
            _places(new, None if moved else touched),
        )

    def order_then(self, present: Iterable[K]) -> list[K]:
        """The keys of now in the order of then; what has come since stands behind what it stands behind now."""
        here = list(present)
        known = set(here)
        behind: dict[K | None, K] = {
            before: key
            for key, before in self.place_then.items()
            if key in known and (before is None or before in known)
        }
        settled = set(behind.values())
        found: list[K] = []
        for start in (None, *(key for key in here if key not in settled)):
            key = start if start is not None else behind.get(None)
            while key is not None:
                found.append(key)
                key = behind.get(key)
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """One unit of undo, from what was to what is now."""

    nodes: Part[str, Node]
    edges: Part[Ends, Edge]
    notes: Part[str, Note]

    @classmethod
    def between(cls, old: Draft, new: Draft) -> Change:
        return cls(
            Part.between(old.nodes, new.nodes, operator.is_),
            Part.between(old.edges, new.edges, _alike),
            Part.between(old.notes, new.notes, operator.is_),
        )

    def __bool__(self) -> bool:
        return any(part.was or part.place_now for part in (self.nodes, self.edges, self.notes))

    @property
    def runs(self) -> bool:
        """Whether it makes a difference to a flow that runs: a position does not."""
        return bool(self.edges.was) or any(
            was is None or now is None or was.component is not now.component or was.settings is not now.settings
            for was, now in zip(self.nodes.was.values(), self.nodes.now.values(), strict=True)
        )

    def take_back(self, draft: Draft) -> list[str]:
        """Make a draft what it was before, where it still is as this left it.

        Returns:
            What was left alone, each with the reason.
        """
        left: list[str] = []
        nodes = {name: was for name, was in self.nodes.was.items() if self._untouched(draft, name, left)}
        edges = {ends: was for ends, was in self.edges.was.items() if self._unbent(draft, ends, left)}
        for ends in edges:
            if ends in draft.edges:
                draft.remove(*map(str, ends))
        waiting = self._drop(draft, nodes)
        for name, then in nodes.items():
            if then is not None:
                _try(left, f"node {name}", functools.partial(draft.put, self._mixed(draft.nodes.get(name), then)))
        for edge in (*waiting, *(edge for edge in edges.values() if edge is not None)):
            if edge.source.node in draft.nodes and edge.target.node in draft.nodes:
                _try(left, f"edge {edge.source} → {edge.target}", functools.partial(draft.connect, edge))
            elif (edge.source, edge.target) in edges:
                left.append(f"edge {edge.source} → {edge.target}: a node of it is gone")
        for name, note in self.notes.was.items():
            if draft.notes.get(name) != self.notes.now[name]:
                left.append(f"note {name}: it was {'changed' if name in draft.notes else 'removed'} since")
            elif note is None:
                draft.note(name, None)
            else:
                draft.notes[name] = note
        orders = (self.nodes.order_then(draft.nodes), self.edges.order_then(draft.edges))
        draft.reorder(*orders, self.notes.order_then(draft.notes))
        return left

    def _untouched(self, draft: Draft, name: str, left: list[str]) -> bool:
        here, now, was = draft.nodes.get(name), self.nodes.now[name], self.nodes.was[name]
        if here is now or _as_left(here, now, was):
            return True
        left.append(f"node {name}: it was {'removed' if here is None else 'changed'} since")
        return False

    def _unbent(self, draft: Draft, ends: Ends, left: list[str]) -> bool:
        here, now = draft.edges.get(ends), self.edges.now[ends]
        if here is now or (here is not None and now is not None and _alike(here, now)):
            return True
        left.append(f"edge {ends[0]} → {ends[1]}: it was {'removed' if here is None else 'changed'} since")
        return False

    def _drop(self, draft: Draft, nodes: Mapping[str, Node | None]) -> list[Edge]:
        """Remove nodes that were not there, or of another component; returns edges that may find their ends again."""
        gone = []
        for name, then in nodes.items():
            here = draft.nodes.get(name)
            if here is not None and (then is None or not _one_component(here, then)):
                gone += [*draft.outgoing(name), *(edge for edge in draft.incoming(name) if edge.source.node != name)]
                draft.remove(name)
        return gone

    def _mixed(self, here: Node | None, then: Node) -> Node:
        """What a node was, and what has become of it since where this change had no part in that."""
        now = self.nodes.now[then.name]
        if here is None or now is None or not _one_component(now, then):
            return then
        settings = then.settings if then.settings is not now.settings else here.settings
        position = then.position if then.position != now.position else here.position
        return replace(here, settings=settings, position=position, place=then.place)


def _places(keys: Iterable[K], touched: set[K] | None) -> dict[K, K | None]:
    found: dict[K, K | None] = {}
    before: K | None = None
    for key in keys:
        if touched is None or key in touched:
            found[key] = before
        before = key
    return found


def _alike(one: Edge, other: Edge) -> bool:
    return one is other or _said(one) == _said(other)


def _said(edge: Edge) -> tuple[object, ...]:
    texts = [each.text if each is not None else None for each in (edge.when, edge.map)]
    return edge.source, edge.target, *texts, edge.loop, edge.capacity


def _one_component(one: Node, other: Node) -> bool:
    return (one.component.module, one.component.name) == (other.component.module, other.component.name)


def _as_left(here: Node | None, now: Node | None, was: Node | None) -> bool:
    """Whether what a change touched of a node is as the change left it; a newer version of its code does not count."""
    if here is None or now is None or not _one_component(here, now):
        return False
    whole = was is None or not _one_component(was, now)
    settings = whole or (was is not None and was.settings is not now.settings)
    position = whole or (was is not None and was.position != now.position)
    return not (settings and not _equal(here.settings, now.settings)) and not (
        position and here.position != now.position
    )


def _equal(one: Any, other: Any) -> bool:  # Any: settings hold whatever a component takes
    try:
        return bool(one == other)
    except Exception:  # what an array makes of being compared
        return False


def _try(left: list[str], what: str, work: Callable[[], object]) -> None:
    try:
        work()
    except TinyFlowError as error:
        left.append(f"{what}: {error.what}")
