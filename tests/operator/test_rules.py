"""The rules of our schemas in CEL: what they accept and refuse, by an evaluator that is not ours, and what they cost.

A server that is too old drops them; the same documents are then given to a newer one by whoever sets KUBECONFIG.
"""

from __future__ import annotations

import re

import cel
import pytest
from tinyflow_operator.crds import definitions
from tinyflow_operator.editions import RULES, SELECTABLE
from tinyflow_operator.kinds import DEFINITIONS, MODULES, NODES, SIGNALS
from tinyflow_operator.kube import Refused
from tinyflow_operator.pocket.rules import rule_of

MOST = 10_000_000  # what a server lets one rule cost, by its own estimate
EACH = re.compile(r"\.(all|exists|exists_one|filter|map)\(")

sha256 = "0" * 64


def rules():
    """Every rule: kind and path, the rule, the list it loops over, and how often it may have to be evaluated."""
    found = {}

    def look(schema, path, times):
        for rule in schema.get("x-kubernetes-validations", ()):
            found[path] = (rule, schema, times)
        for name, part in schema.get("properties", {}).items():
            look(part, f"{path}.{name}", times)
        if "items" in schema:
            look(schema["items"], f"{path}[]", times * schema["maxItems"])

    for definition in definitions():
        for version in definition["spec"]["versions"]:
            look(version["schema"]["openAPIV3Schema"], definition["spec"]["names"]["kind"], 1)
    return found


SOURCE, PORTS, SIGNAL = "TinyModule.spec.source", "TinyNode.spec.ports", "TinySignal.spec"
CASES = [
    (SOURCE, True, {"sha256": sha256, "inline": "UEs="}),
    (SOURCE, True, {"sha256": sha256, "configMapRef": {"name": "tm-maths"}}),
    (SOURCE, False, {"sha256": sha256}),
    (SOURCE, False, {"sha256": sha256, "inline": "UEs=", "configMapRef": {"name": "tm-maths"}}),
    (PORTS, True, []),
    (PORTS, True, [{"name": "settings", "settings": {"limit": 3}}]),
    (PORTS, True, [{"name": "settings", "settings": {}}, {"name": "in"}]),
    (PORTS, False, [{"name": "settings", "settings": {}}, {"name": "in", "settings": {"limit": 3}}]),
]
TURNS = [
    (True, {"flow": "sums", "to": "a:in", "payload": {"a": [1, None]}}, {}),
    (False, {"flow": "sums", "to": "a:in", "payload": 21}, {"payload": 22}),
    (False, {"flow": "sums", "to": "a:in", "payload": 21}, {"to": "b:in"}),
    (False, {"flow": "sums", "to": "a:in", "payload": [1, 2]}, {"payload": [2, 1]}),
    (False, {"flow": "sums", "to": "a:in"}, {"payload": 1}),
]


def test_every_rule_has_a_case_that_it_refuses():
    refused = {path for path, fine, _ in CASES if not fine} | {SIGNAL}

    assert refused == set(rules())


@pytest.mark.parametrize(("path", "fine", "value"), CASES)
def test_a_rule_says_of_an_object_what_it_is_for(path, fine, value):
    rule, *_ = rules()[path]

    assert cel.evaluate(rule["rule"], {"self": value}) is fine
    assert rule_of(rule).holds({"self": value}) is fine  # the pocket's own says the same


@pytest.mark.parametrize(("fine", "before", "change"), TURNS)
def test_a_signal_does_not_change(fine, before, change):
    rule, *_ = rules()[SIGNAL]
    values = {"self": {**before, **change}, "oldSelf": before}

    assert cel.evaluate(rule["rule"], values) is fine
    assert rule_of(rule).holds(values) is fine


@pytest.mark.parametrize("path", rules())
def test_a_rule_is_cheap_for_a_server(path):
    rule, schema, times = rules()[path]
    loops = len(EACH.findall(rule["rule"]))

    assert loops <= 1, "a loop in a loop grows with the square of what a person writes"
    # Each letter of a rule counts as more than what it makes a server do; the most that the lists may hold.
    assert times * (schema.get("maxItems", 1) if loops else 1) * len(rule["rule"]) < MOST / 10


def test_a_rule_says_in_words_what_is_wrong():
    assert [path for path, (rule, *_) in rules().items() if not 15 < len(rule["message"]) < 100] == []


async def with_rules(kube):
    """Have our definitions with all that the server knows; skip, and be counted, when it is too old."""
    version = await kube.version()
    if version < RULES:
        pytest.skip(f"a Kubernetes that evaluates rules: this is {version[0]}.{version[1]}, they need 1.25")
    for definition in definitions(selectable=version >= SELECTABLE):
        await kube.apply(DEFINITIONS, definition, "tinyflow-tests")


@pytest.mark.parametrize(("path", "fine", "value"), CASES)
async def test_a_server_evaluates_the_rules(kube, namespace, path, fine, value):
    await with_rules(kube)
    specs = {SOURCE: (MODULES, {"source": value}), PORTS: (NODES, {"module": "m", "component": "c", "ports": value})}
    kind, spec = specs[path]
    document = {"metadata": {"name": "it", "namespace": namespace}, "spec": spec}

    assert await taken(kube, kind, document) is fine


@pytest.mark.parametrize(("fine", "before", "change"), TURNS)
async def test_a_server_lets_no_signal_change(kube, namespace, fine, before, change):
    await with_rules(kube)
    document = {"metadata": {"name": "it", "namespace": namespace}, "spec": before}
    await kube.apply(SIGNALS, document, "test")

    assert await taken(kube, SIGNALS, {**document, "spec": {**before, **change}}) is fine


async def test_a_server_finds_objects_by_a_field(kube, namespace):
    version = await kube.version()
    if version < (1, 31):
        pytest.skip(f"a Kubernetes that selects by fields: this is {version[0]}.{version[1]}, they need 1.31")
    await with_rules(kube)
    for name, module in (("sums.a", "maths"), ("sums.b", "other")):
        spec = {"module": module, "component": "c"}
        await kube.apply(NODES, {"metadata": {"name": name, "namespace": namespace}, "spec": spec}, "test")

    found = await kube._ask("GET", NODES.path(namespace), {"fieldSelector": "spec.module=maths"})

    assert [each["metadata"]["name"] for each in found["items"]] == ["sums.a"]


async def taken(kube, kind, document):
    try:
        await kube.apply(kind, document, "test")
    except Refused as error:
        if error.status != 422:
            raise
        return False
    return True
