"""The admission policies, evaluated: servers of before 1.30 have none, and what they say must hold on those that do."""

from __future__ import annotations

import cel
import pytest
from tinyflow_operator.names import secret_name
from tinyflow_runtime.resources.names import AUTHORITY, GATEWAY_SECRET

POLICY, SECRETS = "tinyflow-code-push", "tinyflow-operator-secrets"
OPERATOR = "system:serviceaccount:tinyflow:tinyflow-operator"
PUSH = {"group": "tinyflow.dev", "resource": "tinymodules", "subresource": "code", "namespace": "flows", "verb": "push"}
STEPS = ("group", "resource", "subresource", "namespace")
TEXT = {"source": {"sha256": "0" * 64, "inline": "UEs="}}
IMAGE = {"image": "words:1"}


def module(spec, **metadata):
    return {"kind": "TinyModule", "metadata": {"name": "m", "namespace": "flows", **metadata}, "spec": spec}


class Authorizer:
    """What Kubernetes calls ``authorizer``: somebody who has these rights and no other.

    Attributes:
        asked: What was to be known of them.
    """

    def __init__(self, rights):
        self._rights, self.asked = rights, []

    def values(self, request, new, old):
        """What an expression may name."""
        steps = {name: lambda so_far, said, name=name: {**so_far, name: said} for name in STEPS}
        steps["check"] = lambda so_far, verb: {**so_far, "verb": verb}
        steps["allowed"] = self._allowed
        variables = {"authorizer": {}, "request": request, "object": new, "oldObject": old}
        return cel.Context(variables=variables, functions=steps)

    def _allowed(self, asked):
        self.asked.append(asked)
        return asked in self._rights


def admitted(policy, operation, new, old, rights):
    """Whether a policy lets a change pass, and what it asked."""
    somebody = Authorizer(rights)
    values = somebody.values({"operation": operation, "namespace": "flows", "name": "m"}, new, old)
    said = [cel.evaluate(each["expression"], values) for each in policy["spec"]["validations"]]
    assert all(type(each) is bool for each in said)
    return all(said), somebody.asked


@pytest.fixture
def policy(render):
    (found,) = named(render("tinyflow-operator"), "ValidatingAdmissionPolicy")
    return found


def named(documents, kind, name=POLICY):
    return [each for each in documents if each["kind"] == kind and each["metadata"]["name"] == name]


CHANGES = [
    pytest.param("CREATE", module(TEXT), None, id="made of source"),
    pytest.param("CREATE", module(IMAGE), None, id="made of an image"),
    pytest.param("UPDATE", module({"image": "words:2"}), module(IMAGE), id="another image"),
    pytest.param("UPDATE", module(TEXT), module(IMAGE), id="source for an image"),
    pytest.param("UPDATE", module({"source": {**TEXT["source"], "inline": "UEt="}}), module(TEXT), id="other text"),
    pytest.param("UPDATE", module({**IMAGE, "pullSecret": "a"}), module(IMAGE), id="a word more"),
]


@pytest.mark.parametrize(("operation", "new", "old"), CHANGES)
def test_code_changes_for_whoever_may_push_and_for_nobody_else(policy, operation, new, old):
    almost = [{**PUSH, name: "other"} for name in PUSH] + [{**PUSH, "verb": verb} for verb in ("create", "update", "*")]

    assert admitted(policy, operation, new, old, [PUSH]) == (True, [PUSH])
    assert admitted(policy, operation, new, old, [])[0] is False
    assert admitted(policy, operation, new, old, almost)[0] is False


@pytest.mark.parametrize("spec", [TEXT, IMAGE], ids=["source", "image"])
def test_what_is_said_of_a_module_changes_without_a_right_to_push(policy, spec):
    new = module(dict(spec), labels={"a": "b"}, annotations={"c": "d"}, finalizers=["e.f/g"])

    assert admitted(policy, "UPDATE", new, module(spec), [])[0] is True


def test_it_stands_before_every_change_of_a_module_and_denies(policy, render):
    (binding,) = named(render("tinyflow-operator"), "ValidatingAdmissionPolicyBinding")
    spec = policy["spec"]

    assert spec["matchConstraints"] == {
        "resourceRules": [
            {
                "apiGroups": ["tinyflow.dev"],
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": ["tinymodules"],
            }
        ]
    }
    assert spec["failurePolicy"] == "Fail"
    assert {"matchConditions", "paramKind"}.isdisjoint(spec)
    assert binding["spec"] == {"policyName": POLICY, "validationActions": ["Deny"]}


def test_a_server_without_policies_gets_none(render):
    kinds = {each["kind"] for each in render("tinyflow-operator", version="1.29")}

    assert not any(kind.startswith("ValidatingAdmission") for kind in kinds)


# What the operator writes


def written(render, user, namespace, name):
    """Whether a Secret may be written: by everybody whom the policy is not about, and by whom it lets."""
    (policy,) = named(render("tinyflow-operator"), "ValidatingAdmissionPolicy", SECRETS)
    request = {"operation": "UPDATE", "namespace": namespace, "name": name, "userInfo": {"username": user}}
    secret = {"kind": "Secret", "metadata": {"name": name, "namespace": namespace}}
    values = cel.Context(variables={"request": request, "object": secret, "oldObject": secret})
    spec = policy["spec"]
    about = [cel.evaluate(each["expression"], values) for each in spec["matchConditions"]]
    said = [cel.evaluate(each["expression"], values) for each in spec["validations"]]
    assert all(type(each) is bool for each in about + said)
    return not all(about) or all(said)


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("flows", secret_name("maths")),
        ("tinyflow", secret_name("maths")),
        ("flows", secret_name("m" * 63)),
        ("tinyflow", GATEWAY_SECRET),
        ("tinyflow", AUTHORITY),
    ],
)
def test_the_operator_writes_each_secret_that_is_its_own(render, namespace, name):
    assert written(render, OPERATOR, namespace, name)


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("flows", "database"),
        ("tinyflow", "database"),
        ("kube-system", GATEWAY_SECRET),
        ("flows", AUTHORITY),
        ("flows", "tm-maths"),
        ("flows", "maths-tls"),
        ("flows", "tm-maths-tls.bak"),
        ("flows", "a-tm-maths-tls"),
    ],
)
def test_the_operator_writes_no_other_secret_and_everybody_else_is_left_alone(render, namespace, name):
    assert not written(render, OPERATOR, namespace, name)
    for somebody in ("ada", "system:serviceaccount:flows:tinyflow-operator", "system:apiserver", ""):
        assert written(render, somebody, namespace, name)


def test_the_policy_about_secrets_stands_before_each_way_to_write_one_and_denies(render):
    documents = render("tinyflow-operator")
    (policy,) = named(documents, "ValidatingAdmissionPolicy", SECRETS)
    (binding,) = named(documents, "ValidatingAdmissionPolicyBinding", SECRETS)

    # A patch is an UPDATE, or a CREATE where nothing was there.
    wanted = {"apiGroups": [""], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}
    assert policy["spec"]["matchConstraints"] == {"resourceRules": [wanted]}
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert binding["spec"] == {"policyName": SECRETS, "validationActions": ["Deny"]}


def test_each_policy_can_be_left_out(render):
    def policies(**values):
        documents = render("tinyflow-operator", {"admission": values})
        return [each["metadata"]["name"] for each in documents if each["kind"] == "ValidatingAdmissionPolicy"]

    assert policies() == [POLICY, SECRETS]
    assert policies(codePush=False) == [SECRETS]
    assert policies(operatorSecrets=False) == [POLICY]
