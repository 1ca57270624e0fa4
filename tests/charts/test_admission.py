"""The admission policy, evaluated: servers of before 1.30 have none, and what it says must hold on those that do."""

from __future__ import annotations

import cel
import pytest

POLICY = "tinyflow-code-push"
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


def named(documents, kind):
    return [each for each in documents if each["kind"] == kind and each["metadata"]["name"] == POLICY]


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
