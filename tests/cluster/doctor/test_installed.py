"""The doctor looks at what is installed: definitions, operators, the gateway, images, and where one works."""

from __future__ import annotations

import asyncio
import sys
import uuid
from pathlib import Path

import pytest
import yaml
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import ACCOUNTS, CONFIGMAPS, DEPLOYMENTS, LEASES, NAMESPACES, PODS
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store
from tinyflow_runtime import __version__
from tinyflow_runtime.resources.documents import EDITION
from tinyflow_runtime.resources.labels import SCHEMAS

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import Authority

from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._cluster.kubeconfig import Login
from tinyflow_jupyter._cluster.refusals import unreachable
from tinyflow_jupyter._doctor.rights import LOOK, PUSH, SEND
from tinyflow_jupyter._doctor.server import Answer, Server

EARLIER = Path(__file__).parents[2] / "operator/editions/2.yaml"


async def test_a_cluster_that_has_never_heard_of_us_is_told_how_it_does(config, look):
    async with serve(Store([])) as url:
        config(url)

        found = await asyncio.to_thread(look)

    assert (found["definitions"].state, found["definitions"].fix) == ("bad", "tinyflow crds apply")


async def test_a_pocket_cluster_is_well(config, look):
    async with serve(Store(definitions())) as url:
        config(url)

        found = await asyncio.to_thread(look)

    assert {each.state for each in found.values()} == {"ok"}
    assert "pocket" in found["operator"].what


def test_old_definitions_are_told_with_their_edition(real, look):
    for definition in yaml.safe_load_all(EARLIER.read_text()):
        if definition["metadata"]["name"].startswith("tinyflows"):
            real.define({**definition, "spec": definitions(rules=False)[2]["spec"]})

    found = look()["definitions"]

    assert found.what == f"tinyflows are of edition 2, and {EDITION} is needed."
    assert (found.state, found.fix) == ("bad", "tinyflow crds apply")


def test_newer_definitions_ask_for_a_newer_version(real, look):
    definition = definitions(rules=False)[2]
    definition["metadata"]["annotations"][SCHEMAS] = "99"
    real.define(definition)

    found = look()["definitions"]

    assert found.state == "warn"
    assert "pip install --upgrade tinyflow-jupyter" in found.fix


def test_a_cluster_where_nothing_is_installed_is_told_the_command(real, look):
    found = look()

    assert (found["operator"].state, found["operator"].fix) == ("bad", "tinyflow operator install")
    assert found["gateway"].state == "bad"


def test_a_cluster_that_is_well_is_well_throughout(real, monkeypatch, look):
    async def spoken(*_):
        return "answered"

    monkeypatch.setattr("tinyflow_jupyter._doctor.gateway.speak", spoken)  # no pods run here
    real.deployment("tinyflow-operator")
    real.deployment("tinyflow-gateway")
    real.lease()

    found = look()

    about = ("kubeconfig", "clock", "definitions", "operator", "gateway", "images")
    may = tuple(f"right to {each.does}" for each in (LOOK, SEND, PUSH))
    assert {name: found[name].state for name in found if name != "API server"} == dict.fromkeys(about + may, "ok")
    assert found["operator"].what == f"{__version__} in namespace {real.namespace!r}, led by tinyflow-operator-1"


