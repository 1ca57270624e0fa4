"""What the charts make, for every values file and every Kubernetes, is what a server takes."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import helm_python
import jsonschema
import pytest
import yaml
from tinyflow_operator.configuration import read
from tinyflow_operator.crds import definitions
from tinyflow_runtime import __version__

CHARTS = Path(__file__).parents[2] / "charts"
NAMES = ["tinyflow-crds", "tinyflow-module", "tinyflow-operator"]
FOREIGN = {"TinyModule", "ServiceMonitor"}  # no kinds of Kubernetes' own
MODULE = {"image": {"repository": "words", "tag": "1"}}


def test_helm_finds_nothing_to_say(case):
    chart, values, _ = case

    report = helm_python.lint(CHARTS / chart, values, strict=True)

    assert (report["errors"], report["messages"]) == ([], [])


@pytest.mark.timeout(120)
def test_every_document_is_one_that_this_kubernetes_takes(kubernetes, every_case, render, validate):
    documents = {
        json.dumps(document): document
        for chart, values, apis in every_case
        for document in render(chart, values, version=kubernetes, apis=apis)
        if document["kind"] not in FOREIGN
    }

    assert len(documents) > 100
    for document in documents.values():
        validate(document, kubernetes)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document["spec"].update(replica=3),
        lambda document: document["spec"].update(replicas="three"),
        lambda document: document["spec"]["template"]["spec"]["containers"][0].update(livenesProbe={}),
    ],
    ids=["a field that is none", "a text for a number", "a misspelt probe"],
)
def test_the_validation_sees_a_mistake(spoil, render, validate):
    deployment = next(each for each in render("tinyflow-operator") if each["kind"] == "Deployment")
    spoil(deployment)

    with pytest.raises(jsonschema.ValidationError):
        validate(deployment, "1.36")


@pytest.mark.parametrize("chart", NAMES)
def test_a_chart_and_the_package_have_one_version(chart):
    said = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())

    assert (said["version"], said["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize("chart", NAMES)
def test_a_chart_can_be_packed_and_holds_what_it_needs(chart, tmp_path):
    archive = helm_python.package(CHARTS / chart, destination=tmp_path)

    with helm_python.Chart.load(archive) as packed:
        names = {file["name"] for file in packed.files}
        assert {"README.md", "LICENSE"} <= names
        assert packed.schema is not None
        assert not any("ci/" in name for name in names)


def test_the_definitions_are_those_that_are_generated(render):
    found = {each["metadata"]["name"]: each for each in render("tinyflow-crds", version="1.36")}

    for wanted in definitions():
        document = found.pop(wanted["metadata"]["name"])
        assert wanted["metadata"]["labels"].items() <= document["metadata"]["labels"].items()
        assert document["metadata"]["annotations"] == wanted["metadata"]["annotations"]
        assert document["spec"] == wanted["spec"]
    assert found == {}


def test_an_older_server_is_given_no_field_that_it_does_not_know(render):
    old, new = (json.dumps(render("tinyflow-crds", version=version)) for version in ("1.24", "1.25"))

    assert "x-kubernetes-validations" not in old
    assert "x-kubernetes-validations" in new
    assert "selectableFields" not in json.dumps(render("tinyflow-crds", version="1.29"))


@pytest.mark.parametrize(
    ("version", "disruption", "policies"),
    [("1.20", "policy/v1beta1", 0), ("1.21", "policy/v1", 0), ("1.29", "policy/v1", 0), ("1.30", "policy/v1", 4)],
)
def test_a_server_is_asked_only_for_what_it_has(version, disruption, policies, render):
    documents = render("tinyflow-operator", version=version)

    assert {each["apiVersion"] for each in documents if each["kind"] == "PodDisruptionBudget"} == {disruption}
    assert sum(each["kind"].startswith("ValidatingAdmission") for each in documents) == policies


def test_a_monitor_is_made_only_where_there_are_monitors(render):
    values = {"metrics": {"serviceMonitor": {"enabled": True}}}

    without = render("tinyflow-operator", values)
    monitored = render("tinyflow-operator", values, apis=["monitoring.coreos.com/v1"])

    assert [each["kind"] for each in monitored if each not in without] == ["ServiceMonitor"]


@pytest.mark.parametrize(
    ("values", "whom"),
    [
        ({}, [[{"podSelector": {}}]]),  # of its own namespace
        ({"metricsFrom": [{"namespaceSelector": {}}]}, [[{"namespaceSelector": {}}]]),
        ({"metricsFrom": []}, []),
    ],
    ids=["default", "everybody", "nobody"],
)
def test_metrics_are_for_the_namespace_or_for_whom_the_values_name(values, whom, render):
    documents = render("tinyflow-operator", {"networkPolicy": values})
    policies = {each["metadata"]["name"]: each["spec"] for each in documents if each["kind"] == "NetworkPolicy"}
    ingress = policies["tinyflow-operator"]["ingress"]

    assert [rule["from"] for rule in ingress if rule["ports"][0]["port"] == "metrics"] == whom
    health = next(rule for rule in ingress if rule["ports"][0]["port"] == "health")
    assert health.keys() == {"ports"}  # a kubelet is no pod


def test_a_change_of_the_configuration_starts_new_pods(render):
    def checksum(values):
        documents = render("tinyflow-operator", values)
        template = next(each for each in documents if each["metadata"]["name"] == "tinyflow-operator" and _is(each))
        return template["spec"]["template"]["metadata"]["annotations"]["checksum/config"]

    assert checksum({}) == checksum({"gateway": {"replicas": 3}})
    assert checksum({}) != checksum({"modules": {"image": {"tag": "0.9.9"}}})


def test_a_digest_wins_over_a_tag(render):
    digest = "sha256:" + "0" * 64
    values = {"image": {"repository": "it", "tag": "1", "digest": digest}}

    images = {
        container["image"]
        for each in render("tinyflow-operator", values)
        if _is(each)
        for container in each["spec"]["template"]["spec"]["containers"]
    }

    assert images == {f"it@{digest}"}


def test_the_configuration_of_modules_is_one_that_the_operator_reads(every_case, render, tmp_path):
    for chart, values, _ in every_case:
        if chart != "tinyflow-operator":
            continue
        said = next(each for each in render(chart, values) if each["kind"] == "ConfigMap")["data"]["config.yaml"]
        (tmp_path / "config.yaml").write_text(said)

        modules = read(tmp_path / "config.yaml")

        wanted = values.get("modules", {})
        assert modules.image.startswith(wanted.get("image", {}).get("repository", "tinyflow-module"))
        assert modules.run_as_user == (wanted.get("runAsUser", 65532) or None)


def test_what_is_generated_in_the_charts_is_fresh():
    written = runpy.run_path(str(Path(__file__).parent / "write.py"))["written"]()

    stale = [str(path.relative_to(CHARTS.parent)) for path, text in written.items() if _text(path) != text]

    assert stale == [], "run `make charts`"


def test_every_value_has_a_default_and_every_default_is_told():
    write = runpy.run_path(str(Path(__file__).parent / "write.py"))

    for chart in NAMES:
        schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
        values = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
        told = {path for path, *_ in write["rows"](schema, values)}
        assert told == _paths(values), chart


@pytest.mark.parametrize(
    ("chart", "values", "said"),
    [
        ("tinyflow-operator", {"replicas": 2}, "replicas"),
        ("tinyflow-operator", {"operator": {"replica": 2}}, "replica"),
        ("tinyflow-operator", {"operator": {"replicas": "two"}}, "replicas"),
        ("tinyflow-operator", {"operator": {"replicas": 100}}, "replicas"),
        ("tinyflow-operator", {"gateway": {"replicas": 0}}, "replicas"),
        ("tinyflow-operator", {"gateway": {"enabled": "yes"}}, "enabled"),
        ("tinyflow-operator", {"image": {"tag": "latest"}}, "tag"),
        ("tinyflow-operator", {"image": {"tag": "a b"}}, "tag"),
        ("tinyflow-operator", {"image": {"digest": "sha256:123"}}, "digest"),
        ("tinyflow-operator", {"image": {"repository": "It"}}, "repository"),
        ("tinyflow-operator", {"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ("tinyflow-operator", {"imagePullSecrets": ["registry"]}, "imagePullSecrets"),
        ("tinyflow-operator", {"watchNamespace": ["one", "two"]}, "watchNamespace"),
        ("tinyflow-operator", {"watchNamespace": "Flows"}, "watchNamespace"),
        ("tinyflow-operator", {"modules": {"image": {"tag": "latest"}}}, "tag"),
        ("tinyflow-operator", {"modules": {"index": {"url": "index.example.com"}}}, "url"),
        ("tinyflow-operator", {"modules": {"securityContext": {"privileged": True}}}, "securityContext"),
        ("tinyflow-operator", {"modules": {"serviceAccountName": "admin"}}, "serviceAccountName"),
        ("tinyflow-operator", {"gateway": {"users": [{"kind": "User"}]}}, "users"),
        ("tinyflow-operator", {"commonLabels": {"cost": 42}}, "cost"),
        ("tinyflow-operator", {"networkPolicy": {"apiServerPorts": []}}, "apiServerPorts"),
        ("tinyflow-operator", {"metrics": {"serviceMonitor": {"interval": "soon"}}}, "interval"),
        ("tinyflow-module", {}, "repository"),
        ("tinyflow-module", {"image": {"repository": "words", "tag": "latest"}}, "tag"),
        ("tinyflow-module", {"image": {"repository": "words"}}, "which tag"),
        ("tinyflow-module", {**MODULE, "name": "Words"}, "name"),
        ("tinyflow-module", {**MODULE, "name": "w" * 61}, "name"),
        ("tinyflow-module", {**MODULE, "replicas": 2}, "replicas"),
        ("tinyflow-crds", {"install": True}, "install"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_name(chart, values, said, files):
    with pytest.raises(helm_python.HelmError, match=said):
        files(chart, values)


def _is(document):
    return document["kind"] == "Deployment"


def _text(path):
    return path.read_text() if path.exists() else None


def _paths(values, before=""):
    found = set()
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found |= _paths(value, f"{before}{name}.")
        else:
            found.add(f"{before}{name}")
    return found


def test_the_wheel_brings_the_charts(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=CHARTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for chart in NAMES:
        files = [path for path in (CHARTS / chart).rglob("*") if path.is_file()]
        assert {f"tinyflow_jupyter/charts/{path.relative_to(CHARTS)}" for path in files} <= names
