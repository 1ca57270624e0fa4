"""Which role a refusal names: the least of the chart's that gives the right that is missing, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tinyflow_jupyter._cluster.refusals import refused, role_of

GOLDEN = Path(__file__).parents[1] / "charts/golden/tinyflow-operator.yaml"
ROLES = ("tinyflow-viewer", "tinyflow-editor", "tinyflow-developer", "tinyflow-gateway-user")


def given():
    """Each right that the chart's roles give, and the first role that does."""
    texts = [text for text in GOLDEN.read_text().split("\n---\n") if "\nrules:" in text]
    rules = {each["metadata"]["name"]: each["rules"] for each in map(yaml.safe_load, texts)}
    found = {}
    for role in ROLES:
        for rule in rules[role]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", [""]):
                        found.setdefault((resource, verb, name), role)
    return found


def test_each_right_is_given_by_the_role_that_is_named():
    rights = given()

    assert len(rights) > 50
    assert {right: role_of(*right) for right in rights} == rights


@pytest.mark.parametrize(
    "right",
    [
        ("secrets", "get"),
        ("customresourcedefinitions", "get"),
        ("deployments", "list"),
        ("services", "get"),
        ("pods", "delete"),
        ("serviceaccounts/token", "create", "default"),
    ],
    ids=" ".join,
)
def test_what_no_role_gives_is_said_to_be_of_none(right):
    assert role_of(*right) == ""


def said(message):
    error = refused("it", 403, json.dumps({"message": message}), "/", namespace="flows")
    return error.way_out[0]


def test_the_role_is_named_with_the_namespace_in_which_it_is_missing():
    who, there = 'is forbidden: User "ada" cannot', 'in API group "" in the namespace "tinyflow"'
    told = said(f'configmaps "tinyflow-gateway" {who} get resource "configmaps" {there}')
    pods = said(f'pods {who} list resource "pods" {there}')
    mine = said(f'pods {who} list resource "pods" in API group "" in the namespace "flows"')

    assert "the role 'tinyflow-gateway-user' gives it in namespace 'tinyflow'" in told
    assert "the role 'tinyflow-gateway-user' gives it in namespace 'tinyflow'" in pods
    assert "the role 'tinyflow-developer' gives it in namespace 'flows'" in mine


def test_a_right_of_the_whole_cluster_is_given_by_no_role():
    kind = "customresourcedefinitions"
    who = f'cannot get resource "{kind}" in API group "apiextensions.k8s.io" at the cluster scope'
    told = said(f'{kind}.apiextensions.k8s.io "tinyflows.tinyflow.dev" is forbidden: User "ada" {who}')

    flows = said(
        'tinyflows is forbidden: User "ada" cannot list resource "tinyflows" in API group "" at the cluster scope'
    )

    assert told == flows == "Ask who runs the cluster for this right; no role of TinyFlow gives it."
