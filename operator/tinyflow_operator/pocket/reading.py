"""Answers to those who read: one object, a list of them, a watch; as documents or as tables."""

from __future__ import annotations

import asyncio
import random

from aiohttp import web

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.asked import Asked, Route
from tinyflow_operator.pocket.equal import encode
from tinyflow_operator.pocket.objects import decode
from tinyflow_operator.pocket.refusal import Cause, Refusal, invalid
from tinyflow_operator.pocket.resources import Resource
from tinyflow_operator.pocket.scaling import scale_of
from tinyflow_operator.pocket.selection import Told
from tinyflow_operator.pocket.store import Store
from tinyflow_operator.pocket.tables import table

BOOKMARK = 10.0  # seconds of silence after which a watch is told how far it has come
LONGEST_WATCH = 1800.0  # seconds, and up to twice that; clients that set no time are to come back now and then


def answer_one(store: Store, route: Route, asked: Asked) -> web.Response:
    """One object, or a part of it."""
    kept = store.get(route.resource, route.namespace, route.name)
    if route.part == "scale":
        return _json(encode(scale_of(route.resource, kept.document)))
    if asked.table:
        return _json(
            encode(table(route.resource, [kept.document], {"resourceVersion": str(kept.version)}, asked.shown))
        )
    if asked.partial:
        return _json(encode(_partial(kept.document)))
    return _json(kept.text)


def answer_list(store: Store, route: Route, asked: Asked) -> web.Response:
    """A list, or a page of it."""
    resource = route.resource
    page = store.list(
        resource,
        asked.selection(route.namespace),
        limit=asked.limit,
        more=asked.more,
        version=asked.version,
        exact=asked.exact,
    )
    metadata: Document = {"resourceVersion": str(page.version)}
    if page.more:
        metadata["continue"] = page.more
        if page.left is not None:
            metadata["remainingItemCount"] = page.left
    if asked.table:
        return _json(encode(table(resource, (kept.document for kept in page.objects), metadata, asked.shown)))
    if asked.partial:
        head = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        return _json(encode({**head, "items": [_partial(kept.document) for kept in page.objects]}))
    texts = [kept.text for kept in page.objects]
    if not resource.custom:  # their lists say the kind once
        skip = len(encode({"apiVersion": resource.api_version, "kind": resource.kind}))
        texts = [b"{" + text[skip:] for text in texts]
    head = {"apiVersion": resource.api_version, "kind": resource.list_kind, "metadata": metadata}
    return _json(encode(head)[:-1] + b',"items":[' + b",".join(texts) + b"]}")


async def follow(
    store: Store, route: Route, asked: Asked, request: web.BaseRequest, ending: asyncio.Event
) -> web.StreamResponse:
    """Tell a watcher what happens until its time is up, it falls too far behind, or the server ends."""
    resource = route.resource
    if asked.initial_events:
        said = "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
        raise invalid(resource, "", [Cause("FieldValueForbidden", said, "sendInitialEvents")])
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    selection, version = asked.selection(route.namespace), asked.version
    news = asyncio.Event()
    store.objects.listeners.add(news.set)
    loop = asyncio.get_running_loop()
    end = loop.time() + (asked.seconds or LONGEST_WATCH * random.uniform(1, 2))
    try:
        try:
            watch = store.watch(resource, selection, version)
        except Refusal as refused:
            if refused.code != 410:
                raise
            # As Kubernetes does: the watch begins, and its first event is that it is over.
            await response.prepare(request)
            await response.write(_line("ERROR", encode(refused.document)))
            return response
        await response.prepare(request)
        while not ending.is_set():
            news.clear()
            told = watch.take()
            if told:
                await response.write(b"".join(_line(kind, text) for kind, text, _ in _as_asked(resource, asked, told)))
                continue
            left = end - loop.time()
            if left <= 0:
                break
            try:
                async with asyncio.timeout(min(left, BOOKMARK)):
                    await news.wait()
            except TimeoutError:
                if asked.bookmarks:
                    await response.write(_line("BOOKMARK", _bookmark(resource, asked, watch.version)))
    except Refusal as refused:
        if not response.prepared:
            raise
        await response.write(_line("ERROR", encode(refused.document)))
    except ConnectionError:
        pass  # the watcher went
    finally:
        store.objects.listeners.discard(news.set)
    return response


def _as_asked(resource: Resource, asked: Asked, told: list[Told]) -> list[Told]:
    if asked.partial:
        return [(kind, encode(_partial(decode(text))), version) for kind, text, version in told]
    if not asked.table:
        return told
    tables = (
        (kind, table(resource, [decode(text)], {"resourceVersion": str(version)}, asked.shown), version)
        for kind, text, version in told
    )
    return [(kind, encode(drawn), version) for kind, drawn, version in tables]


def _bookmark(resource: Resource, asked: Asked, version: int) -> bytes:
    head: Document = {"kind": resource.kind, "apiVersion": resource.api_version}
    mark = {**head, "metadata": {"resourceVersion": str(version), "creationTimestamp": None}}
    if asked.table:
        return encode(
            {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": mark["metadata"],
                "rows": [{"cells": [], "object": mark}],
            }
        )
    return encode(mark)


def _partial(document: Document) -> Document:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": document["metadata"]}


def _line(kind: str, text: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + text + b"}\n"


def _json(text: bytes) -> web.Response:
    return web.Response(body=text, content_type="application/json")
