"""The objects themselves, as bytes, and what happened to them: every version once, in order, as long as it is kept."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.equal import encode
from tinyflow_operator.pocket.refusal import expired
from tinyflow_operator.pocket.resources import Resource

HISTORY = 8192  # events of a kind that are kept; whoever fell further behind lists again

Place = tuple[str, str]  # namespace, name
decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Kept:
    """One version of an object. Its document is never changed: `document` reads a fresh one each time."""

    place: Place
    version: int
    labels: dict[str, str]
    owners: tuple[str, ...]
    uid: str
    text: bytes

    @property
    def document(self) -> Document:
        read: Document = decode(self.text)
        return read


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one object: it had not been there before, or is not any more, or is another."""

    version: int
    before: Kept | None
    after: Kept | None


@dataclass(slots=True)
class Shelf:
    """All objects of one kind, and what happened to them of late.

    Attributes:
        forgotten: The version of the last event that is no longer kept.
    """

    objects: dict[Place, Kept] = field(default_factory=dict)
    events: deque[Event] = field(default_factory=deque)
    forgotten: int = 0
    told: int = 0  # events ever, so that a place in the deque has a number that stays


class Objects:
    """Keeps objects of all kinds under one count of versions.

    Args:
        version: The version to count from. It has to be greater than any that an earlier life gave out.
        history: How many events of a kind are kept.
    """

    def __init__(self, *, version: int = 1, history: int = HISTORY) -> None:
        self.version = version
        self.listeners: set[Callable[[], None]] = set()  # called after each event
        self._history = history
        self._shelves: dict[Resource, Shelf] = {}

    def add(self, resource: Resource) -> None:
        self._shelves[resource] = Shelf(forgotten=self.version)

    def swap(self, old: Resource, new: Resource) -> None:
        """The same objects under another description of their kind."""
        self._shelves[new] = self._shelves.pop(old)

    def drop(self, resource: Resource) -> None:
        self._shelves.pop(resource, None)

    def __contains__(self, resource: Resource) -> bool:
        return resource in self._shelves

    def get(self, resource: Resource, place: Place) -> Kept | None:
        return self._shelves[resource].objects.get(place)

    def all_of(self, resource: Resource) -> Iterator[Kept]:
        return iter(list(self._shelves[resource].objects.values()))

    def put(self, resource: Resource, document: Document) -> Kept:
        """Keep a document as the object's newest version, which is written into it."""
        self.version += 1
        metadata = document["metadata"]
        metadata["resourceVersion"] = str(self.version)
        place = (metadata.get("namespace", ""), metadata["name"])
        owners = tuple(owner["uid"] for owner in metadata.get("ownerReferences") or ())
        kept = Kept(place, self.version, metadata.get("labels") or {}, owners, metadata["uid"], encode(document))
        shelf = self._shelves[resource]
        before = shelf.objects.get(place)
        shelf.objects[place] = kept
        self._tell(shelf, Event(self.version, before, kept))
        return kept

    def remove(self, resource: Resource, place: Place) -> Kept:
        """Take an object away; what is answered is the object as it was last."""
        self.version += 1
        shelf = self._shelves[resource]
        before = shelf.objects.pop(place)
        self._tell(shelf, Event(self.version, before, None))
        return before

    def snapshot(self, resource: Resource, version: int) -> dict[Place, Kept]:
        """All objects as they were at a version.

        Raises:
            Refusal: That is longer ago than is kept.
        """
        shelf = self._shelves[resource]
        if version < shelf.forgotten:
            raise expired("The provided continue parameter is too old to display a consistent list result.")
        objects = dict(shelf.objects)
        for event in reversed(shelf.events):
            if event.version <= version:
                break
            if event.before is not None:
                objects[event.before.place] = event.before
            elif event.after is not None:
                objects.pop(event.after.place, None)
        return objects

    def since(self, resource: Resource, version: int) -> int:
        """The number of the first event after a version.

        Raises:
            Refusal: Events after that version are no longer kept, or are of an earlier life.
        """
        shelf = self._shelves[resource]
        if version < shelf.forgotten or version > self.version:
            raise expired(f"too old resource version: {version} ({shelf.forgotten})")
        later = 0
        for event in reversed(shelf.events):
            if event.version <= version:
                break
            later += 1
        return shelf.told - later

    def events(self, resource: Resource, number: int, most: int) -> list[Event]:
        """Some events from a number on.

        Raises:
            Refusal: They are no longer kept, or the kind is not served any more.
        """
        shelf = self._shelves.get(resource)
        if shelf is None:
            raise expired("the kind is not served any more")
        first = shelf.told - len(shelf.events)
        if number < first:
            raise expired(f"too old resource version: {shelf.forgotten}")
        start = number - first
        return [shelf.events[place] for place in range(start, min(start + most, len(shelf.events)))]

    def _tell(self, shelf: Shelf, event: Event) -> None:
        shelf.events.append(event)
        shelf.told += 1
        if len(shelf.events) > self._history:
            shelf.forgotten = shelf.events.popleft().version
        for listener in list(self.listeners):
            listener()

    def forget(self) -> None:
        """Forget all that happened, as a server does that compacts: whoever watches from before has to list again."""
        for shelf in self._shelves.values():
            shelf.forgotten = self.version
            shelf.events.clear()


def at_version(kept: Kept, version: int) -> bytes:
    """An object's bytes as of another version: what was deleted is told with the version of its end."""
    document: Any = kept.document
    document["metadata"]["resourceVersion"] = str(version)
    return encode(document)
