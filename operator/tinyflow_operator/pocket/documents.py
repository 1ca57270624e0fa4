"""Documents on their way in: of the right kind, about the right object, saying only what is theirs to say."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket import refusal
from tinyflow_operator.pocket.equal import same
from tinyflow_operator.pocket.objects import Kept, Place
from tinyflow_operator.pocket.ownership import Who
from tinyflow_operator.pocket.resources import Resource

# A server's own; what a client says of them is overruled.
CARRIED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "managedFields")


@dataclass(frozen=True, slots=True)
class Request:
    """What is written, by whom, and how strictly it is taken.

    Attributes:
        part: ``"status"`` when it goes through that.
        manager: The field manager's name.
        dry: Whether to check it only.
        strictness: What becomes of unknown fields: ``"Strict"``, ``"Warn"`` or ``"Ignore"``.
    """

    resource: Resource
    namespace: str
    name: str = ""
    part: str = ""
    manager: str = "unknown"
    force: bool = False
    dry: bool = False
    strictness: str = "Ignore"

    @property
    def place(self) -> Place:
        return self.namespace, self.name

    def who(self, operation: str) -> Who:
        return Who(self.manager, operation, self.resource.api_version, self.part)


@dataclass(frozen=True, slots=True)
class Written:
    """The object as it is now.

    Attributes:
        warnings: For the person who sent it.
    """

    text: bytes
    created: bool = False
    removed: bool = False
    warnings: tuple[str, ...] = ()


def of_its_kind(document: Any, request: Request) -> Document:
    """The document with its kind said first and its metadata a map."""
    resource = request.resource
    if not isinstance(document, dict) or not isinstance(document.get("metadata") or {}, dict):
        raise refusal.bad_request("the object provided is unrecognized: it must be a map with metadata")
    version, kind = document.get("apiVersion") or resource.api_version, document.get("kind") or resource.kind
    if version != resource.api_version or kind != resource.kind:
        said = f"{kind} of {version} does not match the expected {resource.kind} of {resource.api_version}"
        raise refusal.bad_request(f"the object provided is unrecognized: {said}")
    metadata = dict(document.get("metadata") or {})
    for name in ("name", "generateName", "namespace", "uid", "resourceVersion"):
        if metadata.get(name) is None:
            metadata.pop(name, None)
        elif not isinstance(metadata[name], str):
            raise refusal.bad_request(f"the object provided is unrecognized: metadata.{name} must be a string")
    if resource.namespaced:
        if metadata.get("namespace", request.namespace) != request.namespace:
            said = "the namespace of the provided object does not match the namespace sent on the request"
            raise refusal.bad_request(said)
        metadata["namespace"] = request.namespace
    else:
        metadata.pop("namespace", None)
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **_rest(document)}


def _rest(document: Document) -> Document:
    return {name: value for name, value in document.items() if name not in ("apiVersion", "kind", "metadata")}


def born(metadata: Document, resource: Resource, now: str) -> Document:
    """The metadata of an object that begins now."""
    fresh = {name: value for name, value in metadata.items() if name not in (*CARRIED, "selfLink", "resourceVersion")}
    fresh |= {"uid": str(uuid.uuid4()), "creationTimestamp": now}
    if resource.counts:
        fresh["generation"] = 1
    return fresh


def expect(request: Request, said: Document, live: Kept) -> None:
    """Refuse what was written for another object or another version."""
    if said.get("uid", live.uid) != live.uid:
        why = f"Precondition failed: UID in precondition: {said['uid']}, UID in object meta: {live.uid}"
        raise refusal.conflict(request.resource, request.name, why)
    if (said.get("resourceVersion") or str(live.version)) != str(live.version):
        raise refusal.modified(request.resource, request.name)


def carried(request: Request, old: Document, new: Document) -> Document:
    """The new document with what is not its business as it was: a part's, or the server's own."""
    if request.part == "status":
        kept = {**old, "metadata": dict(old["metadata"])}
        kept.pop("status", None)
        return {**kept, "status": new["status"]} if "status" in new else kept
    new = {**new, "metadata": {name: value for name, value in new["metadata"].items() if name not in CARRIED}}
    new["metadata"] |= {name: old["metadata"][name] for name in CARRIED if name in old["metadata"]}
    new["metadata"] |= {"name": request.name, "resourceVersion": old["metadata"]["resourceVersion"]}
    if request.resource.status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new


def said_through(sent: Document, request: Request) -> Document:
    """What an apply may say through this part of the object."""
    head = {name: sent[name] for name in ("apiVersion", "kind")}
    metadata = {name: value for name, value in sent["metadata"].items() if name not in (*CARRIED, "resourceVersion")}
    if request.part == "status":
        return {**head, "metadata": {}, **({"status": sent["status"]} if "status" in sent else {})}
    rest = _rest(sent)
    if request.resource.status:
        rest.pop("status", None)
        sent.pop("status", None)
    return {**head, "metadata": {**metadata, "name": request.name}, **rest}


def unmanaged(document: Document) -> Document:
    """The document without what is said of its managers."""
    metadata = {name: value for name, value in document["metadata"].items() if name != "managedFields"}
    return {**document, "metadata": metadata}


def wanted_otherwise(resource: Resource, old: Document, new: Document) -> bool:
    """Whether something changed that the generation counts."""
    ours = ("apiVersion", "kind", "metadata", *(("status",) if resource.status else ()))
    names = (old.keys() | new.keys()) - set(ours)
    return any(name not in old or name not in new or not same(old[name], new[name]) for name in names)
