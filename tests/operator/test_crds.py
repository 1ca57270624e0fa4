from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tinyflow_operator.__main__ import check_definitions
from tinyflow_operator.crds import chart, definitions, main
from tinyflow_operator.kinds import FLOWS, MODULES, NODES, OURS, PROJECTS, SIGNALS
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.manifest import nodes_hash

CHART = Path(__file__).parents[2] / "charts/tinyflow-crds"


def test_the_chart_holds_what_is_generated():
    files = [CHART / "Chart.yaml", *CHART.glob("definitions/*")]
    kept = {str(path.relative_to(CHART)): path.read_text() for path in files}

    assert kept == chart(), "run `make crds`"


def test_every_text_list_and_map_has_a_bound():
    unbounded = []

    def look(schema, path):
        kind = schema.get("type")
        if kind == "string" and not schema.keys() & {"maxLength", "enum", "format"}:
            unbounded.append(path)
        if kind == "array" and "maxItems" not in schema:
            unbounded.append(path)
        for name, part in schema.get("properties", {}).items():
            look(part, f"{path}.{name}")
        if "items" in schema:
            look(schema["items"], f"{path}[]")

    for definition in definitions():
        properties = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        look(properties["spec"], f"{definition['spec']['names']['kind']}.spec")
        look(properties["status"], f"{definition['spec']['names']['kind']}.status")

    assert unbounded == []


def test_the_command_prints_what_kubectl_takes(capsys):
    main([])

    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [document["spec"]["names"]["kind"] for document in printed] == [kind.name for kind in OURS]


def test_rules_can_be_left_out_for_servers_that_do_not_know_them(capsys):
    main(["--without-rules"])

    assert "x-kubernetes-validations" not in capsys.readouterr().out
    assert "x-kubernetes-validations" in yaml.safe_dump(definitions())


def test_a_nodes_schema_has_no_defaults():
    # With one, the stored node would hash to something else than what was pushed.
    nodes = next(document for document in definitions() if document["spec"]["names"]["kind"] == "TinyNode")

    assert "default:" not in yaml.safe_dump(nodes["spec"]["versions"])


async def test_every_kind_is_taken_by_a_real_server_and_listed_as_a_table(kube, namespace):
    documents = {
        MODULES: ("maths", {"source": {"sha256": "0" * 64, "configMapRef": {"name": "tm-maths-000000000000"}}}),
        NODES: ("sums.a", {"module": "ghcr.io/it/maths:1@sha256:00", "component": "root"}),
        FLOWS: ("sums", {}),
        PROJECTS: ("demo", {"description": "All of it."}),
        SIGNALS: ("hello", {"flow": "sums", "to": "a:in", "payload": None}),
    }

    for kind, (name, spec) in documents.items():
        await kube.apply(kind, {"metadata": {"name": name, "namespace": namespace}, "spec": spec}, "test")

    found = {kind: (await kube.get(kind, namespace, name))["spec"] for kind, (name, _) in documents.items()}
    assert found[SIGNALS]["timeoutSeconds"] == 10
    assert found[NODES] == documents[NODES][1]
    assert list(documents) == list(OURS)


@pytest.mark.parametrize("payload", [21, "text", 2.5, True, [1, {"a": None}], {"a": [1, 2]}])
async def test_a_signal_carries_any_payload(kube, namespace, payload):
    spec = {"flow": "sums", "to": "a:in", "payload": payload}

    await kube.apply(SIGNALS, {"metadata": {"name": "it", "namespace": namespace}, "spec": spec}, "test")

    assert (await kube.get(SIGNALS, namespace, "it"))["spec"]["payload"] == payload


async def test_a_nodes_hash_is_the_same_for_what_a_cluster_made_of_it(kube, namespace):
    settings = {"limit": 2.0, "none": None, "far": 1e21, "text": "ä\u2028<&", "list": [1.0, -0.0, 0.1, [], {}]}
    spec = {
        "module": "m",
        "component": "c",
        "ports": [{"name": "settings", "settings": settings}],
        "edges": [{"id": "b", "port": "out", "to": "b:in"}, {"id": "a", "port": "out", "to": "a:in", "capacity": 3}],
    }
    node = {"metadata": {"name": "sums.a", "namespace": namespace}, "spec": spec}

    await kube.apply(NODES, node, "test")

    assert nodes_hash([await kube.get(NODES, namespace, "sums.a")]) == nodes_hash([node])


async def test_an_operator_refuses_definitions_older_than_its_own(kube, monkeypatch):
    await check_definitions(kube)
    monkeypatch.setattr("tinyflow_operator.__main__.EDITION", 99)

    with pytest.raises(ClusterError, match=r"(?s)TF-192 .*Run: tinyflow crds"):
        await check_definitions(kube)
