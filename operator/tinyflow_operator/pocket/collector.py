"""The garbage collector: what is owned goes with its last owner, and what a namespace holds goes with that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from tinyflow_operator.pocket.objects import Kept, Objects, Place
from tinyflow_operator.pocket.resources import Resource

FOREGROUND = "foregroundDeletion"

Thing = tuple[Resource, Place]


class Collector:
    """Knows who owns whom. Told of every object that is kept or removed, it deletes what nobody owns any more.

    Args:
        delete: Deletes an object in the background.
        change: Writes an object whose owners or finalizers changed.
    """

    def __init__(
        self, objects: Objects, delete: Callable[[Resource, Place], None], change: Callable[[Resource, Kept, str], None]
    ) -> None:
        self._objects, self._delete, self._change = objects, delete, change
        self._living: dict[str, Thing] = {}  # by uid
        self._owned: defaultdict[str, dict[Thing, None]] = defaultdict(dict)  # by an owner's uid

    def kept(self, resource: Resource, before: Kept | None, after: Kept) -> None:
        """An object was created or changed."""
        thing = (resource, after.place)
        self._living[after.uid] = thing
        if before is None and not after.owners:
            return
        if before is not None:
            if before.owners == after.owners:
                return
            self._forget(thing, before.owners)
        for owner in after.owners:
            self._owned[owner][thing] = None
        if after.owners and not any(self._lives(owner, after.place) for owner in after.owners):
            self._delete(*thing)

    def removed(self, resource: Resource, kept: Kept) -> None:
        """An object is gone: whatever it alone owned goes, and an owner that waited for that may go."""
        thing = (resource, kept.place)
        del self._living[kept.uid]
        self._forget(thing, kept.owners)
        for child in list(self._owned.pop(kept.uid, ())):
            self._orphaned(child, kept.uid)
        for owner in kept.owners:
            if owner in self._living:
                self.release(*self._living[owner])

    def children(self, uid: str) -> Iterable[Thing]:
        return list(self._owned.get(uid, ()))

    def disown(self, uid: str) -> None:
        """Let the children of an owner live on without it."""
        for resource, place in self.children(uid):
            child = self._objects.get(resource, place)
            if child is not None:
                self._change(resource, child, uid)

    def release(self, resource: Resource, place: Place) -> None:
        """End an owner that waits for its children, if none of those that it waits for is left."""
        owner = self._objects.get(resource, place)
        if owner is None or b'"' + FOREGROUND.encode() + b'"' not in owner.text:
            return
        metadata = owner.document["metadata"]
        if "deletionTimestamp" not in metadata or FOREGROUND not in (metadata.get("finalizers") or ()):
            return
        if not any(self._blocks(child, owner.uid) for child in self.children(owner.uid)):
            self._change(resource, owner, FOREGROUND)

    def _orphaned(self, child: Thing, uid: str) -> None:
        resource, place = child
        kept = self._objects.get(resource, place) if resource in self._objects else None
        if kept is None:
            return
        if any(self._lives(owner, place) for owner in kept.owners):
            self._change(resource, kept, uid)
        else:
            self._delete(resource, place)

    def _blocks(self, child: Thing, uid: str) -> bool:
        kept = self._objects.get(*child)
        if kept is None:
            return False
        owners = kept.document["metadata"].get("ownerReferences") or ()
        return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)

    def _lives(self, uid: str, child: Place) -> bool:
        """Whether an owner is there, where an owner can be: in the same namespace, or in none."""
        if uid not in self._living:
            return False
        namespace = self._living[uid][1][0]
        return namespace in ("", child[0])

    def _forget(self, thing: Thing, owners: Iterable[str]) -> None:
        for owner in owners:
            children = self._owned.get(owner)
            if children is not None:
                children.pop(thing, None)
                if not children:
                    del self._owned[owner]
