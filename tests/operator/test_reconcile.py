"""A reconcile is a function of the world: here a real Kubernetes API, and doubles behind real gRPC."""

from __future__ import annotations

import asyncio

import pytest
from tinyflow_operator.kinds import FLOWS, MODULES, NODES, PROJECTS, SIGNALS
from tinyflow_operator.reconcile import modules
from tinyflow_operator.writer import STATUS
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import DefinitionError
from tinyflow_runtime.resources.labels import NODES_SHA256


async def test_a_node_that_was_applied_runs_and_says_so(place, double):
    module = double()

    async with place.module(module):
        await place.node("sums.a")
        condition = await place.condition(NODES, "sums.a", status="True")

    assert condition["reason"] == "Running"
    assert module.nodes == ["sums.a"]
    ports = (await place.get(NODES, "sums.a"))["status"]["ports"]
    assert ports[0] == {"name": "in", "direction": "in", "type": "int", "schema": '{"type":"integer"}'}


async def test_a_node_in_trouble_says_why(place, double):
    async with place.module(double()):
        await place.node("sums.a", "dubble")
        condition = await place.condition(NODES, "sums.a", status="False")
        accepted = await place.condition(NODES, "sums.a", "Accepted")

    assert condition["message"] == "TF-118 Module 'm' has no component 'dubble'."
    assert (accepted["status"], accepted["reason"]) == ("False", "Refused")


async def test_a_plan_that_is_refused_is_told_to_every_node(place, double):
    async with place.module(double(refuses=DefinitionError("TF-104", "A cycle."))):
        await place.node("sums.a")
        condition = await place.condition(NODES, "sums.a", status="False")

    assert condition["message"] == "TF-104 A cycle."


async def test_a_node_without_its_module_waits_and_says_so(place, double):
    async with place.module(double()):
        await place.node("sums.a", module="n")
        condition = await place.condition(NODES, "sums.a", status="False")

    assert condition["message"].startswith("There is no TinyModule 'n'.")


async def test_a_node_waits_for_a_module_that_comes_later(place, double):
    module = double()

    async with place.operating():
        await place.node("sums.a")
        async with place.serving(module):
            await place.apply(MODULES, "m", {})
            await place.condition(NODES, "sums.a", status="True")

    assert module.nodes == ["sums.a"]


async def test_a_node_that_names_an_image_runs_in_the_module_of_that_image(place, double):
    module = double()

    async with place.operating(), place.serving(module):
        await place.node("sums.a", module="it/maths:1")
        await place.condition(NODES, "sums.a", status="False", reason="NoModule")
        await place.apply(MODULES, "m", {"image": "it/maths:1"})
        await place.condition(NODES, "sums.a", status="True")

    assert module.nodes == ["sums.a"]


async def test_a_node_that_moves_stops_in_the_module_it_left(place, double):
    module = double()

    async with place.module(module):
        await place.node("sums.a")
        await place.condition(NODES, "sums.a", status="True")
        await place.node("sums.a", module="elsewhere")
        await place.condition(NODES, "sums.a", status="False", generation=2)

    assert module.nodes == []


async def test_a_node_that_is_deleted_stops(place, double, eventually):
    module = double()

    async with place.module(module):
        await place.flow("sums", "a", "b")
        await place.delete(FLOWS, "sums")
        await place.delete(NODES, "sums.a")
        await eventually(lambda: module.nodes == ["sums.b"])


async def test_a_module_that_was_started_again_is_told_again(place, double, eventually):
    module = double()

    async with place.module(module):
        await place.node("sums.a")
        await place.condition(NODES, "sums.a", status="True")
        module.instance = "another"
        module.plans.clear()
        await eventually(lambda: module.plans)

    assert module.nodes == ["sums.a"]


async def test_a_module_at_another_address_is_told_there(place, double, eventually):
    first, second = double(), double()

    async with place.module(first):
        await place.node("sums.a")
        await place.condition(NODES, "sums.a", status="True")
        await place.pod("m")  # it is not ready any more
        async with place.serving(second, name="pod-2"):
            await eventually(lambda: second.plans)

    assert second.nodes == ["sums.a"]


