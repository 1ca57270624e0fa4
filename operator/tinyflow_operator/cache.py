"""What one kind of object looks like right now: listed, then watched, and listed again after the watch got lost."""

from __future__ import annotations

import asyncio
import collections
import logging
import random
import time
from collections.abc import Callable, Iterator

import msgspec
from tinyflow_runtime.errors import ClusterError

from tinyflow_operator.kinds import Document, Kind
from tinyflow_operator.kube import WATCH_SECONDS, Gone, Kube

log = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 0.2, 30.0  # seconds between attempts while the server is away
BETWEEN_LISTS = 1.0  # seconds at least: a server that forgets all the time must not be listed all the time
RESYNC = 600.0  # seconds after which everything is listed again, whatever the watch told
MOST_PORTS = 1_000  # of which one copy is shared
MALFORMED = (KeyError, TypeError, ValueError)  # what an event raises that is none: read it all again, and go on
INSTANT = 1.0  # seconds; a watch that ended sooner and told nothing was no watch

Key = tuple[str, str]  # namespace, name


class Cache:
    """All objects of one kind in one namespace (or in all), as the server last told.

    Attributes:
        counts: For metrics: ``lists``, ``watches``, ``gone``, ``outages``.

    Args:
        changed: Called with each object that appeared, changed or went; the object itself is to be looked up.
        selector: Labels that an object must have to be here.
    """

    def __init__(
        self, kube: Kube, kind: Kind, namespace: str, changed: Callable[[Document], None], *, selector: str = ""
    ) -> None:
        self.synced = asyncio.Event()
        self.counts: collections.Counter[str] = collections.Counter()
        self._kube, self._kind, self._namespace = kube, kind, namespace
        self._changed = changed
        self._selector = selector
        self._objects: dict[Key, Document] = {}
        self._ports: dict[bytes, object] = {}
        self._listed = -BETWEEN_LISTS  # when it was last begun

    def get(self, key: Key) -> Document | None:
        return self._objects.get(key)

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[Document]:
        return iter(self._objects.values())

    def put(self, document: Document) -> None:
        """What a write of ours was answered with, known at once; the watch tells it later, and then it is no news.

        An object that is not here, or is another one by now, stays as it is: the answer may be older than its end.
        """
        known = self._objects.get(key_of(document))
        if known is not None and _uid(known) == _uid(document):
            self._see("MODIFIED", document)

    async def run(self) -> None:
        """Follow the server for ever: every outage is waited out, and told to the log once."""
        version, delay = "", FIRST_DELAY
        while True:
            try:
                if not version or time.monotonic() >= self._listed + RESYNC:
                    version = await self._relist()
                began, told = time.monotonic(), False
                self.counts["watches"] += 1
                left = self._listed + RESYNC - began
                watch = self._kube.watch(
                    self._kind, self._namespace, version, selector=self._selector, seconds=min(left, WATCH_SECONDS)
                )
                async for event, document in watch:
                    version, delay, told = document["metadata"]["resourceVersion"], FIRST_DELAY, True
                    self._see(event, document)
                # The third way in which servers say that a version is too old, after 410 as status and as event.
                if not told and time.monotonic() < began + INSTANT:
                    raise Gone("the watch ended at once")
            except Gone:
                self.counts["gone"] += 1
                version = ""
            except (ClusterError, *MALFORMED) as error:
                self.counts["outages"] += 1
                version = "" if isinstance(error, MALFORMED) else version
                if delay == FIRST_DELAY:
                    log.warning("%s", error if isinstance(error, ClusterError) else f"{self._kind.name}: {error!r}")
                # Jittered, or all operators come back to a server that just started at the same moment.
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))
                delay = min(delay * 2, LONGEST_DELAY)

    async def _relist(self) -> str:
        await asyncio.sleep(self._listed + BETWEEN_LISTS - time.monotonic())
        self._listed = time.monotonic()
        self.counts["lists"] += 1
        items, version = await self._kube.list(self._kind, self._namespace, selector=self._selector)
        before, self._objects = self._objects, {}
        for document in items:
            self._see("ADDED", document, told=_version(before.get(key_of(document))))
        # A watch that lost its place never tells what was deleted in the gap.
        for key in before.keys() - self._objects.keys():
            self._changed(before[key])
        self.synced.set()
        return version

    def _see(self, event: str, document: Document, *, told: str = "") -> None:
        if event == "BOOKMARK":
            return
        known = self._objects.get(key_of(document))
        if known is not None and event != "DELETED" and _order(known) >= _order(document):
            return  # the answer to a write of ours was here before the watch told it
        self._slim(document)
        if event == "DELETED":
            self._objects.pop(key_of(document), None)
        else:
            self._objects[key_of(document)] = document
        if _version(document) != told:
            self._changed(document)

    def _slim(self, document: Document) -> None:
        """Hold what nobody reads not at all, and once what thousands have in common: their component's ports."""
        document["metadata"].pop("managedFields", None)  # half of an object's size
        status = document.get("status") or {}
        if status.get("ports"):
            if len(self._ports) > MOST_PORTS:
                self._ports.clear()
            status["ports"] = self._ports.setdefault(msgspec.json.encode(status["ports"]), status["ports"])


def key_of(document: Document) -> Key:
    """Namespace and name; an object that has no namespace has an empty one."""
    metadata = document["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _order(document: Document) -> int:
    """Versions of one object count up. Text to compare for equality only, says Kubernetes before 1.35; it never was."""
    return int(document["metadata"]["resourceVersion"])


def _uid(document: Document) -> str:
    return str(document["metadata"]["uid"])


def _version(document: Document | None) -> str:
    return str(document["metadata"]["resourceVersion"]) if document else ""
