"""Answers to those who write: what is sent is read, written, and what came of it told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import yaml
from aiohttp import web

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket import refusal
from tinyflow_operator.pocket.asked import Asked, Route
from tinyflow_operator.pocket.documents import Request, Written
from tinyflow_operator.pocket.equal import encode
from tinyflow_operator.pocket.objects import Kept, decode
from tinyflow_operator.pocket.patches import json_patch, merge_patch, strategic_patch
from tinyflow_operator.pocket.refusal import Cause, Refusal
from tinyflow_operator.pocket.scaling import scale_of, scaled
from tinyflow_operator.pocket.selection import Selection
from tinyflow_operator.pocket.store import Store

APPLY = "application/apply-patch+yaml"
MERGE, JSON, STRATEGIC = (f"application/{kind}+json" for kind in ("merge-patch", "json-patch", "strategic-merge-patch"))
PROTOBUF = "application/vnd.kubernetes.protobuf"  # what kubectl's own create commands send of built-in kinds
PLAIN = ("application/json", "application/yaml", "application/octet-stream", "")

Patch = Callable[[Document], Any]


def change(store: Store, route: Route, asked: Asked, method: str, content: str, body: bytes) -> web.Response:
    """Do what is asked.

    Raises:
        Refusal: It cannot be.
    """
    request = Request(
        route.resource,
        route.namespace,
        route.name,
        part=route.part,
        manager=asked.manager,
        force=asked.force,
        dry=asked.dry,
        strictness=asked.strictness,
    )
    if method == "DELETE":
        return _delete(store, request, asked, body)
    if method == "POST" and not route.name:
        return _told(store.write.create(request, _plain(content, body)))
    if method == "PUT" and route.name:
        if route.part == "scale":
            return _scale(store, request, lambda _: _plain(content, body))
        return _told(store.write.replace(request, _plain(content, body)))
    if method == "PATCH" and route.name:
        return _patch(store, request, asked, content, body)
    raise Refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def _patch(store: Store, request: Request, asked: Asked, content: str, body: bytes) -> web.Response:
    if content == APPLY:
        if not asked.applier:
            cause = Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")
            raise Refusal(422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {cause.field}: {cause.message}')
        if request.part != "scale":
            return _told(store.write.apply(request, _read(body)))
        content = MERGE
    patch = _patcher(request, content, body)
    if request.part == "scale":
        return _scale(store, request, patch)
    live = store.get(request.resource, request.namespace, request.name)
    patched = patch(live.document)
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
        raise refusal.bad_request("a patch cannot replace the object by something else")
    return _told(store.write.update(request, live, patched))


def _patcher(request: Request, content: str, body: bytes) -> Patch:
    sent = _read(body)
    if content == MERGE:
        if not isinstance(sent, dict):
            raise refusal.bad_request("a merge patch is a map")
        return lambda document: merge_patch(document, sent)
    if content == JSON:
        return lambda document: json_patch(document, sent)
    if content == STRATEGIC and not request.resource.custom:
        return lambda document: strategic_patch(request.resource.shape, document, sent)
    known = [JSON, MERGE, APPLY] + ([] if request.resource.custom else [STRATEGIC])
    raise _unsupported(known)


def _scale(store: Store, request: Request, patch: Patch) -> web.Response:
    live = store.get(request.resource, request.namespace, request.name)
    document = live.document
    changed = scaled(request.resource, document, patch(scale_of(request.resource, document)))
    written = store.write.update(request, live, changed)
    return _told(replace(written, text=encode(scale_of(request.resource, decode(written.text)))))


def _delete(store: Store, request: Request, asked: Asked, body: bytes) -> web.Response:
    options = _read(body) if body.strip() else {}
    policy = options.get("propagationPolicy") or asked.policy or "Background"
    if options.get("orphanDependents") or policy == "Orphan":
        policy = "Orphan"
    request = replace(request, dry=request.dry or options.get("dryRun") == ["All"])
    if not request.name:
        return _delete_all(store, request, asked.selection(request.namespace), policy)
    must = options.get("preconditions") or {}
    live = store.get(request.resource, request.namespace, request.name)
    deleted = store.write.delete(request, policy=policy, uid=must.get("uid"), version=must.get("resourceVersion"))
    if not deleted.removed:
        return _told(deleted)
    return _json(_success(request, live))


def _delete_all(store: Store, request: Request, selection: Selection, policy: str) -> web.Response:
    resource = request.resource
    found = store.list(resource, selection).objects
    for kept in found:
        if store.objects.get(resource, kept.place) is not None:  # it may have gone with its owner
            store.write.delete(replace(request, name=kept.place[1], namespace=kept.place[0]), policy=policy)
    head = {"apiVersion": resource.api_version, "kind": resource.list_kind}
    metadata = {"resourceVersion": str(store.objects.version)}
    return _json({**head, "metadata": metadata, "items": [kept.document for kept in found]})


def _success(request: Request, live: Kept) -> Document:
    details = {**request.resource.details(request.name), "uid": live.uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _plain(content: str, body: bytes) -> Any:
    if content not in PLAIN:
        way_out = "the pocket cluster reads no protobuf: let kubectl write the object with --dry-run=client -o yaml"
        more = f" ({way_out}, and pipe it to kubectl apply -f -)" if content == PROTOBUF else ""
        raise _unsupported(["application/json", "application/yaml"], more)
    return _read(body)


def _read(body: bytes) -> Any:
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # YAML, perhaps: the content's name does not tell
    try:
        return yaml.safe_load(body)
    except (yaml.YAMLError, ValueError) as error:
        raise refusal.bad_request(f"the body is neither JSON nor YAML: {error}") from error


def _unsupported(known: list[str], more: str = "") -> Refusal:
    said = f"the body of the request was in an unknown format - accepted media types include: {', '.join(known)}"
    return Refusal(415, "UnsupportedMediaType", said + more)


def _told(written: Written) -> web.Response:
    response = web.Response(body=written.text, status=201 if written.created else 200, content_type="application/json")
    for warning in written.warnings:
        said = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{said}"')
    return response


def _json(document: Document) -> web.Response:
    return web.Response(body=encode(document), content_type="application/json")
