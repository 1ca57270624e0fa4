"""Patches: merge, JSON and strategic merge, as kubectl sends them."""

from __future__ import annotations

import pytest


async def test_a_merge_patch_changes_adds_and_removes(api):
    await api.create("gadgets", api.gadget("a", colour="red", code="x", nested={"a": "1"}))

    changed = await api.merge("gadgets", "a", {"spec": {"colour": "blue", "code": None, "nested": {"b": "2"}}})

    assert changed.status == 200
    assert changed.body["spec"] == {"colour": "blue", "nested": {"a": "1", "b": "2"}, "size": 3}


async def test_a_merge_patch_replaces_lists_whole(api):
    await api.create("gadgets", api.gadget("a", parts=[{"id": "one"}, {"id": "two"}]))

    changed = await api.merge("gadgets", "a", {"spec": {"parts": [{"id": "three"}]}})

    assert [part["id"] for part in changed.body["spec"]["parts"]] == ["three"]


async def test_a_merge_patch_that_says_nothing_new_moves_nothing(api):
    made = await api.create("gadgets", api.gadget("a", colour="red"))

    same = await api.merge("gadgets", "a", {"spec": {"colour": "red"}})

    assert same.version == made.version


async def test_a_merge_patch_may_insist_on_a_version(api):
    made = await api.create("gadgets", api.gadget("a", colour="red"))
    await api.merge("gadgets", "a", {"spec": {"colour": "blue"}})

    late = await api.merge("gadgets", "a", {"metadata": {"resourceVersion": made.version}, "spec": {"colour": "green"}})

    assert late.status == 409


async def test_a_merge_patch_of_the_status_leaves_the_spec(api):
    await api.create("gadgets", api.gadget("a", colour="red"))

    told = await api.merge("gadgets", "a", {"spec": {"colour": "blue"}, "status": {"phase": "Running"}}, "status")

    assert (told.body["spec"]["colour"], told.body["status"]) == ("red", {"phase": "Running"})


async def test_a_merge_patch_that_breaks_the_schema_is_refused(api):
    await api.create("gadgets", api.gadget("a"))

    refused = await api.merge("gadgets", "a", {"spec": {"colour": "mauve"}})

    assert refused.status == 422


async def test_a_merge_patch_of_nothing_is_not_found(api):
    assert (await api.merge("gadgets", "a", {})).status == 404


async def test_a_merge_patch_that_is_no_map_is_refused(api):
    await api.create("gadgets", api.gadget("a"))

    assert (await api.merge("gadgets", "a", [1])).status in (400, 422)


async def test_a_json_patch_follows_its_operations(api):
    await api.create("gadgets", api.gadget("a", colour="red", code="x", plain=["p", "q"], texts={"a/b": "1"}))

    changed = await api.patch(
        "gadgets",
        "a",
        [
            {"op": "test", "path": "/spec/colour", "value": "red"},
            {"op": "replace", "path": "/spec/colour", "value": "blue"},
            {"op": "remove", "path": "/spec/code"},
            {"op": "add", "path": "/spec/plain/-", "value": "r"},
            {"op": "add", "path": "/spec/plain/0", "value": "o"},
            {"op": "remove", "path": "/spec/plain/1"},
            {"op": "replace", "path": "/spec/texts/a~1b", "value": "2"},
            {"op": "copy", "from": "/spec/texts/a~1b", "path": "/spec/texts/c"},
            {"op": "move", "from": "/spec/texts/c", "path": "/spec/texts/d"},
        ],
    )

    assert changed.status == 200, changed.body
    assert changed.body["spec"] == {
        "colour": "blue",
        "size": 3,
        "plain": ["o", "q", "r"],
        "texts": {"a/b": "2", "d": "2"},
    }


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/spec/colour", "value": "blue"},
        {"op": "remove", "path": "/spec/nothing"},
        {"op": "replace", "path": "/spec/nothing/x", "value": 1},
    ],
    ids=["test", "remove", "replace"],
)
async def test_a_json_patch_that_does_not_fit_is_refused_whole(api, operation):
    made = await api.create("gadgets", api.gadget("a", colour="red"))

    refused = await api.patch("gadgets", "a", [{"op": "replace", "path": "/spec/colour", "value": "green"}, operation])

    assert refused.status == 422
    assert (await api.get("gadgets", "a")).version == made.version


async def test_a_strategic_patch_merges_lists_by_their_key(api):
    labels = {"app": "a"}
    container = {"name": "module", "image": "x", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    await api.create("deployments", {"metadata": {"name": "a"}, "spec": spec})

    env = [{"name": "C", "value": "3"}, {"name": "A", "$patch": "delete"}]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "module", "image": "y", "env": env}]}}}}
    changed = await api.patch("deployments", "a", patch, "application/strategic-merge-patch+json")

    assert changed.status == 200, changed.body
    container = changed.body["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "y"
    assert {entry["name"] for entry in container["env"]} == {"B", "C"}


async def test_custom_kinds_take_no_strategic_patch(api):
    await api.create("gadgets", api.gadget("a"))

    refused = await api.patch("gadgets", "a", {"spec": {}}, "application/strategic-merge-patch+json")

    assert refused.status == 415
