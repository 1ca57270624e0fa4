"""What a cluster has of our definitions: none, older ones, newer ones; and the commands that bring and check them."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path

import pytest
import yaml
from tinyflow_operator import patience
from tinyflow_operator.crds import definitions, main
from tinyflow_operator.editions import RULES, SELECTABLE, check_definitions
from tinyflow_operator.kinds import DEFINITIONS, OURS
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import EDITION
from tinyflow_runtime.resources.labels import SCHEMAS

EARLIER = sorted(Path(__file__).parent.glob("editions/*.yaml"))
NEWER = ("x-kubernetes-validations", "selectableFields")


@pytest.fixture
async def empty(tmp_path, monkeypatch):
    """A cluster that has never heard of us, and is the kubeconfig's."""
    async with serve(Store([])) as url:
        config = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": {"server": url}}],
            "users": [{"name": "it", "user": {}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield


@pytest.fixture
async def real(bare_kubeconfig, monkeypatch):
    """A real server of the tests' own, on which definitions may be changed; it has ours in the end."""
    monkeypatch.setenv("KUBECONFIG", bare_kubeconfig)
    yield
    await put(definitions(rules=False))


async def crds(*arguments):
    """The command, as from a shell: its exit code."""
    return await asyncio.to_thread(main, arguments)


async def put(documents):
    """Have these definitions, whatever was there."""
    async with Kube.of_this_machine() as kube:
        for document in documents:
            await kube.apply(DEFINITIONS, bare(document), "tinyflow-tests")


def bare(document):
    """As servers take it that know neither rules nor fields to select by."""
    document = copy.deepcopy(document)

    def strip(part):
        for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
            strip(each)
        if isinstance(part, dict):
            for name in NEWER:
                part.pop(name, None)

    strip(document)
    return document


def edition(documents, number):
    documents = copy.deepcopy(documents)
    for document in documents:
        document["metadata"]["annotations"][SCHEMAS] = str(number)
    return documents


async def found():
    async with Kube.of_this_machine() as kube:
        return [await kube.get(DEFINITIONS, "", f"{kind.plural}.{kind.group}") for kind in OURS]


async def test_a_cluster_without_definitions_is_told_so_and_brought_to_them(empty, capsys):
    before = await crds("check")
    said = capsys.readouterr().out

    applied = await crds("apply")

    told = capsys.readouterr().out
    assert (before, applied, await crds("check")) == (1, 0, 0)
    assert said.count("not there") == len(OURS)
    assert said.splitlines()[-1] == "Run: tinyflow crds apply"
    assert told.count(f"edition {EDITION}  (new)") == len(OURS)
    assert "x-kubernetes-validations" in json.dumps(await found())


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (Refused(403, "forbidden"), None),  # who may work in one namespace only
        (Refused(400, "bad request"), "TF-161"),
        (Refused(401, "unauthorized"), "TF-192"),
        (Refused(500, "etcd"), "TF-192"),
        (ClusterError("TF-162", "It is away.", "Wait."), "TF-192"),
    ],
    ids=["may not look", "no sense", "no login yet", "in trouble", "away"],
)
async def test_a_look_that_fails_passes_no_operator_but_one_that_may_not_look(empty, monkeypatch, first, told):
    monkeypatch.setattr(patience, "FIRST_DELAY", 0.01)

    class Fails(Kube):
        due = (first,)

        async def get(self, kind, namespace, name):
            for error in self.due:
                self.due = ()
                raise error
            return await super().get(kind, namespace, name)

    said = None
    async with Fails.of_this_machine() as kube:
        try:
            await check_definitions(kube)
        except ClusterError as error:
            said = error.code
    assert said == told


async def test_applying_again_changes_nothing(empty, capsys):
    await crds("apply")
    before = [each["metadata"]["resourceVersion"] for each in await found()]
    capsys.readouterr()

    await crds("apply")

    assert [each["metadata"]["resourceVersion"] for each in await found()] == before
    assert capsys.readouterr().out.count("(as before)") == len(OURS)


@pytest.mark.parametrize("earlier", EARLIER, ids=lambda path: f"edition-{path.stem}")
async def test_older_definitions_on_a_real_server_are_refused_by_an_operator_and_brought_up(real, earlier, capsys):
    await put(yaml.safe_load_all(earlier.read_text()))
    async with Kube.of_this_machine() as kube:
        with pytest.raises(ClusterError, match=r"(?s)TF-192 .*edition 2, and 3 is needed.*Run: tinyflow crds apply"):
            await check_definitions(kube)
    assert await crds("check") == 1
    capsys.readouterr()

    assert await crds("apply") == 0

    told = capsys.readouterr().out
    assert told.count(f"edition {EDITION}  (was edition {earlier.stem}") == len(OURS)
    assert await crds("check") == 0
    async with Kube.of_this_machine() as kube:
        await check_definitions(kube)


async def test_what_a_server_is_too_old_for_is_left_out_and_told(real, capsys):
    async with Kube.of_this_machine() as kube:
        version = await kube.version()

    await crds("apply")

    told = capsys.readouterr().out.splitlines()[-1]
    there = json.dumps([each["spec"] for each in await found()])
    assert (version >= RULES, version >= SELECTABLE) == tuple(name in there for name in NEWER)
    assert ("rules" in told, "select" in told) == (version < RULES, version < SELECTABLE)


async def test_newer_definitions_are_left_alone(empty, capsys):
    await put(edition(definitions(), EDITION + 1))
    before = await found()

    with pytest.raises(ClusterError, match=r"(?s)TF-193 .*Take the version of TinyFlow that the cluster has"):
        await crds("apply")

    assert await found() == before
    assert await crds("check") == 0  # an operator works on them: what it writes, they have


async def test_an_edition_that_is_no_number_counts_as_none(empty, capsys):
    await put(edition(definitions(), "next"))

    assert await crds("check") == 1
    assert "no edition, and 3 is needed" in capsys.readouterr().out


async def test_a_cluster_that_is_away_is_told_without_a_promise(tmp_path, monkeypatch, empty):
    config = (tmp_path / "kubeconfig").read_text()
    away = json.loads(config)
    away["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:9"
    (tmp_path / "kubeconfig").write_text(json.dumps(away))

    with pytest.raises(ClusterError, match=r"(?s)TF-162 .*Look whether it runs"):
        await crds("check")
