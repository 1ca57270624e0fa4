"""The doctor says which rights are missing, and how whoever runs the cluster gives them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tinyflow_operator.kinds import FLOWS, SERVICES

from tinyflow_jupyter._cluster.rights import Right
from tinyflow_jupyter._doctor import gateway
from tinyflow_jupyter._doctor.gateway import WANTED
from tinyflow_jupyter._doctor.installed import Home
from tinyflow_jupyter._doctor.rights import CODE, LOOK, PUSH, SEND, rights


@pytest.mark.parametrize(
    ("only", "sees", "said"),
    [
        (True, True, "--role=tinyflow-viewer --serviceaccount"),
        (False, True, "--clusterrole=tinyflow-viewer --serviceaccount"),
        (True, False, "; --role=tinyflow-viewer where TinyFlow looks after this namespace alone"),
    ],
    ids=["of one namespace", "of all", "hidden"],
)
def test_a_right_is_given_by_the_kind_of_role_that_is_there(real, only, sees, said, look):
    real.deployment("tinyflow-operator", only=real.namespace if only else "")
    token = real.somebody(*([Right("list", "deployments", "apps")] if sees else []))
    real.log_in(token)

    fix = look()["right to look at flows"].fix

    assert said in fix
    assert ("--clusterrole" in fix) is not (only and sees)


def test_somebody_without_rights_is_told_each_that_is_missing(real, look):
    token = real.somebody()
    real.log_in(token)

    found = look()

    assert found["right to look at flows"].state == "bad"
    assert "get tinyflows, list tinyflows" in found["right to look at flows"].what
    assert "--clusterrole=tinyflow-viewer" in found["right to look at flows"].fix
    assert [found[f"right to {each.does}"].state for each in (SEND, PUSH)] == ["warn", "warn"]
    assert [found[each].state for each in ("operator", "gateway", "images")] == ["warn"] * 3
    assert found["definitions"].state == "ok"  # what is served, everybody may see


def test_somebody_who_may_only_look_is_told_what_that_leaves_out(real, look):
    token = real.somebody(*LOOK.rights)
    real.log_in(token)

    found = look()

    assert found["right to look at flows"].state == "ok"
    assert found["right to push"].state == "warn"
    assert found["right to send to flows"].what.endswith("you may not: create serviceaccounts/token tinyflow-editor.")


def test_who_sees_nothing_of_the_gateway_is_told_how_he_gets_to(real, look):
    real.log_in(real.somebody(*LOOK.rights))

    found = look()["gateway"]

    assert (found.state, found.what) == ("warn", "You may not look at the namespace in which it could be.")
    bind = f"create rolebinding looks --role=tinyflow-gateway-user --serviceaccount={real.namespace}:ada"
    assert f"kubectl -n tinyflow {bind}" in found.fix


def test_who_may_use_the_gateway_and_see_nothing_else_there_has_it_spoken_to(real, look, monkeypatch):
    async def spoken(api, service, module):
        assert service == f"{real.namespace}/tinyflow-gateway"
        return "took your token"

    monkeypatch.setattr(gateway, "speak", spoken)  # no pods run here
    port = {"port": 7443, "protocol": "TCP"}
    real.put(SERVICES, "tinyflow-gateway", spec={"selector": {"it": "gateway"}, "ports": [port]})
    real.log_in(real.somebody(*LOOK.rights, *WANTED))

    found = look()["gateway"]

    assert (found.state, "it took your token" in found.what) == ("ok", True)


def test_the_gateway_that_a_flow_names_is_the_one(real, look):
    real.put(FLOWS, "sums", spec={})
    real.put(FLOWS, "sums", part="status", status={"gateway": "elsewhere/tinyflow-gateway"})
    real.log_in(real.somebody(*LOOK.rights))

    found = look()["gateway"]

    assert found.state == "bad"
    assert found.what.startswith("It runs in 'elsewhere', where you may not: list pods")
    bind = f"--role=tinyflow-gateway-user --serviceaccount={real.namespace}:ada"
    assert f"kubectl -n elsewhere create rolebinding looks {bind}" in found.fix


@pytest.mark.parametrize("right", [*PUSH.rights, CODE], ids=str)
def test_no_right_that_a_push_needs_is_forgotten(right):
    found = {each.about: each for each in rights(Without(right), Home("tinyflow"), policies=True)}

    assert found["right to push"].state == "warn"
    assert str(right) in found["right to push"].what


def test_where_no_policy_can_be_its_right_is_not_asked_for():
    of_all, of_one = Home("tinyflow"), Home("tinyflow", only=True)

    states = [
        rights(Without(CODE), home, policies=policies)[-1].state
        for home, policies in ((of_all, True), (of_all, False), (of_one, True))
    ]

    assert states == ["warn", "ok", "ok"]


class Without:
    """A server that lets one do all but one thing."""

    login = SimpleNamespace(namespace="default")

    def __init__(self, right):
        self.right = right

    def create(self, path, document):
        said = document["spec"]["resourceAttributes"]
        resource = "/".join(said[part] for part in ("resource", "subresource") if part in said)
        asked = Right(said["verb"], resource, said.get("group", ""), said.get("name", ""))
        return {"status": {"allowed": asked != self.right}}

    def who(self):
        return "--user=ada"
