"""Our client behind a server that fails in every way we know: it sees what is there, and asks with measure."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter

import pytest
from aiohttp import web
from kubernetes import client as official
from tinyflow_operator import cache as caching
from tinyflow_operator import kube as client
from tinyflow_operator.cache import Cache
from tinyflow_operator.kinds import CONFIGMAPS, Kind
from tinyflow_operator.kube import Kube, Refused
from tinyflow_runtime.errors import ClusterError

GADGETS = Kind("Gadget", "gadgets", "conformance.tinyflow.dev", "v1")
GONE = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Expired", "code": 410}


class Faulty:
    """A proxy that passes everything on, but for what its faults answer; each fault is asked once, in turn.

    Attributes:
        asked: How often lists and watches were asked for, and when.
    """

    def __init__(self, api):
        self.api, self.watching, self.listing = api, [], []
        self.asked, self.times = Counter(), []

    async def answer(self, request):
        what = "watch" if "watch" in request.query else "list" if "limit" in request.query else "other"
        self.asked[what] += 1
        if what == "list":
            self.times.append(time.monotonic())
        faults = {"watch": self.watching, "list": self.listing}.get(what, [])
        if faults and (answered := await faults.pop(0)(request)) is not None:
            return answered
        return await self.pass_on(request)

    async def pass_on(self, request, *, most=None):
        url = self.api._root + request.path_qs
        head = {"Content-Type": request.content_type}
        async with self.api._session.request(request.method, url, data=await request.read(), headers=head) as answer:
            passed = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
            await passed.prepare(request)
            async for piece in answer.content.iter_any():
                with contextlib.suppress(ConnectionError):
                    await passed.write(piece[:most])
                if most is not None:
                    request.transport.abort()
                    break
            return passed


@pytest.fixture
async def faulty(api):
    proxy = Faulty(api)
    runner = web.ServerRunner(web.Server(proxy.answer, handler_cancellation=True), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    configuration = official.Configuration(host=f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        async with Kube(configuration) as kube:
            proxy.kube = kube
            yield proxy
    finally:
        await runner.cleanup()


@pytest.fixture
def soon(monkeypatch):
    """Everything that is waited for comes a little sooner."""
    monkeypatch.setattr(caching, "BETWEEN_LISTS", 0.1)
    monkeypatch.setattr(caching, "FIRST_DELAY", 0.05)


@contextlib.asynccontextmanager
async def following(faulty):
    """A cache of the gadgets, with what it told of them."""
    told = []
    cache = Cache(
        faulty.kube, GADGETS, faulty.api.namespace, lambda document: told.append(document["metadata"]["name"])
    )
    running = asyncio.create_task(cache.run())
    try:
        async with asyncio.timeout(10):
            await cache.synced.wait()
        yield cache, told
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def until(fits):
    async with asyncio.timeout(15):
        while True:
            if fits():
                return
            await asyncio.sleep(0.01)  # a cache tells of changes, and here it is about what is no change


def names(cache):
    return sorted(document["metadata"]["name"] for document in cache)


async def gone_as_status(request):
    return web.json_response(GONE, status=410)


async def gone_as_event(request):
    return web.Response(text=json.dumps({"type": "ERROR", "object": GONE}) + "\n", content_type="application/json")


async def gone_at_once(request):
    return web.Response(text="", content_type="application/json")


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("gone", [gone_as_status, gone_as_event, gone_at_once])
async def test_what_went_while_the_watch_was_gone_is_told(api, faulty, gone):
    await api.create("gadgets", api.gadget("goes"))
    await api.create("gadgets", api.gadget("stays"))

    async def meanwhile(request):
        await api.delete("gadgets", "goes")
        await api.create("gadgets", api.gadget("comes"))
        return await gone(request)

    faulty.watching.append(meanwhile)
    async with following(faulty) as (cache, told):
        await until(lambda: names(cache) == ["comes", "stays"])

    assert sorted(told) == ["comes", "goes", "goes", "stays"]
    assert (cache.counts["gone"], cache.counts["lists"], faulty.asked["list"]) == (1, 2, 2)


@pytest.mark.parametrize("gone", [gone_as_status, gone_as_event, gone_at_once])
async def test_a_server_that_forgets_all_the_time_is_listed_once_a_second(faulty, gone):
    faulty.watching += [gone] * 1000

    async with following(faulty):
        await until(lambda: len(faulty.times) == 3)

    assert faulty.times[2] - faulty.times[0] > 1.9
    assert faulty.asked["watch"] <= 3


@pytest.mark.usefixtures("soon")
async def test_a_watch_that_is_silent_is_begun_again(api, faulty, monkeypatch):
    monkeypatch.setattr(client, "SILENCE", 0.3)

    async def hang(request):
        await api.create("gadgets", api.gadget("a"))
        response = web.StreamResponse()
        await response.prepare(request)
        await asyncio.sleep(60)

    faulty.watching.append(hang)
    async with following(faulty) as (cache, _):
        await until(lambda: names(cache) == ["a"])

    assert faulty.asked["list"] == 1


@pytest.mark.usefixtures("soon")
async def test_a_watch_that_breaks_in_the_middle_of_an_event_loses_nothing(api, faulty):
    async def half(request):
        for name in ("a", "b"):
            await api.create("gadgets", api.gadget(name))
        return await faulty.pass_on(request, most=100)

    faulty.watching.append(half)
    async with following(faulty) as (cache, told):
        await until(lambda: names(cache) == ["a", "b"])

    assert (sorted(told), faulty.asked["list"]) == (["a", "b"], 1)


@pytest.mark.usefixtures("soon")
async def test_a_list_whose_pages_ran_out_is_begun_again(api, faulty, monkeypatch):
    monkeypatch.setattr(client, "PAGE", 1)
    for name in ("a", "b"):
        await api.create("gadgets", api.gadget(name))

    async def fine(request):
        return None

    faulty.listing += [fine, gone_as_status]
    async with following(faulty) as (cache, told):
        pass

    assert (names(cache), told) == (["a", "b"], ["a", "b"])


@pytest.mark.usefixtures("soon")
async def test_everything_is_listed_again_after_a_while_and_the_same_is_no_news(api, faulty, monkeypatch):
    monkeypatch.setattr(caching, "RESYNC", 1.5)
    await api.create("gadgets", api.gadget("a"))

    async with following(faulty) as (_, told):
        await until(lambda: faulty.asked["list"] == 2)
        await api.create("gadgets", api.gadget("b"))
        await until(lambda: "b" in told)

    assert told == ["a", "b"]


@pytest.mark.usefixtures("soon")
async def test_a_server_that_is_away_is_tried_less_and_less(faulty, monkeypatch):
    waits = []
    monkeypatch.setattr(caching, "LONGEST_DELAY", 0.4)
    monkeypatch.setattr(caching.random, "uniform", lambda low, high: waits.append((low, high)) or high)

    async def away(request):
        request.transport.abort()
        return web.Response()

    faulty.watching += [away] * 6
    async with following(faulty) as (cache, _):
        await until(lambda: faulty.asked["watch"] == 7)

    assert cache.counts["outages"] >= 3  # of the six; aiohttp itself asks again where a connection was an old one
    assert waits == [(0.5, 1.0)] * cache.counts["outages"]
    assert faulty.asked["list"] == 1


async def test_who_is_turned_away_for_the_moment_comes_back_when_told(faulty):
    async def busy(request):
        return web.Response(status=429, headers={"Retry-After": "1"}, text="busy")

    faulty.listing += [busy, busy]
    began = time.monotonic()
    items, version = await faulty.kube.list(GADGETS, faulty.api.namespace)

    assert (items, bool(version), faulty.asked["list"]) == ([], True, 3)
    assert 2 <= time.monotonic() - began < 5
    assert faulty.kube.counts["GET", "429"] == 2


async def test_who_is_turned_away_again_and_again_gives_up_and_says_so(faulty):
    async def busy(request):
        return web.json_response({"message": "too many requests"}, status=429, headers={"Retry-After": "0"})

    faulty.listing += [busy] * 100

    with pytest.raises(Refused, match=r"\(429\): too many requests"):
        await faulty.kube.list(GADGETS, faulty.api.namespace)
    assert faulty.asked["list"] == client.ATTEMPTS


async def test_a_page_that_is_not_kubernetes_is_trouble_and_no_crash(faulty):
    async def page(request):
        return web.Response(text="<html>Sign in", content_type="text/html")

    faulty.listing.append(page)

    with pytest.raises(ClusterError, match="TF-162"):
        await faulty.kube.list(GADGETS, faulty.api.namespace)


async def test_a_large_object_is_sent_without_a_warning(api, faulty):
    text = "x" * 1_040_000

    made = await faulty.kube.apply(CONFIGMAPS, api.map("a", text=text), "me")

    assert made["data"] == {"text": text}
