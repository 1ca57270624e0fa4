"""The pocket's store: everything a small cluster holds, with Kubernetes' semantics and without any input or output."""

from __future__ import annotations

import base64
import datetime
import itertools
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket import refusal
from tinyflow_operator.pocket.builtin import builtins
from tinyflow_operator.pocket.documents import Request
from tinyflow_operator.pocket.objects import HISTORY, Kept, Objects, Place
from tinyflow_operator.pocket.resources import Resource, resource_of
from tinyflow_operator.pocket.selection import Selection, Watch
from tinyflow_operator.pocket.writing import Writer

FIRST_NAMESPACES = ("default", "kube-system")


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list, all of one moment.

    Attributes:
        more: What to go on with; empty on the last page.
        left: How many are on the pages to come; None when that is not known.
    """

    objects: list[Kept]
    version: int
    more: str = ""
    left: int | None = None


class Store:
    """All objects of a small cluster.

    Attributes:
        write: Creates, replaces, patches, applies and deletes.
        unchecked: CEL rules of definitions that are not understood here, so that nobody checks them.

    Args:
        definitions: Custom resource definitions that are there from the start.
        version: The version to count from; of the clock unless given, so that those of an earlier life are old.
        history: How many events of a kind are kept for watches.
    """

    def __init__(
        self, definitions: Iterable[Document] = (), *, version: int | None = None, history: int = HISTORY
    ) -> None:
        self._resources: dict[tuple[str, str, str], Resource] = {}
        self._second = (0, "")
        self._emptied: set[str] = set()  # namespaces that are just being emptied
        begin = int(time.time() * 1000) if version is None else version
        self.objects = Objects(version=begin, history=history)
        self.write = Writer(self.objects, now=self._now, admit=self._admit, noticed=self._noticed)
        for resource in builtins():
            self._serve(resource)
        self._namespaces = self.resource("", "v1", "namespaces")
        self._definitions = self.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        for name in FIRST_NAMESPACES:
            self.write.create(Request(self._namespaces, ""), {"metadata": {"name": name}})
        for definition in definitions:
            self.write.create(Request(self._definitions, "", manager="tinyflow"), definition)

    @property
    def resources(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    @property
    def unchecked(self) -> list[str]:
        return [f"{resource.kind}{rule}" for resource in self.resources for rule in resource.shape.unchecked()]

    def resource(self, group: str, version: str, plural: str) -> Resource:
        """What is served under that name.

        Raises:
            Refusal: Nothing is.
        """
        resource = self._resources.get((group, version, plural))
        if resource is None:
            raise refusal.unknown_path()
        return resource

    def get(self, resource: Resource, namespace: str, name: str) -> Kept:
        kept = self.objects.get(resource, (namespace, name))
        if kept is None:
            raise refusal.not_found(resource, name)
        return kept

    def list(
        self,
        resource: Resource,
        selection: Selection,
        *,
        limit: int = 0,
        more: str = "",
        version: int | None = None,
        exact: bool = False,
    ) -> Page:
        """Objects of a kind, sorted.

        Args:
            more: Go on with the page before, at its version.
            version: The list must be of that version or a later one; of that very one when `exact`.
        """
        at, start = _continued(more) if more else (self.objects.version, ("", ""))
        if version is not None and not more:
            if version > self.objects.version:
                raise refusal.too_large_version(version, self.objects.version)
            at = version if exact else at
        found = self.objects.snapshot(resource, at)
        places = sorted(place for place, kept in found.items() if place > start and selection.fits(kept))
        page = places[:limit] if limit else places
        objects = [found[place] for place in page]
        if len(page) == len(places):
            return Page(objects, at)
        left = len(places) - len(page) if not selection.choosy else None
        return Page(objects, at, _continuation(at, page[-1]), left)

    def watch(self, resource: Resource, selection: Selection, version: int | None) -> Watch:
        """What happens after a version; without one, what is there first.

        Raises:
            Refusal: The version is too old.
        """
        if version:
            return Watch(self.objects, resource, selection, version)
        there = sorted(kept.place for kept in self.objects.all_of(resource) if selection.fits(kept))
        begin = [self.get(resource, *place) for place in there]
        return Watch(self.objects, resource, selection, self.objects.version, begin)

    def _serve(self, resource: Resource) -> None:
        where = (resource.group, resource.version, resource.plural)
        old = self._resources.get(where)
        self._resources[where] = resource
        if old is None:
            self.objects.add(resource)
        else:
            self.objects.swap(old, resource)

    def _admit(self, request: Request) -> None:
        resource, namespace = request.resource, request.namespace
        if not resource.namespaced:
            return
        kept = self.objects.get(self._namespaces, ("", namespace))
        if kept is None:
            raise refusal.not_found(self._namespaces, namespace)
        if b'"deletionTimestamp"' in kept.text and "deletionTimestamp" in kept.document["metadata"]:
            said = f"namespace {namespace} is being terminated"
            cause = {"reason": "NamespaceTerminating", "message": said, "field": "metadata.namespace"}
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            details = {**resource.details(request.name), "causes": [cause]}
            raise refusal.Refusal(403, "Forbidden", f'{resource.title} "{request.name}" is forbidden: {why}', details)

    def _noticed(self, resource: Resource, place: Place, document: Document | None) -> None:
        """Some objects change what is served, or what may be there."""
        if resource is self._definitions:
            self._define(place[1], document)
        elif resource is self._namespaces:
            if document is not None and "deletionTimestamp" in document["metadata"]:
                self._empty(place[1])
        elif document is None and resource.namespaced and place[0] not in self._emptied:
            kept = self.objects.get(self._namespaces, ("", place[0]))
            if kept is not None and b'"deletionTimestamp"' in kept.text:
                self._end(place[0])

    def _define(self, name: str, definition: Document | None) -> None:
        if definition is not None:
            self._serve(resource_of(definition))
            return
        plural, _, group = name.partition(".")
        for where, resource in list(self._resources.items()):
            if (resource.group, resource.plural) == (group, plural) and resource.custom:
                for kept in self.objects.all_of(resource):
                    self.write.remove(Request(resource, *kept.place))
                del self._resources[where]
                self.objects.drop(resource)

    def _empty(self, namespace: str) -> None:
        self._emptied.add(namespace)  # looked at once at the end, not after each of ten thousand nodes
        for resource in list(self.resources):
            for kept in self.objects.all_of(resource) if resource.namespaced else ():
                if kept.place[0] == namespace and self.objects.get(resource, kept.place) is not None:
                    self.write.delete(Request(resource, *kept.place))
        self._emptied.discard(namespace)
        self._end(namespace)

    def _end(self, namespace: str) -> None:
        """Take a namespace away that is to go, if nothing is left in it."""
        left = itertools.chain.from_iterable(self.objects.all_of(one) for one in self.resources if one.namespaced)
        if not any(kept.place[0] == namespace for kept in left):
            self.write.remove(Request(self._namespaces, "", namespace))

    def _now(self) -> str:
        second = int(time.time())
        if second != self._second[0]:
            said = datetime.datetime.fromtimestamp(second, datetime.UTC)
            self._second = (second, f"{said:%Y-%m-%dT%H:%M:%SZ}")
        return self._second[1]


def _continuation(version: int, place: Place) -> str:
    said = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": list(place)})
    return base64.urlsafe_b64encode(said.encode()).decode()


def _continued(more: str) -> tuple[int, Place]:
    try:
        said = json.loads(base64.urlsafe_b64decode(more))
        namespace, name = said["start"]
        return int(said["rv"]), (str(namespace), str(name))
    except (ValueError, KeyError, TypeError) as error:
        raise refusal.bad_request(f"continue key is not valid: {error}") from error
