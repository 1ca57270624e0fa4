"""Two operators as processes on a real Kubernetes API, each behind a proxy that sees what it asks: one works at a time.

While they run, a node is edited all the time, so that whoever works has something to write at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from aiohttp import ClientError, web
from tinyflow_operator import leadership
from tinyflow_operator.kinds import LEASES, MODULES, NODES, PROJECTS
from tinyflow_operator.kube import Kube
from tinyflow_operator.loop import Operator
from tinyflow_runtime.resources.labels import SCHEMAS
from tinyflow_runtime.resources.names import OPERATOR

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share with others

from proxies import Proxy

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.parametrize("place", ["kubernetes"], indirect=True),  # the pocket has one operator, and no leases
]

SOON = 6.0  # seconds in which a busy machine does what takes two on an idle one
TERMS = {"LASTS": 6, **{name: 0.4 * getattr(leadership, name) for name in ("DEADLINE", "PERIOD", "ATTEMPT")}}
assert TERMS["LASTS"] == 0.4 * leadership.LASTS  # whole seconds: a Lease says no others
LASTS, DEADLINE, PERIOD, _ = TERMS.values()
# The operator, whose leader is waited for less than half as long as otherwise.
PROGRAM = f"""
import runpy
from tinyflow_operator import leadership
vars(leadership).update({TERMS})
runpy.run_module("tinyflow_operator", run_name="__main__", alter_sys=True)
"""


class Between(Proxy):
    """Stands between one operator and the API.

    Attributes:
        worked: When it asked for anything but the lease, and what.
    """

    def __init__(self, kube):
        super().__init__(kube)
        self.worked = []
        self.passes = lambda path: True
        self.answers = lambda path: None

    async def answer(self, request):
        lease, definition = "/leases" in request.path, "/customresourcedefinitions/" in request.path
        if not self.passes(request.path):
            await asyncio.sleep(60)
        if (document := self.answers(request.path)) is not None:
            return web.json_response(document)
        if not lease and not definition:
            self.worked.append((time.monotonic(), f"{request.method} {request.path}"))
        with contextlib.suppress(ClientError, ConnectionError):  # whom it is for was killed
            return await super().answer(request)


class Process:
    """One operator behind its proxy."""

    def __init__(self, proxy, process, told):
        self.proxy, self.process, self._told = proxy, process, told

    @property
    def worked(self):
        return self.proxy.worked

    @property
    def said(self):
        return self._told.read_text()

    def signal(self, number):
        self.process.send_signal(number)

    async def end(self):
        """Its exit code, and when that was."""
        async with asyncio.timeout(60):
            code = await self.process.wait()
        return code, time.monotonic()


@pytest.fixture
async def operators(place, tmp_path):
    """Starts operators."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(name):
            proxy = Between(place.kube)
            server = {"server": await stack.enter_async_context(proxy.serve())}
            named = {"name": "it"}
            config = {"clusters": [{**named, "cluster": server}], "users": [{**named, "user": {}}]}
            context = {"contexts": [{**named, "context": {"cluster": "it", "user": "it"}}], "current-context": "it"}
            kubeconfig, told = tmp_path / f"{name}.json", tmp_path / f"{name}.log"
            kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config, **context}))
            with told.open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", PROGRAM, "--leader", "--namespace", place.namespace),
                    stderr=log,
                    env={
                        **os.environ,
                        "KUBECONFIG": str(kubeconfig),
                        "POD_NAMESPACE": place.namespace,
                        "POD_NAME": name,
                    },
                )
            stack.push_async_callback(gone, process)
            return Process(proxy, process, told)

        yield start


async def gone(process):
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGCONT)
        process.kill()
    await process.wait()


async def edit(place):
    """Edits a node without end: whoever works has to say of each what came of it."""
    await place.apply(MODULES, "m", {})
    number = 0
    while True:
        number += 1
        await place.node("sums.a", edges=[{"id": "e", "port": "out", "to": "a:in", "when": f"msg > {number}"}])
        await asyncio.sleep(0.02)


@pytest.fixture
async def two(place, operators, double, eventually):
    """The one that works, and the one that waits, amid edits."""
    async with place.serving(double()):
        editing = asyncio.create_task(edit(place))
        try:
            first = await operators("first")
            await eventually(lambda: len(first.worked) > 20, timeout=40)
            second = await operators("second")
            await eventually(lambda: "waits for its turn" in second.said, timeout=40)
            yield first, second
        finally:
            editing.cancel()
            await asyncio.gather(editing, return_exceptions=True)


async def at_work(operator, eventually):
    """Wait until one works, and has written some."""
    await eventually(
        lambda: sum(what.startswith("PATCH") for _, what in operator.worked) > 20, timeout=LASTS + 4 * SOON
    )


