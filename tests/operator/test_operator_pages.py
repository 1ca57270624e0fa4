"""What an operator says of itself, to Prometheus and to a kubelet."""

from __future__ import annotations

import asyncio
import re

import aiohttp
import pytest
from tinyflow_operator.access import Access
from tinyflow_operator.kinds import MODULES, NODES
from tinyflow_operator.kube import Kube
from tinyflow_operator.leadership import Leadership
from tinyflow_operator.pages import Said, serve
from tinyflow_runtime.errors import ClusterError


async def asked(url, *, method="GET"):
    async with aiohttp.ClientSession() as session, session.request(method, url) as answer:
        return answer.status, await answer.text()


def samples(text):
    """By name and labels."""
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_counts_are_told_as_prometheus_reads_them(place, double):
    async with place.module(double()) as operator:
        await place.node("sums.a")
        await place.condition(NODES, "sums.a", status="True")
        said = Said(operator, place.kube, None)
        async with serve("127.0.0.1:0", {"/metrics": said.metrics}) as url:
            status, text = await asked(f"{url}/metrics")

    told = samples(text)
    assert status == 200
    assert told['tinyflow_operator_objects{kind="TinyNode"}'] == 1
    assert told['tinyflow_operator_reconciles_total{kind="TinyNode",outcome="done"}'] >= 1
    assert told['tinyflow_operator_requests_total{method="PATCH",code="200"}'] >= 1
    assert told['tinyflow_operator_due{of="nodes"}'] == 0
    assert told["tinyflow_operator_leader"] == told["tinyflow_operator_synced"] == 1
    assert told["process_resident_memory_bytes"] > 1e6
    announced = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge)$", text, flags=re.MULTILINE))
    assert {name.partition("{")[0] for name in told} <= announced


async def test_what_failed_is_counted(place, eventually):
    async with place.operating() as operator:
        source = {"sha256": "a" * 64, "configMapRef": {"name": "nothing"}}
        await place.apply(MODULES, "m", {"source": source})
        await place.condition(MODULES, "m", reason="SourceMissing")
        said = Said(operator, place.kube, None)

        def told():
            counts = samples(said.metrics()[1])
            retried = counts.get('tinyflow_operator_reconciles_total{kind="TinyModule",outcome="retry"}', 0)
            return retried, counts['tinyflow_operator_failing{of="others"}']

        await eventually(lambda: told()[0])  # a look is counted when it is over, a moment after its status is there
        assert told()[1] == 1


async def test_it_is_ready_when_it_has_read_all_there_is(place, double):
    from tinyflow_operator.loop import Operator

    before = Said(Operator(place.kube, place.namespace), place.kube, None).ready()
    async with place.module(double()) as operator:
        await place.condition(MODULES, "m", status="True")
        after = Said(operator, place.kube, None).ready()

    assert (before, after) == ((503, "reads what is there"), (200, "works"))


@pytest.mark.parametrize("place", ["kubernetes"], indirect=True)  # the pocket has no leases
async def test_one_that_waits_for_its_turn_is_ready_once_it_has_seen_who_leads(place, eventually):
    from tinyflow_operator.loop import Operator

    first, turn = Leadership(place.kube, place.namespace, "first"), Leadership(place.kube, place.namespace, "me")
    waits = Said(Operator(place.kube, place.namespace), place.kube, turn)
    assert waits.ready() == (503, "has not seen who leads")
    leading = asyncio.create_task(first.lead(asyncio.Event().wait))
    await eventually(lambda: first.leads)
    waiting = asyncio.create_task(turn.lead(asyncio.Event().wait))
    await eventually(lambda: turn.holder)

    assert waits.ready() == (200, "waits for its turn")
    assert samples(waits.metrics()[1])["tinyflow_operator_leader"] == 0
    for task in (waiting, leading):
        task.cancel()
    await asyncio.gather(waiting, leading, return_exceptions=True)


@pytest.mark.parametrize("place", ["kubernetes"], indirect=True)  # the pocket lets everybody see everything
async def test_one_that_may_not_see_the_lease_warns_and_is_not_ready(place, eventually, caplog):
    from tinyflow_operator.loop import Operator

    class Nobody(Access):
        @property
        def login(self):
            return {**super().login, "Impersonate-User": "nobody"}

    async with Kube(place.kube._access._configuration) as kube:
        kube._access = Nobody(place.kube._access._configuration)
        turn = Leadership(kube, place.namespace, "me")
        task = asyncio.create_task(turn.lead(asyncio.Event().wait))
        await eventually(lambda: [each for each in caplog.records if each.levelname == "WARNING"])
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert "the lease could not be looked at" in caplog.text
    assert Said(Operator(place.kube, place.namespace), place.kube, turn).ready()[0] == 503


async def test_only_its_own_pages_are_answered():
    async with serve("127.0.0.1:0", {"/healthz": lambda: (200, "ok")}) as url:
        answers = [
            await asked(f"{url}/healthz"),
            await asked(f"{url}/metrics"),
            await asked(f"{url}/healthz", method="POST"),
        ]

    assert answers == [(200, "ok"), (404, "Ask for /healthz.\n"), (405, "Ask with GET.\n")]


@pytest.mark.parametrize("address", ["8080", "localhost:", "127.0.0.1:99999", "nowhere.invalid:80"])
async def test_an_address_where_nothing_can_listen_is_named(address):
    with pytest.raises(ClusterError, match="TF-188"):
        async with serve(address, {}):
            pass