async def test_edges_between_modules_are_told_to_both(place, double, eventually):
    m, n = double(), double()
    edge = {"id": "out-b-in", "port": "out", "to": "b:in", "capacity": 7}

    async with place.module(m), place.serving(n, "n", "pod-n") as address:
        await place.apply(MODULES, "n", {})
        await place.node("sums.a", edges=[edge])
        await place.node("sums.b", module="n")
        await place.condition(NODES, "sums.a", status="True")
        await place.condition(NODES, "sums.b", status="True")
        await eventually(
            lambda: m.plans[-1].peers and m.plans[-1].peers[0].address and n.plans and n.plans[-1].incoming
        )

    assert [(peer.module, peer.address) for peer in m.plans[-1].peers] == [("n", address)]
    assert [edge.module for edge in m.plans[-1].nodes[0].edges] == ["n"]
    incoming = n.plans[-1].incoming[0]
    assert (incoming.flow, incoming.edge, incoming.from_module, incoming.to, incoming.capacity) == (
        *("sums", "out-b-in", "m", "b:in"),
        7,
    )


@pytest.mark.parametrize(("to", "code"), [("b:inn", "TF-101"), ("b:out", "TF-102")])
async def test_an_edge_to_no_input_of_another_module_is_named(place, double, to, code):
    async with place.module(double()), place.serving(double(), "n", "pod-n"):
        await place.apply(MODULES, "n", {})
        await place.node("sums.a", edges=[{"id": "e", "port": "out", "to": to}])
        await place.node("sums.b", module="n")
        condition = await place.condition(NODES, "sums.a", status="False")

    assert condition["message"].startswith(code)
    assert "Inputs of b: in." in condition["message"]


async def test_a_flow_applies_as_a_whole(place, double):
    module = double()

    async with place.module(module):
        await place.flow("sums", "a", "b", "c")

    assert [len(plan.nodes) for plan in module.plans if plan.nodes] == [3]


async def test_a_flow_that_is_pushed_again_runs_as_before_until_it_is_whole(place, double):
    module = double()

    async with place.module(module):
        await place.flow("sums", "a", "b")
        await place.flow("sums", "a", "b", component="root", wait=False)
        await place.condition(NODES, "sums.b", status="True", generation=2)
        await place.until(FLOWS, "sums", lambda flow: flow["status"]["conditions"][1]["status"] == "True")

    told = [[node.component for node in plan.nodes] for plan in module.plans if plan.nodes]
    assert told == [["double", "double"], ["root", "root"]]


@pytest.mark.timeout(30)
async def test_a_flow_that_was_changed_by_hand_applies_after_a_while_and_says_so(place, double):
    module = double()

    async with place.module(module):
        await place.flow("sums", "a", "b")
        await place.node("sums.b", "root")
        condition = await place.condition(FLOWS, "sums", reason="Drifted")

    assert condition["status"] == "True"
    assert [node.component for node in module.plans[-1].nodes] == ["double", "root"]


async def test_an_operator_that_starts_amid_a_push_stops_nothing(place, double):
    module = double()
    async with place.module(module):
        await place.flow("sums", "a", "b")
    module.plans.clear()
    await place.apply(FLOWS, "sums", {}, annotations={NODES_SHA256: "0" * 64})
    await place.delete(NODES, "sums.a")

    async with place.module(module):
        await place.condition(FLOWS, "sums", reason="Progressing")

    assert module.plans == []


async def test_a_flow_counts_its_nodes_and_names_the_first_trouble(place, double):
    async with place.module(double(b="TF-105 No.")):
        await place.flow("sums", "a", "b", "c", wait=False)
        message = "2/3 nodes ready. b: TF-105 No."
        await place.condition(FLOWS, "sums", reason="NodesNotReady", message=message)
        flow = await place.get(FLOWS, "sums")

    assert (flow["status"]["summary"], flow["status"]["nodes"]) == ("2/3 nodes ready", {"total": 3, "ready": 2})


async def test_a_node_that_handles_no_message_any_more_says_so_and_its_flow_does(
    place, double, eventually, monkeypatch
):
    monkeypatch.setattr(modules, "PULSE", 0.05)
    module, written = double(), []

    def fails(letter):
        text = f"TF-139 b raised KeyError: {letter!r} (cell 3, line 2)."
        return [protocol.Failing(flow="sums", name="b", text=text)]

    async with place.module(module):
        await place.flow("sums", "a", "b")
        module.failing = fails("x")
        node = await place.condition(NODES, "sums.b", reason="Failing")
        flow = await place.condition(FLOWS, "sums", reason="Failing")
        written.append((await place.get(NODES, "sums.b"))["metadata"]["resourceVersion"])
        module.failing, asked = fails("y"), module.asked
        await eventually(lambda: module.asked > asked + 3)
        written.append((await place.get(NODES, "sums.b"))["metadata"]["resourceVersion"])
        module.failing = []
        await place.condition(NODES, "sums.b", reason="Running")
        await place.condition(FLOWS, "sums", reason="Running")
        module.failing = fails("z")
        await place.condition(NODES, "sums.b", reason="Failing")
        await place.pod("m")  # its process ends, and another one follows, of which nothing has failed yet
        async with place.serving(double(), name="pod-2"):
            await place.condition(NODES, "sums.b", reason="Running")

    assert (node["status"], node["message"]) == ("True", "TF-139 b raised KeyError: 'x' (cell 3, line 2).")
    assert (flow["status"], flow["message"]) == ("True", f"2/2 nodes ready. b: {node['message']}")
    assert written[0] == written[1], "another value is no news"