def one_after_the_other(first, second):
    """Whether nobody worked after the other had begun."""
    return not first.worked or not second.worked or first.worked[-1][0] <= second.worked[0][0]


async def test_one_that_is_killed_is_followed_when_its_lease_ran_out(two, eventually):
    first, second = two
    assert second.worked == [], "two at work"

    first.signal(signal.SIGKILL)
    _, ended = await first.end()
    await at_work(second, eventually)

    assert one_after_the_other(first, second)
    assert second.worked[0][0] - ended > LASTS - PERIOD - 1, "its lease had not run out"


async def test_one_that_waited_looks_at_the_definitions_before_it_works(two, eventually):
    first, second = two
    older = {"metadata": {"annotations": {SCHEMAS: "1"}}}
    second.proxy.answers = lambda path: older if "/customresourcedefinitions/" in path else None

    first.signal(signal.SIGTERM)
    await first.end()
    code, _ = await second.end()

    assert code == 1
    assert "TF-192" in second.said
    assert second.worked == []


async def test_one_that_is_asked_to_end_gives_its_lease_back(place, two, eventually, capsys):
    first, second = two

    first.signal(signal.SIGTERM)
    code, ended = await first.end()
    lease = await place.get(LEASES, OPERATOR)
    await at_work(second, eventually)

    took = second.worked[0][0] - ended
    with capsys.disabled():
        print(f"\nthe other one worked {took:.1f} s after the first had ended")
    assert code == 0
    assert "gave the lease back" in first.said
    assert "first" not in lease["spec"].get("holderIdentity", "")
    assert one_after_the_other(first, second)
    assert took < SOON


async def test_one_that_was_stopped_and_goes_on_does_not_work_any_more(two, eventually):
    first, second = two

    first.signal(signal.SIGSTOP)
    await at_work(second, eventually)
    first.signal(signal.SIGCONT)
    code, _ = await first.end()
    many = len(second.worked) + 20
    await eventually(lambda: len(second.worked) > many, timeout=SOON * 2)

    assert one_after_the_other(first, second), first.worked[-1]
    assert code == 1
    assert "TF-189 This operator does not lead any more" in first.said
    assert "Traceback" not in first.said


@pytest.mark.parametrize("cut", ["/leases", "/"])
async def test_one_that_cannot_renew_ends_before_another_begins(two, eventually, cut):
    first, second = two

    began = time.monotonic()
    first.proxy.passes = lambda path: cut not in path
    code, ended = await first.end()
    await at_work(second, eventually)

    assert code == 1
    assert "TF-189" in first.said
    assert ended - began < DEADLINE + 3
    assert ended < second.worked[0][0], "it was at work still"
    assert one_after_the_other(first, second)


async def test_one_whose_lease_ran_out_unnoticed_asks_for_nothing_and_tells_no_module(
    place, double, eventually, monkeypatch
):
    monkeypatch.setattr(leadership, "PERIOD", 3600.0)  # it never comes round to renew it
    module = double()
    async with Kube.of_this_machine() as kube, Kube.of_this_machine() as own, place.serving(module):
        leads = leadership.Leadership(own, place.namespace, "me")
        kube.guard = leads.check
        operator = Operator(kube, place.namespace)
        working = asyncio.create_task(leads.lead(operator.run))
        await place.apply(MODULES, "m", {})
        await place.node("sums.a")
        await place.condition(NODES, "sums.a", status="True")
        await eventually(lambda: operator.desk.few.idle and operator.desk.many.idle)
        now = leadership._clock()
        monkeypatch.setattr(leadership, "_clock", lambda: now + leadership.DEADLINE + 1)
        before, told, looks = sum(kube.counts.values()), len(module.plans), operator.desk.few.counts.copy()
        await place.apply(PROJECTS, "demo", {})  # has a status to be written
        await place.node("sums.a", edges=[{"id": "e", "port": "out", "to": "a:in", "loop": True}])  # and this a plan
        await eventually(
            lambda: {"TinyProject", "Plan of module"} <= {kind for kind, _ in operator.desk.few.counts - looks}
        )
        after = sum(kube.counts.values())
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    assert (after, len(module.plans)) == (before, told)


async def test_a_lease_that_somebody_else_took_ends_the_work_at_once(place, two, eventually):
    first, _ = two
    taken = {"holderIdentity": "somebody", "leaseDurationSeconds": 3600, "leaseTransitions": 9}

    await place.kube.apply(LEASES, {"metadata": place.key(OPERATOR), "spec": taken}, "somebody")
    code, _ = await first.end()

    assert code == 1
    assert "another one took it" in first.said


async def test_without_a_lease_it_works_at_once(place, double):
    async with place.serving(double()), place.operating():
        await place.apply(MODULES, "m", {})
        await place.node("sums.a")
        await place.condition(NODES, "sums.a", status="True")

    assert await place.list(LEASES) == {}
