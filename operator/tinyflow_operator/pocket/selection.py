"""Which objects a list or a watch is about, and what a watch tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tinyflow_operator.pocket.cells import at_path
from tinyflow_operator.pocket.objects import Event, Kept, Objects, at_version
from tinyflow_operator.pocket.resources import Resource
from tinyflow_operator.pocket.selector import fields_wanted, labels_wanted

AT_ONCE = 256  # events a watch hands out at once: a reader far behind must not hold everybody up

Told = tuple[str, bytes, int]  # "ADDED" | "MODIFIED" | "DELETED", the object, the version


class Selection:
    """The objects of one namespace (of all when it is empty) that fit both selectors.

    Attributes:
        choosy: Whether a selector leaves some out.

    Raises:
        Refusal: A selector is none.
    """

    def __init__(self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "") -> None:
        self._namespace = namespace
        self._labels = labels_wanted(labels)
        known = ("metadata.name", "metadata.namespace", *resource.selectable)
        self._fields = fields_wanted(fields, known)
        self.choosy = bool(self._labels or self._fields)

    def fits(self, kept: Kept) -> bool:
        place, name = kept.place
        if self._namespace and place != self._namespace:
            return False
        if self._labels is not None and not self._labels(kept.labels):
            return False
        document: Any = None
        for field, (value, equal) in self._fields.items():
            if field == "metadata.name":
                found = name
            elif field == "metadata.namespace":
                found = place
            else:
                document = document or kept.document
                found = at_path(f".{field}")(document)
                found = "" if found is None else str(found)
            if (found == value) != equal:
                return False
        return True


class Watch:
    """A reader of what happens to one kind. It holds no more than its place: whoever is slow is told that it is late.

    Attributes:
        version: How far it has come: everything up to there was taken.

    Args:
        version: Where it begins.
        there: Objects that are told as added first.
    """

    def __init__(
        self, objects: Objects, resource: Resource, selection: Selection, version: int, there: Iterable[Kept] = ()
    ) -> None:
        self.version = version
        self._objects, self._resource, self._selection = objects, resource, selection
        self._next = objects.since(resource, version)
        self._there = list(there)

    def take(self) -> list[Told]:
        """What happened since the last time; empty when nothing did, or nothing that is wanted.

        Raises:
            Refusal: It fell too far behind: 410, list again.
        """
        if self._there:
            there, self._there = self._there, []
            return [("ADDED", kept.text, kept.version) for kept in there]
        told: list[Told] = []
        while True:
            events = self._objects.events(self._resource, self._next, AT_ONCE)
            self._next += len(events)
            for event in events:
                if (seen := self._see(event)) is not None:
                    told.append(seen)
            if told or len(events) < AT_ONCE:
                # All up to here was seen, of every kind.
                self.version = events[-1].version if len(events) == AT_ONCE else self._objects.version
                return told

    def _see(self, event: Event) -> Told | None:
        before = event.before if event.before and self._selection.fits(event.before) else None
        after = event.after if event.after and self._selection.fits(event.after) else None
        if after is not None:
            return ("MODIFIED" if before else "ADDED"), after.text, event.version
        if before is not None:
            return "DELETED", at_version(before, event.version), event.version
        return None
