"""Everything the operator writes into the cluster goes through here, and only when it says something new."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Collection

from tinyflow_runtime.errors import ClusterError

from tinyflow_operator.cache import key_of
from tinyflow_operator.conditions import now, same
from tinyflow_operator.kinds import EVENTS, Document, Kind
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.workload import contains
from tinyflow_operator.world import World

log = logging.getLogger(__name__)

MANAGER = "tinyflow-operator"
STATUS = "tinyflow-operator-status"  # the status has a manager of its own: it never owns a field of the spec
QUIET = 600.0  # seconds in which the same event is not told again
REMEMBERED = 10_000  # events


class Writer:
    """Writes what differs from the world, and nothing else."""

    def __init__(self, kube: Kube, world: World) -> None:
        self.kube = kube
        self._world = world
        self._told: dict[str, float] = {}

    async def status(self, kind: Kind, document: Document, status: Document, *, foreign: Collection[str] = ()) -> bool:
        """Give an object this status; whether it had another one.

        Args:
            foreign: Fields of it that are somebody else's.
        """
        known = self._world.get(kind, key_of(document)) or document
        before = {name: part for name, part in (known.get("status") or {}).items() if name not in foreign}
        if same(before, status):
            return False
        try:
            written = await self.kube.apply(
                kind, {"metadata": _named(document), "status": status}, STATUS, part="status"
            )
        except Refused as error:
            if error.status == 404 or (error.status == 409 and "uid" in str(error).lower()):
                return False  # it is gone, or another one of its name came: both are told by the watch
            raise
        self._world.put(kind, written)
        return True

    async def child(self, kind: Kind, document: Document) -> bool:
        """Bring something that belongs to a module to what is wanted of it; whether it was otherwise.

        Raises:
            NameTaken: Something of this name is there, and is somebody else's.
        """
        key = key_of(document)
        known = self._world.get(kind, key)
        if contains(known, document):
            return False
        if known is None:
            known = await self.kube.get(kind, *key)
        if known is not None and not _same_owner(known, document):
            raise NameTaken(kind, key[1])
        await self.kube.apply(kind, document, MANAGER)
        return True

    async def event(self, kind: Kind, document: Document, reason: str, message: str, *, warning: bool = False) -> None:
        """Say what happened to an object. The same again is told after ten minutes at the earliest."""
        metadata = document["metadata"]
        told = hashlib.sha256("\n".join((metadata["uid"], reason, message)).encode()).hexdigest()[:16]
        if time.monotonic() - self._told.get(told, -QUIET) < QUIET:
            return
        if len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told[told] = time.monotonic()
        event = {
            # Named by what it says: an operator that starts again adds no second one.
            "metadata": {"name": f"{metadata['name'][:200]}.{told}", "namespace": metadata["namespace"]},
            "involvedObject": {"apiVersion": kind.api_version, "kind": kind.name, **_named(document)},
            "reason": reason,
            "message": message[:1000],
            "type": "Warning" if warning else "Normal",
            "lastTimestamp": now(),
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "reportingInstance": MANAGER,
        }
        try:
            await self.kube.apply(EVENTS, event, MANAGER)
        except ClusterError as error:
            log.warning("event %s of %s was not told: %s", reason, metadata["name"], error)


class NameTaken(Refused):
    """Something that is not ours has a name that we need."""

    def __init__(self, kind: Kind, name: str, way_out: str = "Delete it, or rename the module.") -> None:
        super().__init__(409, f"there is a {kind.name} {name!r} of somebody else. {way_out}")


def _named(document: Document) -> Document:
    metadata = document["metadata"]
    # With the uid, nothing is ever said about another object of the same name.
    return {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}


def _same_owner(known: Document, wanted: Document) -> bool:
    """Whether the owner is a module of that name; after it was made again, its things are taken over."""
    names = {(one["kind"], one["name"]) for one in wanted["metadata"].get("ownerReferences", [])}
    there = {(one["kind"], one["name"]) for one in known["metadata"].get("ownerReferences", [])}
    return bool(names & there)
