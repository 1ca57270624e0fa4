"""Charts: rendered as for any Kubernetes, looked through by rules, and installed on a real API."""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path

import helm_python
import kubernetes_validate
import pytest
import yaml
from helm_python import _native  # offline, only the function below its own render() takes a version

CHARTS = Path(__file__).parents[2] / "charts"
NAMESPACE = "tinyflow"
VERSIONS = [f"1.{minor}" for minor in range(25, 38)]  # whose schemas we have; an older one is a real server
MONITORING = "monitoring.coreos.com/v1"


class Strict(yaml.SafeLoader):
    """Helm takes a mapping that says a thing twice; half of the tools after it do not."""

    def construct_mapping(self, node, deep=False):
        names = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(names) == len(set(names)), f"twice: {names}, line {node.start_mark.line}"
        return super().construct_mapping(node, deep=deep)


def rendered(chart, values=None, *, version="1.36", apis=(), namespace=NAMESPACE):
    """The documents of a chart as Helm would install them; NOTES.txt is left out."""
    files = files_of(chart, values, version=version, apis=apis, namespace=namespace)
    texts = [text for name, text in sorted(files.items()) if name.endswith(".yaml")]
    return [document for text in texts for document in yaml.load_all(text, Strict) if document]


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
        pytest.param((chart, values, apis), id=f"{chart.removeprefix('tinyflow-')}-{name}{'-monitored' if apis else ''}")
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


@pytest.fixture(autouse=True, scope="session")
def _read_schemas_once():
    """The library reads megabytes anew for each document."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", functools.cache(kubernetes_validate.utils.schema_contents))
        yield


@pytest.fixture
def render():
    """``render(chart, values, version="1.36", apis=())``: its documents."""
    return rendered


@pytest.fixture
def files():
    """The same as text, by file."""
    return files_of
