"""The operator ended before and after every call it makes: the next one comes to the same end, and nothing is left.

The points are counted, not chosen: a story of all kinds is told once for each call of the operator's, until a telling
ends without reaching its point. On a real Kubernetes API, where a telling takes longer, every tenth point has one;
``TINYFLOW_EVERY_POINT=1`` is for all of them.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import os

import pytest
from tinyflow_operator.conditions import condition_of
from tinyflow_operator.kinds import (
    CONFIGMAPS,
    DEPLOYMENTS,
    EVENTS,
    FLOWS,
    MODULES,
    NODES,
    OURS,
    PROJECTS,
    SERVICES,
    SIGNALS,
)
from tinyflow_operator.kube import Kube
from tinyflow_runtime.manifest import nodes_hash
from tinyflow_runtime.resources.labels import HOT_RELOAD, NODES_SHA256, SOURCE_SHA256
from tinyflow_runtime.wire import Remote

SIDE_BY_SIDE = 12  # tellings at once, each on an API of its own
EVERY = 1 if os.environ.get("TINYFLOW_EVERY_POINT") else 10
QUIET = 20  # looks without a change, a tenth of a second apart
HOT = {HOT_RELOAD: "true"}
TIMES = {"lastTransitionTime", "time", "lastTimestamp", "creationTimestamp", "managedFields", "selfLink"}
NAMES = {"uid", "resourceVersion", "namespace", "address", "instance", "clusterIP", "clusterIPs", "message"}


class Killed(BaseException):
    """The process would be gone."""


class Point:
    """The call at which the operator ends."""

    def __init__(self, number, *, after):
        self.number, self.after = number, after
        self.count = 0
        self.at = ""

    @contextlib.contextmanager
    def call(self, what):
        self.count += 1
        here = self.count == self.number
        if here:
            self.at = what
        if here and not self.after:
            raise Killed
        yield
        if here:
            raise Killed


class FailingKube(Kube):
    """Every request is a point; so is every watch that begins."""

    def __init__(self, configuration, point):
        super().__init__(configuration)
        self.point = point

    async def _ask(self, method, path, *arguments, **options):
        with self.point.call(f"{method} {path.rpartition('/namespaces/')[2].partition('/')[2]}"):
            return await super()._ask(method, path, *arguments, **options)


class FailingRemote(Remote):
    """Calls of module servers are points too, but for those that only look."""

    def __init__(self, address, point):
        super().__init__(address)
        self.point = point

    async def _ask(self, name, *arguments):
        if name == "Describe":
            return await super()._ask(name, *arguments)
        with self.point.call(name):
            return await super()._ask(name, *arguments)


async def operate_again_and_again(operating):
    """As the pocket or a Deployment does: an operator that ended is started anew."""
    while True:
        try:
            await operating()
        except BaseExceptionGroup as group:
            if group.subgroup(Killed) is None:
                raise


async def kubelet(place, module):
    """Runs what is deployed: one pod that serves the module, with the revision it was started with."""
    async with place.serving_nothing(module) as address:
        deployment = await place.until(DEPLOYMENTS, "tm-m", bool)
        sha256 = deployment["spec"]["template"]["metadata"]["annotations"][SOURCE_SHA256]
        module.revision = module.revision or sha256
        await place.pod("m", sha256=sha256, address=address)
        await asyncio.Event().wait()


async def told(place, double, point, like):
    """The story, and how the world looks at its end."""
    module = double(components=("double", "root"))

    async def operating():
        async with FailingKube(place.kube._access._configuration, point) as kube:
            connect = lambda address: FailingRemote(address, point)  # noqa: E731  # one line of it
            await place.operate(kube, connect=connect)

    helpers = [
        asyncio.create_task(operate_again_and_again(operating)),
        asyncio.create_task(kubelet(place, module)),
    ]
    try:
        await begin(place)
        await change(place)
        return await at_rest(place, like), module
    finally:
        for helper in helpers:
            helper.cancel()
        for ended in await asyncio.gather(*helpers, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                raise ended


async def begin(place):
    await place.apply(PROJECTS, "demo", {})
    await place.apply(MODULES, "m", {"source": await place.source("one = 1")}, annotations=HOT)
    await push(place, "a", "b")
    await place.condition(MODULES, "m", status="True")
    await place.until(PROJECTS, "demo", lambda project: is_summed(project, "1/1 flows ready"))
    await place.apply(SIGNALS, "go", {"flow": "sums", "to": "a:in", "payload": 21, "timeoutSeconds": 60})
    await place.condition(SIGNALS, "go", "Delivered", status="True")


async def change(place):
    await place.apply(MODULES, "m", {"source": await place.source("two = 2")}, annotations=HOT)
    await push(place, "a", "c", component="root")
    await place.delete(NODES, "sums.b")
    await place.apply(
        SIGNALS, "brief", {"flow": "sums", "to": "a:in", "payload": 1, "timeoutSeconds": 60, "keepSeconds": 0}
    )
    await place.condition(MODULES, "m", status="True", generation=2)
    await place.condition(NODES, "sums.a", status="True", generation=2)
    await place.until(FLOWS, "sums", lambda flow: is_summed(flow, "2/2 nodes ready") and is_ready(flow))
    await place.until(SIGNALS, "brief", lambda signal: signal is None)
    await place.until(
        DEPLOYMENTS,
        "tm-m",
        lambda found: found["metadata"]["generation"] == 2,
    )


async def push(place, *nodes, component="double"):
    spec = {"module": "m", "component": component}
    documents = [{"metadata": {"name": f"sums.{node}"}, "spec": spec} for node in nodes]
    sha256 = nodes_hash(documents)
    await place.apply(FLOWS, "sums", {}, annotations={NODES_SHA256: sha256}, labels={"tinyflow.dev/project": "demo"})
    for node in nodes:
        await place.node(f"sums.{node}", component)


def is_summed(document, summary):
    return (document.get("status") or {}).get("summary") == summary


def is_ready(document):
    return condition_of(document, "Ready").get("status") == "True"


async def at_rest(place, like):
    """The world when it is like another one, or when it does not change any more."""
    before, quiet = await world(place), 0
    while before != like and quiet < QUIET:
        await asyncio.sleep(0.1)
        now = await world(place)
        before, quiet = now, quiet + 1 if now == before else 0
    return before


async def world(place):
    """Everything there is, without what differs from one telling to the next."""
    kinds = (*OURS, CONFIGMAPS, DEPLOYMENTS, SERVICES)
    found = {kind.name: {name: bare(item) for name, item in (await place.list(kind)).items()} for kind in kinds}
    events = [(event["reason"], event["message"]) for event in (await place.list(EVENTS)).values()]
    assert len(events) == len(set(events)), "an event was told twice"
    return found


def bare(part):
    if isinstance(part, dict):
        return {name: bare(value) for name, value in part.items() if name not in TIMES | NAMES}
    if isinstance(part, list):
        return sorted((bare(value) for value in part), key=repr)
    return part


@pytest.mark.timeout(300 if EVERY > 1 else 3000)
async def test_an_operator_that_ends_at_any_call_leaves_the_next_one_to_come_to_the_same_end(
    request, places, double, capsys
):
    every = EVERY if "kubernetes" in request.node.name else 1

    async def tell(number, *, after, like=None):
        point = Point(number, after=after)
        found, module = await told(await places(), double, point, like)
        return point, found, module

    undisturbed, wanted, _ = await tell(0, after=False)
    points = []
    for first in itertools.count(1, every * SIDE_BY_SIDE // 2):
        numbers = range(first, first + every * SIDE_BY_SIDE // 2, every)
        async with asyncio.TaskGroup() as tasks:
            tellings = [
                tasks.create_task(tell(number, after=after, like=wanted))
                for number in numbers
                for after in (False, True)
            ]
        for point, found, module in map(asyncio.Task.result, tellings):
            if not point.at:
                continue
            points.append(point)
            assert found == wanted, f"ended {'after' if point.after else 'before'} call {point.number}, {point.at}"
            assert [message.payload for message in module.messages] == [b"\x15", b"\x01"], point.at
        if not all(telling.result()[0].at for telling in tellings):
            break

    with capsys.disabled():
        kinds = collections.Counter(point.at.partition("/")[0] for point in points)
        print(f"\n{len(points)} points; {undisturbed.count} calls in an undisturbed telling; {dict(kinds)}")
    assert len(points) >= 100 // every
