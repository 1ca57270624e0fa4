"""Schemas: what is filled in, what is left out, what is refused and in which words."""

from __future__ import annotations

import pytest


async def test_what_is_left_out_takes_its_default(api):
    made = await api.create("gadgets", api.gadget("a", parts=[{"id": "one"}]))

    assert made.body["spec"] == {"size": 3, "parts": [{"id": "one", "weight": 1}]}


async def test_a_default_does_not_make_the_map_around_it(api):
    said = api.gadget("a")
    del said["spec"]

    made = await api.create("gadgets", said)

    assert "spec" not in made.body


async def test_what_the_schema_does_not_know_is_left_out(api):
    made = await api.create("gadgets", api.gadget("a", unknown=1, nested={"a": "1", "unknown": 2}) | {"stray": 1})

    assert made.status == 201
    assert made.body["spec"] == {"size": 3, "nested": {"a": "1"}}
    assert "stray" not in made.body


async def test_what_the_schema_does_not_know_is_refused_when_strict(api):
    made = await api.create("gadgets", api.gadget("a", unknown=1), fieldValidation="Strict")

    if api.differs(25, "fieldValidation is ignored, unknown fields are left out"):
        assert made.status == 201
        return
    assert made.status == 400
    assert 'strict decoding error: unknown field "spec.unknown"' in made.body["message"]


async def test_what_the_schema_does_not_know_is_warned_of_when_asked(api):
    made = await api.create("gadgets", api.gadget("a", unknown=1), fieldValidation="Warn")

    assert made.status == 201
    if not api.differs(25, "fieldValidation is ignored, nothing warns of unknown fields"):
        assert made.headers["Warning"] == '299 - "unknown field \\"spec.unknown\\""'


async def test_what_may_be_anything_is_kept(api):
    free = {"x": {"y": [1, 2.5, None, True, "z", {}]}, "": 0}

    made = await api.create("gadgets", api.gadget("a", free=free))

    assert made.body["spec"]["free"] == free


async def test_whole_numbers_stay_whole(api):
    free = {"whole": 2**53 - 1, "broken": 1.5}

    made = await api.create("gadgets", api.gadget("a", free=free, share=0))

    assert made.body["spec"]["free"] == free
    assert repr(made.body["spec"]["share"]) == "0"


async def test_a_null_is_kept_only_where_it_may_be(api):
    made = await api.create("gadgets", api.gadget("a", maybe=None, size=None))

    assert made.status == 201
    assert made.body["spec"] == {"maybe": None, "size": 3}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"size": "big"}, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'),
        ({"size": 101}, "spec.size in body should be less than or equal to 100"),
        ({"size": -1}, "spec.size in body should be greater than or equal to 0"),
        ({"share": 1}, "spec.share in body should be less than 1"),
        ({"colour": "mauve"}, 'spec.colour: Unsupported value: "mauve": supported values: "red", "green", "blue"'),
        ({"code": "toolongtext"}, "may not be longer than 8"),
        ({"code": "UP"}, "spec.code in body should match '^[a-z]*$'"),
        ({"tags": ["a", "b", "c", "d", "e"]}, "must have at most 4 items"),
        ({"tags": ["a", "a"]}, 'spec.tags[1]: Duplicate value: "a"'),
        ({"parts": [{"label": "x"}]}, "spec.parts[0].id: Required value"),
        ({"parts": [{"id": "a"}, {"id": "a"}]}, 'spec.parts[1]: Duplicate value: map[string]interface {}{"id":"a"}'),
        ({"plain": "text"}, "spec.plain in body must be of type array"),
        ({"nested": []}, "spec.nested in body must be of type object"),
        ({"texts": {"x": 1}}, "spec.texts.x in body must be of type string"),
    ],
)
async def test_what_breaks_the_schema_is_refused_and_named(api, spec, said):
    refused = await api.create("gadgets", api.gadget("a", **spec))

    assert refused.status == 422
    assert refused.body["reason"] == "Invalid"
    shorter = refused.body["message"].replace("conformance.tinyflow.dev", "")
    assert 'Gadget. "a" is invalid' in shorter
    wanted = said
    if api.differs(26, "other words for maxLength and maxItems, no place in a list for what is missing"):
        wanted = {
            "may not be longer than 8": "spec.code in body should be at most 8 chars long",
            "must have at most 4 items": "spec.tags in body should have at most 4 items",
            "spec.parts[0].id: Required value": "spec.parts.id: Required value",
        }.get(said, said)
    assert wanted in refused.body["message"]


async def test_every_trouble_is_told_at_once(api):
    refused = await api.create("gadgets", api.gadget("a", size=101, colour="mauve"))

    fields = {cause["field"] for cause in refused.body["details"]["causes"]}
    assert fields == {"spec.size", "spec.colour"}
    assert refused.body["details"]["kind"] == "Gadget"


async def test_a_node_says_which_field_is_missing(api):
    said = api.node("a")
    del said["spec"]["component"]

    refused = await api.create("tinynodes", said)

    assert refused.status == 422
    assert refused.body["message"] == 'TinyNode.tinyflow.dev "a" is invalid: spec.component: Required value'


async def test_a_deployment_without_containers_is_refused(api):
    labels = {"app": "a"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {}}}

    refused = await api.create("deployments", {"metadata": {"name": "a"}, "spec": spec})

    assert refused.status == 422
    assert "spec.template.spec.containers: Required value" in refused.body["message"]


async def test_a_deployment_whose_pods_it_would_not_know_is_refused(api):
    template = {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": [{"name": "m", "image": "x"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "a"}}, "template": template}

    refused = await api.create("deployments", {"metadata": {"name": "a"}, "spec": spec})

    assert refused.status == 422
    assert "`selector` does not match template `labels`" in refused.body["message"]


async def test_a_secret_takes_texts_and_keeps_bytes(api):
    made = await api.create("secrets", {"metadata": {"name": "a"}, "stringData": {"x": "hello"}})

    assert made.body["data"] == {"x": "aGVsbG8="}
    assert made.body["type"] == "Opaque"
    assert "stringData" not in made.body


RULES = "rules in CEL are dropped from the schema, and what breaks them is taken"


async def test_a_rule_of_the_schema_is_held(api):
    source = {"sha256": "0" * 64, "inline": "x", "configMapRef": {"name": "x"}}
    head = {"apiVersion": "tinyflow.dev/v1alpha1", "kind": "TinyModule", "metadata": {"name": "a"}}

    refused = await api.create("tinymodules", {**head, "spec": {"source": source}})

    if api.differs(29, RULES):
        assert refused.status == 201
        return
    assert refused.status == 422
    assert "spec.source: Invalid value" in refused.body["message"]
    assert "exactly one of inline or configMapRef must be set" in refused.body["message"]


async def test_a_rule_about_changes_is_held(api):
    head = {"apiVersion": "tinyflow.dev/v1alpha1", "kind": "TinySignal", "metadata": {"name": "a"}}
    await api.create("tinysignals", {**head, "spec": {"flow": "f", "to": "a:in", "payload": 1}})

    same = await api.merge("tinysignals", "a", {"metadata": {"labels": {"x": "y"}}})
    refused = await api.merge("tinysignals", "a", {"spec": {"payload": True}})

    assert same.status == 200
    if not api.differs(29, RULES):
        assert refused.status == 422
        assert "a signal does not change" in refused.body["message"]
