from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from tinyflow_operator.crds import chart, definitions, main
from tinyflow_operator.editions import RULES, SELECTABLE
from tinyflow_operator.kinds import FLOWS, MODULES, NODES, OURS, PROJECTS, SIGNALS
from tinyflow_runtime.manifest import nodes_hash
from tinyflow_runtime.resources.documents import EDITION

CHART = Path(__file__).parents[2] / "charts/tinyflow-crds"
EARLIER = sorted(Path(__file__).parent.glob("editions/*.yaml"))


def test_the_chart_holds_what_is_generated():
    files = [CHART / "Chart.yaml", *CHART.glob("definitions/*")]
    kept = {str(path.relative_to(CHART)): path.read_text() for path in files}

    assert {name: kept.get(name) for name in chart()} == chart(), "run `make crds`"


def test_the_chart_leaves_out_for_a_server_what_the_command_does():
    template = (CHART / "templates/definitions.yaml").read_text()

    said = re.findall(r'">=(\d+)\.(\d+)-0" .*?"field" "([\w-]+)"', template, re.DOTALL)

    assert [(field, (int(major), int(minor))) for major, minor, field in said] == [
        ("x-kubernetes-validations", RULES),
        ("selectableFields", SELECTABLE),
    ]


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


@pytest.mark.parametrize("definition", definitions(), ids=lambda each: each["spec"]["names"]["kind"])
def test_a_kind_has_what_a_person_and_kubectl_need(definition):
    version, names = definition["spec"]["versions"][0], definition["spec"]["names"]

    assert version["subresources"] == {"status": {}}
    assert [column["name"] for column in version["additionalPrinterColumns"]][-1] == "Age"
    assert names["shortNames"] == [f"t{names['kind'][4].lower()}"]
    assert not {names["singular"], names["plural"]} & set(names["categories"])
    assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


@pytest.mark.parametrize("arguments", [["print"], []])
def test_the_command_prints_what_kubectl_takes(arguments, capsys):
    main(arguments)

    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [document["spec"]["names"]["kind"] for document in printed] == [kind.name for kind in OURS]


def test_what_older_servers_do_not_know_can_be_left_out(capsys):
    newer = re.compile("x-kubernetes-validations|selectableFields")

    main(["print", "--without-rules"])

    assert newer.findall(capsys.readouterr().out) == []
    assert set(newer.findall(yaml.safe_dump(definitions()))) == {"x-kubernetes-validations", "selectableFields"}
    assert "selectableFields" not in yaml.safe_dump(definitions(selectable=False))


def test_a_nodes_schema_has_no_defaults():
    # With one, the stored node would hash to something else than what was pushed.
    nodes = next(document for document in definitions() if document["spec"]["names"]["kind"] == "TinyNode")

    assert "default:" not in yaml.safe_dump(nodes["spec"]["versions"])


def test_a_schema_that_changed_is_of_another_edition():
    newest = EARLIER[-1]

    before = {each["metadata"]["name"]: schema(each) for each in yaml.safe_load_all(newest.read_text())}

    assert EDITION == int(newest.stem) + 1
    assert before != {each["metadata"]["name"]: schema(each) for each in definitions()}


def schema(definition):
    return definition["spec"]["versions"][0]["schema"]


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


async def test_what_an_operator_says_of_a_module_and_a_flow_is_kept(kube, namespace):
    said = {
        MODULES: ("maths", {"certificate": {"notAfter": "2030-01-01T00:00:00Z", "authority": "ab12"}}),
        FLOWS: ("sums", {"gateway": "tinyflow/tinyflow-gateway"}),
    }

    for kind, (name, status) in said.items():
        metadata = {"name": name, "namespace": namespace}
        await kube.apply(kind, {"metadata": metadata, "spec": {}}, "test")
        await kube.apply(kind, {"metadata": metadata, "status": status}, "test-status", part="status")

    kept = {kind: (name, (await kube.get(kind, namespace, name))["status"]) for kind, (name, _) in said.items()}
    assert kept == said


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
