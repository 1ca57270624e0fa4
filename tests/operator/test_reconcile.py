"""A reconcile is a function of the world: here a real Kubernetes API, and a double behind real gRPC."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tinyflow_operator.kinds import MODULES, NODES
from tinyflow_operator.loop import operate
from tinyflow_operator.reconcile import STATUS, ready_status
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import DefinitionError
from tinyflow_runtime.wire import serve

NODE = {"metadata": {"name": "sums.a", "namespace": "here", "generation": 3}, "spec": {"module": "m", "component": "c"}}


class Double:
    """Runs whatever it is told, but for nodes that are in trouble."""

    def __init__(self, *, refuses=None, **troubles):
        self.plans = []
        self.refuses = refuses
        self.troubles = troubles

    async def describe(self, request):
        return protocol.Description()

    async def apply(self, plan):
        if self.refuses:
            raise self.refuses
        self.plans.append(plan)
        states = [
            protocol.NodeState(flow=node.flow, name=node.name, trouble=self.troubles.get(node.name, ""))
            for node in plan.nodes
        ]
        return protocol.Applied(hash=plan.hash, nodes=states)

    async def send(self, batch):
        return protocol.Accepted()

    async def watch(self, request):
        yield protocol.Seen()


@contextlib.asynccontextmanager
async def operating(kube, namespace, module):
    async with serve(module, "127.0.0.1:0") as address:
        await kube.apply(MODULES, named("m", namespace, {}), "test")
        await kube.apply(MODULES, {**named("m", namespace), "status": {"address": address}}, "test", part="status")
        operator = asyncio.create_task(operate(kube, namespace))
        try:
            yield
        finally:
            operator.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await operator


def named(name, namespace, spec=None):
    return {"metadata": {"name": name, "namespace": namespace}, **({} if spec is None else {"spec": spec})}


def node(name, namespace, component="double", module="m", **spec):
    return named(name, namespace, {"module": module, "component": component, **spec})


async def ready(kube, namespace, name, *, wanted, generation=1):
    """Wait, by a watch, until the node's condition Ready says what is wanted of this generation."""
    items, version = await kube.list(NODES, namespace)

    def fits(document):
        found = (document.get("status") or {}).get("conditions", [])
        return document["metadata"]["name"] == name and any(
            condition["status"] == wanted and condition["observedGeneration"] >= generation for condition in found
        )

    for document in items:
        if fits(document):
            return document["status"]["conditions"][0]
    async with asyncio.timeout(60):
        async for _, document in kube.watch(NODES, namespace, version):
            if fits(document):
                return document["status"]["conditions"][0]


async def test_a_node_that_was_applied_runs_and_says_so(kube, namespace):
    module = Double()

    async with operating(kube, namespace, module):
        await kube.apply(NODES, node("sums.a", namespace), "test")
        condition = await ready(kube, namespace, "sums.a", wanted="True")

    assert condition["reason"] == "Running"
    assert [(node.flow, node.name) for node in module.plans[-1].nodes] == [("sums", "a")]


async def test_a_node_in_trouble_says_why(kube, namespace):
    async with operating(kube, namespace, Double(a="TF-118 Module 'm' has no component 'dubble'.")):
        await kube.apply(NODES, node("sums.a", namespace, "dubble"), "test")
        condition = await ready(kube, namespace, "sums.a", wanted="False")

    assert condition["message"] == "TF-118 Module 'm' has no component 'dubble'."


async def test_a_plan_that_is_refused_is_told_to_every_node(kube, namespace):
    async with operating(kube, namespace, Double(refuses=DefinitionError("TF-104", "A cycle."))):
        await kube.apply(NODES, node("sums.a", namespace), "test")
        condition = await ready(kube, namespace, "sums.a", wanted="False")

    assert (condition["reason"], condition["message"]) == ("Refused", "TF-104 A cycle.")


async def test_a_node_without_its_module_waits_and_says_so(kube, namespace):
    async with operating(kube, namespace, Double()):
        await kube.apply(NODES, node("sums.a", namespace, module="elsewhere"), "test")
        condition = await ready(kube, namespace, "sums.a", wanted="False")

    assert condition["message"] == "There is no TinyModule 'elsewhere'."


async def test_a_node_that_moves_stops_in_the_module_it_left(kube, namespace):
    module = Double()

    async with operating(kube, namespace, module):
        await kube.apply(NODES, node("sums.a", namespace), "test")
        await ready(kube, namespace, "sums.a", wanted="True")
        await kube.apply(NODES, node("sums.a", namespace, module="elsewhere"), "test")
        await ready(kube, namespace, "sums.a", wanted="False", generation=2)

    assert [len(plan.nodes) for plan in module.plans][-1] == 0


async def test_nothing_is_written_when_nothing_changed(kube, namespace):
    async with operating(kube, namespace, Double()):
        await kube.apply(NODES, node("sums.a", namespace), "test")
        await ready(kube, namespace, "sums.a", wanted="True")
    before = await kube.get(NODES, namespace, "sums.a")

    async with operating(kube, namespace, Double()):
        await kube.apply(NODES, node("sums.b", namespace), "test")
        await ready(kube, namespace, "sums.b", wanted="True")

    assert await kube.get(NODES, namespace, "sums.a") == before


async def test_the_status_is_owned_by_a_manager_of_its_own(kube, namespace):
    async with operating(kube, namespace, Double()):
        await kube.apply(NODES, node("sums.a", namespace), "test")
        await ready(kube, namespace, "sums.a", wanted="True")

    found = await kube.get(NODES, namespace, "sums.a")
    owned = {entry["manager"]: set(entry["fieldsV1"]) for entry in found["metadata"]["managedFields"]}
    assert owned == {"test": {"f:spec"}, STATUS: {"f:status"}}


@pytest.mark.parametrize("trouble", ["", "TF-118 No such component."])
def test_the_same_again_is_the_same_status(trouble):
    status = ready_status(NODE, trouble, reason="NotStarted")

    again = ready_status({**NODE, "status": status}, trouble, reason="NotStarted")

    assert again == status


def test_the_time_of_a_condition_is_when_it_turned():
    old = ready_status(NODE, "", reason="")
    old["conditions"][0]["lastTransitionTime"] = "2020-01-01T00:00:00Z"

    newer = {"metadata": {**NODE["metadata"], "generation": 4}, "status": old}

    assert ready_status(newer, "", reason="")["conditions"][0]["lastTransitionTime"] == "2020-01-01T00:00:00Z"
    assert ready_status(newer, "Oh.", reason="x")["conditions"][0]["lastTransitionTime"] > "2020-01-01T00:00:00Z"
