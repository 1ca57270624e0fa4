from __future__ import annotations

import pytest
from tinyflow_operator.crds import definitions
from tinyflow_operator.pocket.rules import rule_of
from tinyflow_operator.pocket.store import Store

SELF = {"a": 1, "b": "text", "items": [{"x": 1}, {"x": 2}, {"y": 3}], "flag": True, "nothing": None}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("has(self.a)", True),
        ("has(self.z)", False),
        ("!has(self.z)", True),
        ("has(self.a) != has(self.z)", True),
        ("!has(self.a) == has(self.z)", True),
        ("has(self.a) && has(self.z) || self.a == 1", True),
        ("self.a <= 1 && self.a > 0", True),
        ("self.a == -1", False),
        ("self.flag == 1", False),
        ("self.flag == true", True),
        ("self.nothing == null", True),
        ("size(self.items) == 3", True),
        ("self.items.filter(one, has(one.x)).size() <= 1", False),
        ("self.items.filter(one, has(one.x)).size() == 2", True),
        ("self.items.all(one, has(one.x))", False),
        ("self.items.exists(one, has(one.y) && one.y == 3)", True),
        ("self.items.exists_one(one, has(one.y))", True),
        ("self.items[1].x == 2", True),
        ("self.b in ['text', 'other']", True),
        ("self.b.startsWith('te') && self.b.matches('^[a-z]+$')", True),
        ("self.b == 'a && b!'", False),
        ("self == oldSelf", True),
        ("self.z == 1", False),
    ],
)
def test_a_rule_holds_or_not(rule, holds):
    assert rule_of({"rule": rule}).holds({"self": SELF, "oldSelf": SELF}) is holds


@pytest.mark.parametrize(
    "rule", ["self.a ? true : false", "self.a + 1 == 2", "self.map(x, x)", "__import__('os')", "a b"]
)
def test_what_is_not_understood_is_not_evaluated(rule):
    assert rule_of({"rule": rule}).holds is None


def test_every_rule_of_our_definitions_is_understood():
    assert Store(definitions()).unchecked == []
