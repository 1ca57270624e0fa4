"""What is the pocket's own: what it forgets, how it is entered, and how fast it is."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import datetime
import json
import time
from pathlib import Path

import aiohttp
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some
from tinyflow_operator.crds import definitions
from tinyflow_operator.pocket import api
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.cells import since
from tinyflow_operator.pocket.checks import Fit
from tinyflow_operator.pocket.documents import Request
from tinyflow_operator.pocket.patches import merge_patch
from tinyflow_operator.pocket.refusal import Refusal
from tinyflow_operator.pocket.selection import Selection
from tinyflow_operator.pocket.shape import shape_of
from tinyflow_operator.pocket.store import Store

GADGET = yaml.safe_load((Path(__file__).parent / "conformance/gadget.yaml").read_text())
PATH = "/apis/conformance.tinyflow.dev/v1/namespaces/default/gadgets"
HISTORY = 4


class Filled:
    """A store with three gadgets that remembers little."""

    def __init__(self):
        self.store = Store([GADGET], history=HISTORY)
        self.gadgets = self.store.resource("conformance.tinyflow.dev", "v1", "gadgets")
        for name in "abc":
            self.write(name, size=1)

    def write(self, name, **spec):
        document = {"metadata": {"name": name}, "spec": spec}
        return self.store.write.apply(Request(self.gadgets, "default", name, manager="me"), document)

    def change_much(self):
        for size in range(2 * HISTORY):
            self.write("a", size=size + 2)


@pytest.fixture
def filled():
    return Filled()


async def lines_of(url, **asked):
    async with aiohttp.ClientSession() as session, session.get(url + PATH, params={"watch": "1", **asked}) as answer:
        return [json.loads(line) for line in (await answer.text()).splitlines()]


async def test_a_watch_from_before_what_is_kept_is_told_so_and_ends(filled):
    version = filled.store.objects.version
    filled.change_much()

    async with serve(filled.store) as url:
        told = await lines_of(url, resourceVersion=str(version))

    assert [(event["type"], event["object"]["code"]) for event in told] == [("ERROR", 410)]


async def test_a_watch_of_an_earlier_or_a_later_life_has_to_list_again(filled):
    async with serve(filled.store) as url:
        told = await lines_of(url, resourceVersion=str(filled.store.objects.version + 1))

    assert told[0]["object"]["code"] == 410


def test_versions_of_a_later_life_are_greater():
    first = Store()
    second = Store(version=first.objects.version + 1)

    assert Store().objects.version < second.objects.version + 60_000
    assert second.objects.version > first.objects.version


async def test_pages_of_before_what_is_kept_are_refused(filled):
    page = filled.store.list(filled.gadgets, Selection(filled.gadgets), limit=1)
    filled.change_much()

    async with serve(filled.store) as url, aiohttp.ClientSession() as session:
        async with session.get(url + PATH, params={"continue": page.more}) as answer:
            refused = await answer.json()

    assert (answer.status, refused["reason"]) == (410, "Expired")


async def test_a_watcher_who_falls_behind_is_told_so(filled):
    watch = filled.store.watch(filled.gadgets, Selection(filled.gadgets), filled.store.objects.version)
    filled.change_much()

    with pytest.raises(Refusal) as caught:
        watch.take()

    assert caught.value.code == 410


async def test_the_login_may_stand_in_the_path(filled):
    async with serve(filled.store, token="secret") as url, aiohttp.ClientSession() as session:
        answers = []
        for before in ("/secret", "", "/wrong"):
            async with session.get(f"{url}{before}{PATH}/a") as answer:
                answers.append(answer.status)

    assert answers == [200, 401, 401]


async def test_the_end_of_the_server_ends_its_watches(filled):
    async with serve(filled.store) as url:
        watching = asyncio.create_task(lines_of(url, resourceVersion=str(filled.store.objects.version)))
        async with asyncio.timeout(5):
            while True:
                if filled.store.objects.listeners:
                    break
                await asyncio.sleep(0.01)  # nothing tells that a watch has begun

    assert await watching == []
    assert filled.store.objects.listeners == set()


@pytest.mark.parametrize(("value", "fits"), [(5, True), ("5", True), (1.5, False), ([], False)])
def test_a_number_or_a_text_is_either(value, fits):
    fit = Fit()

    fit.fit(shape_of({"x-kubernetes-int-or-string": True}), value, "it")

    assert (fit.causes == []) is fits


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *[(5, "5s"), (119, "119s"), (185, "3m5s"), (1200, "20m"), (7300, "121m"), (11000, "3h3m"), (90000, "25h")],
        *[(200_000, "2d7h"), (800_000, "9d"), (70_000_000, "2y80d")],
    ],
)
def test_an_age_is_coarser_the_longer_ago(seconds, said):
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds, milliseconds=300)

    assert since(then.isoformat()) == said


def test_a_thousand_applies_take_less_than_two_seconds_of_the_processor():
    store = Store(definitions())
    nodes = store.resource("tinyflow.dev", "v1alpha1", "tinynodes")
    edges = [{"id": f"out-{name}", "port": "out", "to": f"{name}:in"} for name in "bc"]
    spec = {"module": "m", "component": "double", "edges": edges}
    began = time.process_time()

    for number in range(1000):
        document = {"metadata": {"name": f"f.n{number}", "labels": {"tinyflow.dev/flow": "f"}}, "spec": spec}
        store.write.apply(Request(nodes, "default", f"f.n{number}", manager="push"), json.loads(json.dumps(document)))

    assert time.process_time() - began < 2  # a fifth of a second, where nobody else is


def test_a_namespace_of_many_nodes_goes_at_once():
    store = Store(definitions())
    nodes = store.resource("tinyflow.dev", "v1alpha1", "tinynodes")
    namespaces = store.resource("", "v1", "namespaces")
    store.write.create(Request(namespaces, ""), {"metadata": {"name": "many"}})
    for number in range(3000):
        document = {"metadata": {"name": f"f.n{number}"}, "spec": {"module": "m", "component": "double"}}
        store.write.create(Request(nodes, "many"), document)
    began = time.process_time()

    store.write.delete(Request(namespaces, "", "many"))

    assert store.list(nodes, Selection(nodes, "many")).objects == []
    assert store.objects.get(namespaces, ("", "many")) is None
    assert time.process_time() - began < 2  # a look at all of them after each would take minutes


async def test_a_request_without_an_end_is_stopped(filled, monkeypatch):
    monkeypatch.setattr(api, "MOST_BYTES", 1000)

    async def endless():
        while True:
            yield b" " * 500

    async with serve(filled.store) as url, aiohttp.ClientSession() as session:
        try:
            async with session.post(url + PATH, data=endless()) as answer:
                assert answer.status == 413
        except aiohttp.ClientOSError:
            pass  # it may hang up while we are still sending


@pytest.mark.parametrize(
    "body", [b"[" * 50_000, b'{"spec":' * 50_000, b'{"spec":{"free":' + b'{"a":' * 900 + b"1" + b"}" * 902]
)
async def test_what_is_nested_too_deeply_is_refused(filled, body):
    async with serve(filled.store) as url, aiohttp.ClientSession() as session:
        async with session.post(url + PATH, data=body, headers={"Content-Type": "application/json"}) as answer:
            refused = await answer.json()

    assert (answer.status, refused["kind"]) in ((400, "Status"), (422, "Status"))


async def test_kubectls_protobuf_is_refused_with_a_way_out(filled):
    headers = {"Content-Type": "application/vnd.kubernetes.protobuf"}

    async with serve(filled.store) as url, aiohttp.ClientSession() as session:
        async with session.post(url + PATH, data=b"k8s\0", headers=headers) as answer:
            refused = await answer.json()

    assert (answer.status, refused["reason"]) == (415, "UnsupportedMediaType")
    assert "--dry-run=client -o yaml" in refused["message"]


ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers(-5, 2**40) | some.floats(allow_nan=False) | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
PLACES = some.sampled_from(
    [
        *[(), ("metadata",), ("spec",), ("status",), ("kind",), ("metadata", "name"), ("metadata", "labels")],
        *[("metadata", name) for name in ("annotations", "finalizers", "ownerReferences", "managedFields", "uid")],
        *[("metadata", name) for name in ("namespace", "resourceVersion", "generateName", "generation")],
        *[("spec", name) for name in ("parts", "ports", "tags", "texts", "nested", "whole", "free", "size", "maybe")],
        *[("spec", "parts", 0), ("spec", "parts", 0, "id"), ("spec", "tags", 0), ("data",), ("data", "x")],
    ]
)


@given(data=some.data(), changes=some.lists(some.tuples(PLACES, ANYTHING), min_size=1, max_size=3))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_whatever_is_sent_is_taken_or_refused(data, changes):
    filled = Filled()
    writer, plural = filled.store.write, data.draw(some.sampled_from(["gadgets", "configmaps", "deployments", "crds"]))
    resource = {
        "gadgets": filled.gadgets,
        "configmaps": filled.store.resource("", "v1", "configmaps"),
        "deployments": filled.store.resource("apps", "v1", "deployments"),
        "crds": filled.store.resource("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
    }[plural]
    spec = {"parts": [{"id": "one"}], "tags": ["t"], "nested": {}, "texts": {}}
    document = {"metadata": {"name": "a"}, "spec": spec, "data": {"x": "y"}}
    for place, value in changes:
        document = _put(document, place, value)
    request = Request(resource, "default" if resource.namespaced else "", "a", manager="me")

    for write in (writer.create, writer.apply, writer.replace, writer.apply):
        with contextlib.suppress(Refusal):
            write(request, copy.deepcopy(document))
    patched = merge_patch({"metadata": {"name": "a"}}, document)
    if (live := filled.store.objects.get(resource, request.place)) is not None and isinstance(patched, dict):
        with contextlib.suppress(Refusal):
            writer.update(request, live, patched)


def _put(document, place, value):
    if not place:
        return value
    first, *rest = place
    if isinstance(document, list) and first == 0:
        return [_put(document[0] if document else None, rest, value), *document[1:]]
    return {**(document if isinstance(document, dict) else {}), str(first): _put(_inner(document, first), rest, value)}


def _inner(document, name):
    return document.get(name) if isinstance(document, dict) else None