async def test_a_project_counts_its_flows(place, double):
    async with place.module(double()):
        await place.apply(PROJECTS, "demo", {})
        for name in ("sums", "more"):
            await place.node(f"{name}.a")
            await place.apply(FLOWS, name, {}, labels={"tinyflow.dev/project": "demo"})
        project = await place.until(
            PROJECTS, "demo", lambda project: (project.get("status") or {}).get("summary") == "2/2 flows ready"
        )

    assert project["status"]["conditions"][1]["status"] == "True"


async def test_nothing_is_written_at_rest(place, double):
    async with place.module(double()):
        await place.apply(PROJECTS, "demo", {})
        await place.flow("sums", "a", "b")
        await place.node("other.a", "unknown")
        await place.node("other.b", module="nowhere")
        await place.condition(NODES, "other.b", status="False")
        asked = []
        ask = place.kube._ask

        async def counted(method, path, *arguments, **options):
            asked.append((method, path))
            return await ask(method, path, *arguments, **options)

        place.kube._ask = counted
        # The one thing that happens by itself at rest, the pulse of each module, happens twice.
        await asyncio.sleep(1.5)
        del place.kube._ask

    assert asked == []


async def test_a_second_operator_finds_nothing_to_write(place, double):
    await place.apply(MODULES, "m", {})
    async with place.serving(double()):
        async with place.operating():
            await place.flow("sums", "a", "b")
            await place.condition(MODULES, "m", status="True")
        before = [await place.list(kind) for kind in (MODULES, NODES, FLOWS)]
        async with place.operating():
            await place.node("other.a")
            await place.condition(NODES, "other.a", status="True")

    await place.delete(NODES, "other.a")
    assert [await place.list(kind) for kind in (MODULES, NODES, FLOWS)] == before


async def test_the_status_is_owned_by_a_manager_of_its_own(place, double):
    async with place.module(double()):
        await place.node("sums.a")
        await place.condition(NODES, "sums.a", status="True")

    found = await place.get(NODES, "sums.a")
    owned = {entry["manager"]: set(entry["fieldsV1"]) for entry in found["metadata"]["managedFields"]}
    assert owned == {"test": {"f:metadata", "f:spec"}, STATUS: {"f:status"}}


async def test_a_signal_is_delivered_once_and_says_so(place, double):
    module = double()

    async with place.module(module):
        await place.node("sums.a")
        await place.condition(NODES, "sums.a", status="True")
        await place.apply(SIGNALS, "go", {"flow": "sums", "to": "a:in", "payload": 21})
        condition = await place.condition(SIGNALS, "go", "Delivered", status="True")

    assert condition["reason"] == "Accepted"
    assert [(message.flow, message.to, message.payload) for message in module.messages] == [("sums", "a:in", b"\x15")]


async def test_a_signal_to_nobody_fails_in_its_time(place, double):
    async with place.module(double()):
        await place.apply(SIGNALS, "go", {"flow": "sums", "to": "a:in", "payload": 21, "timeoutSeconds": 1})
        condition = await place.condition(SIGNALS, "go", "Delivered", status="False")

    assert condition["reason"] == "TimedOut"
    assert "There is no TinyNode 'sums.a'" in condition["message"]


async def test_a_signal_is_removed_after_its_time(place, double):
    async with place.module(double()):
        await place.node("sums.a")
        await place.apply(SIGNALS, "go", {"flow": "sums", "to": "a:in", "payload": 21, "keepSeconds": 1})
        await place.until(SIGNALS, "go", lambda signal: signal is None)


async def test_a_signal_that_may_have_been_handled_is_not_sent_again(place, double):
    module = double()
    await place.node("sums.a")
    await place.apply(SIGNALS, "go", {"flow": "sums", "to": "a:in", "payload": 21})
    status = {"metadata": place.key("go"), "status": {"phase": "Sending", "instance": "one that died"}}
    await place.kube.apply(SIGNALS, status, STATUS, part="status")

    async with place.module(module):
        condition = await place.condition(SIGNALS, "go", "Delivered", status="False")

    assert condition["reason"] == "OutcomeUnknown"
    assert module.messages == []
