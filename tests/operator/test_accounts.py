"""The accounts whose tokens open the gateway."""

from __future__ import annotations

import asyncio

import pytest
from tinyflow_operator.kinds import ACCOUNTS, FLOWS

pytestmark = pytest.mark.parametrize("place", ["kubernetes"], indirect=True)  # a pocket has no gateway

NAMES = {"tinyflow-viewer", "tinyflow-editor"}


async def accounts(place):
    return {name for name in await place.list(ACCOUNTS) if name.startswith("tinyflow")}


async def test_a_namespace_with_a_flow_has_both(place):
    async with place.operating(gateway="tinyflow/tinyflow-gateway"):
        assert await accounts(place) == set()
        await place.apply(FLOWS, "sums", {})
        for name in NAMES:
            made = await place.until(ACCOUNTS, name, bool)
            assert made["automountServiceAccountToken"] is False
        flow = await place.until(FLOWS, "sums", lambda found: "gateway" in found.get("status", {}))

    assert flow["status"]["gateway"] == "tinyflow/tinyflow-gateway"


async def test_one_that_is_there_is_left_as_it_is(place):
    metadata = {**place.key("tinyflow-viewer"), "annotations": {"mine": "yes"}}
    mine = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    before = await place.kube.create(ACCOUNTS, place.namespace, mine)

    async with place.operating(gateway="tinyflow/tinyflow-gateway"):
        await place.apply(FLOWS, "sums", {})
        await place.until(ACCOUNTS, "tinyflow-editor", bool)

    assert await place.get(ACCOUNTS, "tinyflow-viewer") == before


async def test_without_a_gateway_none_is_made(place):
    async with place.operating():
        await place.apply(FLOWS, "sums", {})
        await place.condition(FLOWS, "sums", reason="NoNodes")
        await asyncio.sleep(0.5)  # nothing tells that nothing happens

    assert await accounts(place) == set()
