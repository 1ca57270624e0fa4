"""Charts: rendered as for any Kubernetes, looked through by rules, and installed on a real API."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import re
from pathlib import Path

import helm_python
import jsonschema
import kubernetes_validate.utils
import pytest
import yaml
from helm_python import _native  # offline, only the function below its own render() takes a version
from referencing import Registry, Resource

CHARTS = Path(__file__).parents[2] / "charts"
NAMESPACE = "tinyflow"
VERSIONS = [f"1.{minor}" for minor in range(25, 38)]  # whose schemas we have; an older one is a real server
MONITORING = "monitoring.coreos.com/v1"


class Strict(yaml.CSafeLoader):
    """Helm takes a mapping that says a thing twice; half of the tools after it do not."""

    def construct_mapping(self, node, deep=False):
        names = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(names) == len(set(names)), f"twice: {names}, line {node.start_mark.line}"
        return super().construct_mapping(node, deep=deep)


def rendered(chart, values=None, *, version="1.36", apis=(), namespace=NAMESPACE):
    """The documents of a chart as Helm would install them; NOTES.txt is left out."""
    files = files_of(chart, values, version=version, apis=apis, namespace=namespace)
    texts = [text for name, text in sorted(files.items()) if name.endswith(".yaml")]
    return copy.deepcopy([document for text in texts for document in _documents(text)])


@functools.cache
def _documents(text):
    return [document for document in yaml.load_all(text, Strict) if document]


def files_of(chart, values=None, *, version="1.36", apis=(), namespace=NAMESPACE):
    options = {"name": "it", "namespace": namespace, "kube_version": f"v{version}.0", "api_versions": list(apis)}
    with helm_python.Chart.load(CHARTS / chart) as loaded:
        text = _native.call_string("helm_render", loaded._raw(), json.dumps(values or {}), json.dumps(options))
    return json.loads(text)


def cases():
    """Every values file, with and without Prometheus; the module's chart has no default."""
    found = [("tinyflow-crds", "default", {}), ("tinyflow-operator", "default", {})]
    for path in sorted(CHARTS.glob("*/ci/*-values.yaml")):
        found.append((path.parts[-3], path.name.removesuffix("-values.yaml"), yaml.safe_load(path.read_text())))
    return [
        pytest.param(
            (chart, values, apis), id=f"{chart.removeprefix('tinyflow-')}-{name}{'-monitored' if apis else ''}"
        )
        for (chart, name, values), apis in itertools.product(found, ((), (MONITORING,)))
        if not apis or chart == "tinyflow-operator"
    ]


def pytest_generate_tests(metafunc):
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", cases())
    if "every_case" in metafunc.fixturenames:
        metafunc.parametrize("every_case", [[case.values[0] for case in cases()]], ids=[""])
    if "kubernetes" in metafunc.fixturenames:
        metafunc.parametrize("kubernetes", VERSIONS)


@functools.cache
def _validator(version, kind, api):
    """As the library makes one, which reads and indexes megabytes anew for each document."""
    folder = f"kubernetes-json-schema/v{version}.0-local-strict"
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = kubernetes_validate.utils.schema_contents(f"{folder}/{kind.lower()}-{group}.json", version)
    return jsonschema.Draft202012Validator(schema, registry=Resource.from_contents(schema) @ _definitions(folder))


@functools.cache
def _definitions(folder):
    contents = kubernetes_validate.utils.schema_contents(f"{folder}/_definitions.json", "")
    return (Resource.from_contents(contents) @ Registry()).crawl()


@pytest.fixture
def validate():
    """``validate(document, version)``: raise unless this Kubernetes takes it, unknown fields included."""
    return lambda document, version: _validator(version, document["kind"], document["apiVersion"]).validate(document)


@pytest.fixture
def render():
    """``render(chart, values, version="1.36", apis=())``: its documents."""
    return rendered


@pytest.fixture
def files():
    """The same as text, by file."""
    return files_of
