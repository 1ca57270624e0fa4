"""What an inspector asks of a flow is answered on a cluster as it is in the kernel."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
from msgspec import Meta
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.manifest import nodes_hash
from tinyflow_runtime.redaction import MASK
from tinyflow_runtime.resources.labels import FLOW_LABEL, NODES_SHA256

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster import Cluster
from tinyflow_jupyter._cluster.definition import Described
from tinyflow_jupyter._view.inspection import Inspection

pytestmark = [pytest.mark.timeout(120), pytest.mark.census(keeps="the cluster of this file")]

scales = tf.Module("inspected-scales")
other = tf.Module("inspected-other")


@scales.component
def scale(x: float, *, factor: Annotated[float, Meta(gt=0)] = 2.0) -> float:
    """So many times."""
    return x * factor


@other.component
async def invert(x: float) -> AsyncIterator[float]:
    yield 1 / x


@other.component
def keep(x: dict[str, Any]) -> dict[str, Any]:
    return x


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.local() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def inspected(cluster: Cluster) -> Any:
    flow = tf.Flow("inspected")
    flow.node("scale", scale, factor=3.0)
    flow.node("invert", invert)
    flow.node("keep", keep)
    flow.edge("scale:out", "invert:in")
    cluster.push(flow, timeout=60)
    return cluster.flow("inspected")


def ask(inspection: Inspection, do: str, **fields: Any) -> Any:
    return json.loads(json.dumps(inspection.answers()[do](fields), allow_nan=False))


def test_messages_are_listed_followed_and_watched_across_modules(inspected: Any) -> None:
    inspection = Inspection(inspected)
    ask(inspection, "watch", addresses=["invert:out"])

    ask(inspection, "send", address="scale:in", document=2)
    inspected.wait(timeout=10)
    page = ask(inspection, "port", address="invert:in")
    told = ask(inspection, "trace", trace=page["rows"][-1]["trace"])
    frame = inspection.frame()["invert:out"]

    assert page["rows"][-1]["tree"] == {"k": "float", "t": "6.0"}
    assert told["addresses"] == ["scale:in", "scale:out", "invert:in", "invert:out"]
    assert told["edges"] == ["scale:out>invert:in"]
    assert (len(frame["rows"]), frame["missed"]) == (1, 0)


def test_a_dead_letter_is_mended_and_sent(inspected: Any) -> None:
    inspection = Inspection(inspected)
    ask(inspection, "send", address="scale:in", document=0)
    inspected.wait(timeout=10)

    (letter,) = ask(inspection, "letters", node="invert")["rows"]
    ask(inspection, "send", address="invert:in", letter=letter["letter"], document=4)
    inspected.wait(timeout=10)

    assert "division by zero" in letter["reason"]
    assert ask(inspection, "letters")["count"] == 0
    assert inspected["invert:out"].last.payload == 0.25


def test_settings_that_are_applied_are_those_of_the_cluster(cluster: Cluster, inspected: Any) -> None:
    inspection = Inspection(inspected)
    form = ask(inspection, "form", node="scale")

    wrong = ask(inspection, "apply", node="scale", settings={"factor": -1})
    told = ask(inspection, "apply", node="scale", settings={"factor": 10})
    cluster.wait_ready("inspected", timeout=30)
    ask(inspection, "send", address="scale:in", document=7)
    inspected.wait(timeout=10)

    assert form["value"] == {"factor": 3.0}
    assert wrong["errors"][0]["path"] == ["factor"]
    assert told["applied"], told
    assert inspected["scale:out"].last.payload == 70.0
    assert "factor: 10" in inspected.to_yaml()
    assert said_to_be_pushed(inspected) == nodes_hash(inspected._connections.api.objects("TinyNode"))


def test_settings_that_are_sent_are_those_of_the_cluster_and_no_other_push_resets_them(
    cluster: Cluster, inspected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = inspected._connections.api
    objects = api.objects

    def written_meanwhile(kind: str, **more: Any) -> Any:
        found = objects(kind, **more)
        monkeypatch.undo()
        node = next(one for one in found if one["metadata"]["name"] == "inspected.scale")
        api.replace({**node, "metadata": {**node["metadata"], "labels": {**node["metadata"]["labels"], "by": "me"}}})
        return found

    inspected["scale:settings"]  # the nodes are read, as they are before anybody sends
    monkeypatch.setattr(api, "objects", written_meanwhile)
    inspected.send("scale:settings", {"factor": 6}, timeout=5)
    other = tf.Flow("beside-it")
    other.node("scale", scale)

    cluster.push(other, timeout=60)
    inspected.send("scale:in", 7, timeout=5)
    inspected.wait(timeout=10)

    assert inspected["scale:out"].last.payload == 42.0
    assert "factor: 6" in inspected.to_yaml()
    nodes = inspected._connections.api.objects("TinyNode", label=f"{FLOW_LABEL}=inspected")
    assert said_to_be_pushed(inspected) == nodes_hash(nodes)
    assert all(node["metadata"]["ownerReferences"] for node in nodes), "a push made it, and it goes with its flow"
    cluster.delete("beside-it")


def said_to_be_pushed(flow: Any) -> str:
    """What a flow's resource says of its nodes: were it another, the cluster would say that they have drifted."""
    document = flow._connections.api.get("TinyFlow", flow.name)
    return str(document["metadata"]["annotations"][NODES_SHA256])


def test_what_is_masked_is_not_sent_again_as_a_mask(inspected: Any) -> None:
    inspection = Inspection(inspected)
    inspected.send("keep:in", {"password": "hunter2-hunter2"})
    inspected.wait(timeout=10)
    row = ask(inspection, "port", address="keep:in")["rows"][-1]

    with pytest.raises(PayloadError, match="masked"):
        ask(inspection, "send", address="keep:in", id=row["id"])

    assert MASK in json.dumps(row, ensure_ascii=False)
    assert "hunter2" not in json.dumps(row)


def test_a_component_that_is_not_here_has_the_schema_that_its_module_says(inspected: Any) -> None:
    inspection = Inspection(inspected)
    found = inspected._definition().nodes["scale"]
    described = Described("inspected-scales", "scale", "", found.ports.values())
    described.schemas = {"settings": json.dumps({"type": "object", "properties": {"factor": {"type": "number"}}})}
    inspected._flow.nodes["scale"] = type(found)("scale", described, {"factor": 10}, described, found.ports)

    form = ask(inspection, "form", node="scale")
    inspected._read_at = 0.0

    assert form["value"] == {"factor": 10}
    assert form["schema"]["properties"]["factor"] == {"type": "number"}
