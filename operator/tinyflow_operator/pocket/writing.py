"""Writes: create, replace, patch, apply and delete, each checked as Kubernetes checks it, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tinyflow_operator.kinds import Document
from tinyflow_operator.names import ending
from tinyflow_operator.pocket import ownership, refusal
from tinyflow_operator.pocket.checks import WRONG_TYPE, Fit
from tinyflow_operator.pocket.collector import FOREGROUND, Collector
from tinyflow_operator.pocket.documents import (
    Request,
    Written,
    born,
    carried,
    expect,
    of_its_kind,
    said_through,
    unmanaged,
    wanted_otherwise,
)
from tinyflow_operator.pocket.equal import encode
from tinyflow_operator.pocket.merging import Unmergeable, compare, fields_of, merge, without
from tinyflow_operator.pocket.names import wrong_metadata
from tinyflow_operator.pocket.objects import Kept, Objects, Place
from tinyflow_operator.pocket.resources import Resource
from tinyflow_operator.pocket.shape import MISSING


class Writer:
    """Writes to the objects, and tells the collector.

    Args:
        now: The time, as Kubernetes writes it.
        admit: Raises a Refusal when there may be no new object in a namespace.
        noticed: Called with each object that was written (None when it was removed): some change what is served.
    """

    def __init__(
        self,
        objects: Objects,
        *,
        now: Callable[[], str],
        admit: Callable[[Request], None],
        noticed: Callable[[Resource, Place, Document | None], None],
    ) -> None:
        self._objects, self._now, self._admit, self._noticed = objects, now, admit, noticed
        self.collector = Collector(objects, self._collect, self._lose)

    def create(self, request: Request, document: Document) -> Written:
        """A new object.

        Raises:
            Refusal: It is there already, or not as it must be.
        """
        resource = request.resource
        document = of_its_kind(document, request)
        metadata = document["metadata"]
        if metadata.get("resourceVersion"):
            raise refusal.bad_request("resourceVersion should not be set on objects to be created")
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"][:58] + ending()
        request = replace(request, name=metadata.get("name", ""))
        if resource.status:
            document.pop("status", None)
        return self._create(request, document, "Update", None)

    def _create(self, request: Request, document: Document, operation: str, own: Document | None) -> Written:
        resource = request.resource
        self._admit(request)
        if own is None and self._objects.get(resource, request.place) is not None:
            raise refusal.already_exists(resource, request.name)
        document["metadata"] = born(document["metadata"], resource, self._now())
        warnings = self._fit(request, document, None)
        if own is None:
            fields = ownership.owned_part(fields_of(resource.shape, document, maps=True))
        else:
            fields = own
        if fields:
            document["metadata"]["managedFields"] = [request.who(operation).entry(fields, self._now())]
        if request.dry:
            return Written(encode(document), created=True, warnings=warnings)
        kept = self._put(resource, None, document)
        return Written(kept.text, created=True, warnings=warnings)

    def replace(self, request: Request, document: Document) -> Written:
        """The object as it is sent, if nobody wrote it meanwhile.

        Raises:
            Refusal: It is another version by now, or not as it must be.
        """
        document = of_its_kind(document, request)
        sent = document["metadata"]
        if sent.get("name", request.name) != request.name:
            said = f"the name of the object ({sent['name']}) does not match the name on the URL ({request.name})"
            raise refusal.bad_request(said)
        live = self._live(request)
        if not sent.get("resourceVersion") and request.resource.custom:
            said = "Invalid value: 0x0: must be specified for an update"
            cause = refusal.Cause("FieldValueInvalid", said, "metadata.resourceVersion")
            raise refusal.invalid(request.resource, request.name, [cause])
        return self.update(request, live, document)

    def update(self, request: Request, live: Kept, document: Document) -> Written:
        """Write a changed document over the live one; what it says of its version has to be true."""
        resource, old = request.resource, live.document
        document = of_its_kind(document, request)
        expect(request, document["metadata"], live)
        new = carried(request, old, document)
        warnings = self._fit(request, new, old)
        changes = compare(resource.shape, unmanaged(old), unmanaged(new))
        if not (changes.added or changes.modified or changes.removed):
            return Written(live.text, warnings=warnings)
        who, entries = request.who("Update"), old["metadata"].get("managedFields") or []
        own = ownership.updated(entries, who, changes)
        managed = ownership.after(entries, who, changes, own, self._now())
        return self._rewrite(request, live, old, new, managed, warnings)

    def apply(self, request: Request, sent: Document) -> Written:
        """Server-side apply: the fields sent are the manager's, those it no longer sends go unless others own them.

        Raises:
            Refusal: Another manager owns a field and `force` is not set.
        """
        resource, part = request.resource, request.part
        sent = of_its_kind(sent, request)
        metadata = sent["metadata"]
        if metadata.get("name", request.name) != request.name:
            raise refusal.bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL ({request.name})"
            )
        if metadata.get("managedFields"):
            raise refusal.bad_request("metadata.managedFields must be nil")
        live = self._objects.get(resource, request.place)
        if live is None and (part or metadata.get("uid")):
            raise refusal.not_found(resource, request.name)
        if live is not None:
            expect(request, metadata, live)
        said = said_through(sent, request)
        metadata.pop("resourceVersion", None)
        try:
            own = ownership.owned_part(fields_of(resource.shape, sent), part)
        except Unmergeable as error:
            where = f"{request.namespace}/{request.name}; {resource.api_version}, Kind={resource.kind}"
            said_so = f"failed to create typed patch object ({where}): {error}"
            raise refusal.Refusal(500, "", said_so) from error
        if live is None:
            return self._create(replace(request, strictness="Ignore"), said, "Apply", own)
        old = live.document
        who, entries = request.who("Apply"), old["metadata"].get("managedFields") or []
        last = ownership.last_of(entries, who)
        new = merge(resource.shape, old, said)
        if last and last != own:
            new = without(resource.shape, new, last, ownership.owned_by_all(entries, who, own))
        changes = compare(resource.shape, old, new)
        if not request.force:
            ownership.refuse_conflicts(entries, who, changes)
        managed = ownership.after(entries, who, changes, own, self._now())
        if managed == entries and not (changes.added or changes.modified or changes.removed):
            return Written(live.text)
        new = carried(request, old, new)
        warnings = self._fit(request, new, old)
        return self._rewrite(request, live, old, new, managed, warnings)

    def delete(
        self, request: Request, *, policy: str = "Background", uid: str | None = None, version: str | None = None
    ) -> Written:
        """Delete an object: at once, or when its finalizers are gone.

        Args:
            policy: What becomes of what it owns: ``"Background"``, ``"Foreground"`` or ``"Orphan"``.
        """
        resource, live = request.resource, self._live(request)
        for name, wanted, found in (("UID", uid, live.uid), ("ResourceVersion", version, str(live.version))):
            if wanted is not None and wanted != found:
                said = f"the {name} in the precondition ({wanted}) does not match the {name} in record ({found}). "
                why = said + "The object might have been deleted and then recreated"
                raise refusal.conflict(resource, request.name, why)
        if request.dry:
            return Written(live.text, removed=True)
        if policy == "Orphan":
            self.collector.disown(live.uid)
        document = live.document
        metadata = document["metadata"]
        finalizers = list(metadata.get("finalizers") or ())
        if policy == "Foreground" and FOREGROUND not in finalizers:
            finalizers.append(FOREGROUND)
        if not finalizers and resource.kind != "Namespace":
            self._remove(resource, live)
            return Written(live.text, removed=True)
        if "deletionTimestamp" not in metadata:
            metadata |= {"deletionTimestamp": self._now(), "deletionGracePeriodSeconds": 0}
            if finalizers:
                metadata["finalizers"] = finalizers
            if "generation" in metadata:
                metadata["generation"] += 1
            if resource.kind == "Namespace":
                document["status"] = {"phase": "Terminating"}
            live = self._put(resource, live, document)
        if policy == "Foreground":
            for child, place in self.collector.children(live.uid):
                self._collect(child, place)
            self.collector.release(resource, request.place)
        left = self._objects.get(resource, request.place)
        return Written(live.text, removed=left is None)

    def remove(self, request: Request) -> None:
        """Take an object away, whatever holds it."""
        live = self._objects.get(request.resource, request.place)
        if live is not None:
            self._remove(request.resource, live)

    def _live(self, request: Request) -> Kept:
        live = self._objects.get(request.resource, request.place)
        if live is None:
            raise refusal.not_found(request.resource, request.name)
        return live

    def _fit(self, request: Request, document: Document, old: Document | None) -> tuple[str, ...]:
        """Fit a document to its schema, in place; the answer is what to warn of."""
        resource, fit = request.resource, Fit()
        managed = document["metadata"].pop("managedFields", None)
        fit.fit(resource.shape, document, "")
        if managed:
            document["metadata"]["managedFields"] = managed
        unknown = [f'unknown field "{field}"' for field in fit.unknown]
        if unknown and request.strictness == "Strict":
            raise refusal.bad_request(f"strict decoding error: {', '.join(unknown)}")
        causes = fit.causes or wrong_metadata(document["metadata"], resource.kind)
        if not causes:
            causes = resource.check(document, old)
            if resource.shape.ruled:
                fit.hold(resource.shape, document, MISSING if old is None else old, "")
                causes += fit.causes
        if causes and not resource.custom and any(cause.reason == WRONG_TYPE for cause in causes):
            told = f"{resource.kind} in version {resource.version!r} cannot be handled as a {resource.kind}"
            raise refusal.bad_request(f"{told}: {causes[0].message}")
        if causes:
            raise refusal.invalid(resource, request.name, causes)
        resource.ready(document)
        return tuple(unknown) if request.strictness == "Warn" else ()

    def _rewrite(
        self,
        request: Request,
        live: Kept,
        old: Document,
        new: Document,
        managed: list[Document],
        warnings: tuple[str, ...],
    ) -> Written:
        resource, metadata = request.resource, new["metadata"]
        metadata.pop("managedFields", None)
        if managed:
            metadata["managedFields"] = managed
        if resource.counts and wanted_otherwise(resource, old, new):
            metadata["generation"] = old["metadata"].get("generation", 0) + 1
        if request.dry:
            return Written(encode(new), warnings=warnings)
        kept = self._put(resource, live, new)
        if "deletionTimestamp" in metadata and not metadata.get("finalizers") and resource.kind != "Namespace":
            self._remove(resource, kept)
            return Written(kept.text, removed=True, warnings=warnings)
        return Written(kept.text, warnings=warnings)

    def _put(self, resource: Resource, before: Kept | None, document: Document) -> Kept:
        kept = self._objects.put(resource, document)
        self.collector.kept(resource, before, kept)
        self._noticed(resource, kept.place, document)
        return kept

    def _remove(self, resource: Resource, live: Kept) -> None:
        if self._objects.get(resource, live.place) is None:
            return
        self._objects.remove(resource, live.place)
        self.collector.removed(resource, live)
        self._noticed(resource, live.place, None)

    def _collect(self, resource: Resource, place: Place) -> None:
        if self._objects.get(resource, place) is not None:
            self.delete(Request(resource, *place))

    def _lose(self, resource: Resource, kept: Kept, gone: str) -> None:
        """Write an object without an owner, or without a finalizer, that is gone."""
        document = kept.document
        metadata = document["metadata"]
        owners = [owner for owner in metadata.get("ownerReferences") or () if owner["uid"] != gone]
        finalizers = [one for one in metadata.get("finalizers") or () if one != gone]
        for name, left in (("ownerReferences", owners), ("finalizers", finalizers)):
            metadata.pop(name, None)
            if left:
                metadata[name] = left
        kept = self._put(resource, kept, document)
        if "deletionTimestamp" in metadata and not finalizers and resource.kind != "Namespace":
            self._remove(resource, kept)
