"""The examples of the docs are taken by a server, and run; what is wrong as people go wrong is refused."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from pathlib import Path

import pytest
import yaml
from kubernetes import client as official
from tinyflow_operator.crds import definitions
from tinyflow_operator.editions import RULES
from tinyflow_operator.kinds import OURS, Kind
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store
from tinyflow_runtime.source.archive import Source

from tinyflow_jupyter._cluster import Cluster

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("docs/examples/*.yaml"))
REFUSED = sorted(Path(__file__).parent.glob("refused/*.yaml"))
RULED = ("exactly one of inline", "a node has one settings port")  # said by rules, which older servers drop
KINDS: dict[str, Kind] = {kind.name: kind for kind in OURS}


@pytest.fixture
async def pocket():
    """The pocket's API, which evaluates rules."""
    async with serve(Store(definitions())) as url, Kube(official.Configuration(host=url)) as kube:
        yield kube


async def apply(kube, document, namespace):
    """As strictly as the server can: one that is old looks at fields when a document is applied, and at no more."""
    kind = KINDS[document["kind"]]
    whole = {"apiVersion": kind.api_version, **document}
    whole["metadata"] = {**document["metadata"], "namespace": namespace}
    asked = {"fieldManager": "examples", "fieldValidation": "Strict"}
    content = "application/apply-patch+yaml"
    return await kube._ask("PATCH", kind.path(namespace, whole["metadata"]["name"]), asked, body=whole, content=content)


def documents(path):
    return list(yaml.safe_load_all(path.read_text()))


def test_there_is_an_example_of_every_kind():
    assert {document["kind"] for path in EXAMPLES for document in documents(path)} == set(KINDS)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_first_what_it_is(path):
    assert re.match(r"# [A-Z].{20,}", path.read_text())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
async def test_an_example_is_taken_by_a_server(kube, namespace, path):
    for document in documents(path):
        taken = await apply(kube, document, namespace)

        assert taken["spec"] == document["spec"]


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
async def test_what_is_wrong_is_refused_in_words(kube, namespace, path):
    said = path.read_text().splitlines()[0].removeprefix("# ")
    version = await kube.version()
    if version < RULES and said.startswith(RULED):
        pytest.skip(f"a Kubernetes that evaluates rules: this is {version[0]}.{version[1]}, they need 1.25")

    with pytest.raises(Refused, match=re.escape(said)):
        await apply(kube, documents(path)[0], namespace)


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
async def test_the_pocket_refuses_the_same(pocket, path):
    said = path.read_text().splitlines()[0].removeprefix("# ")

    with pytest.raises(Refused, match=re.escape(said)):
        await apply(pocket, documents(path)[0], "default")


def test_the_source_in_the_example_is_the_text_beside_it():
    text = (ROOT / "docs/examples/module.yaml").read_text()
    shown = "\n".join(line[6:] for line in re.findall(r"^#(?:    .*|)$", text, re.MULTILINE)).strip()

    said = yaml.safe_load(text)["spec"]["source"]
    source = Source.read(base64.b64decode(said["inline"]), sha256=said["sha256"])

    assert source.text.strip() == shown


@pytest.mark.timeout(120)
@pytest.mark.census(keeps="what the cluster closes a moment after its end")
def test_the_examples_run(monkeypatch):
    async def put():
        async with Kube.of_this_machine() as kube:
            for path in EXAMPLES:
                for document in documents(path) if "image" not in path.stem else ():
                    await apply(kube, document, "default")

    with Cluster.local() as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        asyncio.run(put())

        cluster.wait_ready("welcome")
        live = cluster.flow("welcome")
        counted = live["count:out"]
        while counted.last is None:
            time.sleep(0.05)

        assert live["greet:out"].last.payload == "Welcome, Ada!"
        assert counted.last.payload == len("Welcome, Ada")
        assert cluster.projects == ["reception"]