@pytest.mark.parametrize(
    ("plant", "state", "said"),
    [
        (lambda real: real.deployment("tinyflow-operator", ready=0), "bad", "None of 2 is ready"),
        (
            lambda real: real.deployment(
                "tinyflow-operator",
                ready=0,
                conditions=[{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota.", "reason": "x"}],
            ),
            "bad",
            "exceeded quota",
        ),
        (lambda real: real.deployment("tinyflow-operator", version="0.0.1"), "warn", "made for each other"),
        (lambda real: real.lease(silent=300), "bad", "tinyflow-operator-1 led, and says nothing any more"),
        (lambda real: real.lease(holder=""), "bad", "nobody led"),
        (lambda real: real.delete(LEASES, "tinyflow-operator"), "bad", "nobody leads"),
    ],
    ids=["not ready", "why not", "other version", "silent leader", "no holder", "no lease"],
)
def test_an_operator_that_does_not_work_is_told_why(real, plant, state, said, look):
    real.deployment("tinyflow-operator")
    real.lease()
    plant(real)

    found = look()["operator"]

    assert found.state == state
    assert said in found.what


@pytest.fixture
def elsewhere(real):
    """Another namespace, with an operator of its own: ``elsewhere(only="flows")``."""
    name = f"tinyflow-test-{uuid.uuid4().hex[:8]}"

    def install(only=""):
        real.put(NAMESPACES, name)
        real.deployment("tinyflow-operator", ready=0, namespace=name, only=only)
        return name

    yield install
    real.delete(DEPLOYMENTS, "tinyflow-operator", name)
    real.delete(NAMESPACES, name)


def test_of_several_operators_the_one_that_looks_after_the_namespace_is_looked_at(real, elsewhere, look):
    elsewhere(only="others")
    real.deployment("tinyflow-operator", only=real.namespace)
    real.lease()

    found = look()["operator"]

    assert found.state == "ok"
    assert f"in namespace {real.namespace!r}" in found.what


def test_where_all_operators_look_after_other_namespaces_that_is_told(real, elsewhere, look):
    at = elsewhere(only="others")

    found = look()["operator"]

    assert found.state == "bad"
    assert found.what == f"There is none for namespace {real.namespace!r}: that in {at!r} looks after 'others' alone."


def test_two_operators_of_one_namespace_are_told(real, elsewhere, look):
    at = elsewhere()
    real.deployment("tinyflow-operator", only=real.namespace)
    real.lease()

    found = look()["operator"]

    assert found.state == "bad"
    assert f"{real.namespace!r}, {at!r} all look after namespace {real.namespace!r}" in found.what
    assert found.fix == f"tinyflow operator uninstall --namespace {at}"


@pytest.mark.parametrize("path", ["/deployments", "/leases/", "/customresourcedefinitions/", "accessreviews"])
@pytest.mark.parametrize("answers", [503, None], ids=["in trouble", "away"])
def test_trouble_of_the_api_server_is_told_as_that_and_as_nothing_else(real, monkeypatch, path, answers, look):
    real.deployment("tinyflow-operator")
    real.lease()
    hear, ask = Server.hear, Login.ask

    def troubled(server, asked, *rest, **more):
        if path in asked and answers:
            return Answer(answers, {}, "etcd is away", None, 0.1)
        return hear(server, asked, *rest, **more)

    def away(login, method, asked, *rest, **more):
        if path in asked and not answers:
            raise unreachable(login.context, login.host, ConnectionResetError("reset"))
        return ask(login, method, asked, *rest, **more)

    monkeypatch.setattr(Server, "hear", troubled)
    monkeypatch.setattr(Login, "ask", away)
    found = look()

    code = "TF-161" if answers else "TF-162"
    assert [each.about for each in found.values() if each.what.startswith(code)] != []
    said = " ".join(each.what for each in found.values() if each.about != "gateway")
    for wrong in ("you may not", "There is none", "nobody leads", "edition 0", "are of edition"):
        assert wrong not in said


def test_a_gateway_that_is_not_ready_is_told(real, look):
    real.deployment("tinyflow-operator")
    real.deployment("tinyflow-gateway", ready=0)

    found = look()["gateway"]

    assert (found.state, "describe pods" in found.fix) == ("bad", True)


def test_a_gateway_that_cannot_be_connected_to_is_told(real, look):
    real.deployment("tinyflow-operator")
    real.deployment("tinyflow-gateway")
    real.put(ACCOUNTS, "tinyflow-viewer")
    real.put(CONFIGMAPS, "tinyflow-gateway", data={"ca.crt": Authority().pem.decode()})

    found = look()["gateway"]

    assert found.state == "bad"
    assert "TF-163 The gateway" in found.what


@pytest.mark.parametrize(
    ("message", "fix"),
    [
        ("failed to authorize: 401 Unauthorized", "create secret docker-registry mine"),
        ("manifest unknown", "describe pod it"),
    ],
)
def test_an_image_that_cannot_be_had_is_told_with_its_secret(real, message, fix, look):
    container = {"name": "module", "image": "registry.example.com/maths:1"}
    spec = {"containers": [container], "imagePullSecrets": [{"name": "mine"}]}
    real.put(PODS, "it", metadata={"labels": {"tinyflow.dev/module": "maths"}}, spec=spec)
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
    state = {"name": "module", "image": container["image"], "imageID": "", "ready": False, "restartCount": 0}
    real.put(PODS, "it", part="status", status={"containerStatuses": [{**state, "state": waiting}]})

    found = look()["images"]

    assert found.state == "bad"
    assert "registry.example.com/maths:1" in found.what
    assert fix in found.fix


def test_a_namespace_that_is_not_there_is_told(real, look):
    real.log_in(namespace="nowhere")

    found = look()["namespace"]

    assert (found.state, found.fix) == ("bad", "kubectl create namespace nowhere")


def test_what_the_doctor_opens_it_closes(real, monkeypatch, look):
    made, closed = [], []
    monkeypatch.setattr(
        Api, "__init__", lambda api, *login, make=Api.__init__: (made.append(api), make(api, *login))[1]
    )
    monkeypatch.setattr(Api, "close", lambda api, close=Api.close: (closed.append(api), close(api))[1])

    look()

    assert made != []
    assert closed == made
