"""The operator as a process, killed while it works: whoever comes next brings the work to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys

import pytest
from kubernetes import client as official
from tinyflow_operator.conditions import condition_of, is_true
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import FLOWS, MODULES, NODES, SIGNALS
from tinyflow_operator.kube import Kube
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store

KILLS = 6


async def keep_operating(kubeconfig, kills):
    """Starts an operator, kills it when it has worked for a while, and again; the last one stays."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig)}
    for delay in (*kills, None):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tinyflow_operator", "--leash"),
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        try:
            # Its first words tell that it has begun to write; the moments after that are what is to be met.
            await process.stderr.readline()
            await asyncio.sleep(3600 if delay is None else delay)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.stdin.close()
            await process.stderr.read()
            await process.wait()


@pytest.mark.timeout(120)
async def test_an_operator_that_is_killed_again_and_again_comes_to_the_end(place_at, double, tmp_path):
    module = double()
    async with serve(Store(definitions())) as url, Kube(official.Configuration(host=url)) as kube:
        place = place_at(kube, "default")
        named = {"name": "it"}
        config = {"clusters": [{**named, "cluster": {"server": url}}], "users": [{**named, "user": {}}]}
        context = {"contexts": [{**named, "context": {"cluster": "it", "user": "it"}}], "current-context": "it"}
        (tmp_path / "config").write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **config, **context}))
        kills = [0.02 * number for number in range(KILLS)]
        operating = asyncio.create_task(keep_operating(tmp_path / "config", kills))
        try:
            async with place.serving(module):
                await place.apply(MODULES, "m", {})
                for flow in range(5):
                    await place.flow(f"f{flow}", *(f"n{number}" for number in range(20)), wait=False)
                    spec = {"flow": f"f{flow}", "to": "n0:in", "payload": flow, "timeoutSeconds": 100}
                    await place.apply(SIGNALS, f"s{flow}", spec)
                for flow in range(5):
                    await place.until(FLOWS, f"f{flow}", is_true, timeout=90)
                    await place.condition(SIGNALS, f"s{flow}", "Delivered", status="True")
                nodes = await place.list(NODES)
        finally:
            operating.cancel()
            await asyncio.wait([operating])

    assert [condition_of(node, "Ready")["reason"] for node in nodes.values()] == ["Running"] * 100
    assert sorted(message.payload for message in module.messages) == [bytes([number]) for number in range(5)]
    assert len(module.nodes) == 100
