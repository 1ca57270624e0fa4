"""Owners: what goes with them, what stays, and what a namespace takes along."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("collector")


def owned(document, *owners, blocking=False):
    document["metadata"]["ownerReferences"] = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            **({"blockOwnerDeletion": True} if blocking else {}),
        }
        for owner in owners
    ]
    return document


async def test_what_is_owned_goes_with_its_owner(api):
    owner = (await api.create("gadgets", api.gadget("owner"))).body
    await api.create("configmaps", owned(api.map("child"), owner))

    await api.delete("gadgets", "owner")

    await api.gone("configmaps", "child")


async def test_what_is_owned_by_what_is_owned_goes_too(api):
    owner = (await api.create("gadgets", api.gadget("owner"))).body
    child = (await api.create("gadgets", owned(api.gadget("child"), owner))).body
    await api.create("configmaps", owned(api.map("grandchild"), child))

    await api.delete("gadgets", "owner")

    await api.gone("configmaps", "grandchild")
    await api.gone("gadgets", "child")


async def test_a_sibling_stays(api):
    owner, other = [(await api.create("gadgets", api.gadget(name))).body for name in ("owner", "other")]
    await api.create("configmaps", owned(api.map("child"), owner))
    await api.create("configmaps", owned(api.map("sibling"), other))
    await api.create("configmaps", api.map("stranger"))

    await api.delete("gadgets", "owner")
    await api.gone("configmaps", "child")

    assert (await api.get("configmaps", "sibling")).status == 200
    assert (await api.get("configmaps", "stranger")).status == 200


async def test_what_has_another_owner_stays_and_forgets_the_dead_one(api):
    one, two = [(await api.create("gadgets", api.gadget(name))).body for name in ("one", "two")]
    await api.create("configmaps", owned(api.map("child"), one, two))
    await api.create("configmaps", owned(api.map("witness"), one))

    await api.delete("gadgets", "one")
    await api.gone("configmaps", "witness")

    events = await api.watch(
        "configmaps",
        fieldSelector="metadata.name=child",
        until=lambda event: len(event["object"]["metadata"]["ownerReferences"]) == 1,
    )
    assert events[-1]["object"]["metadata"]["ownerReferences"][0]["name"] == "two"


async def test_a_name_made_again_is_another_owner(api):
    owner = (await api.create("gadgets", api.gadget("owner"))).body
    await api.create("configmaps", owned(api.map("child"), owner))

    await api.delete("gadgets", "owner")
    await api.create("gadgets", api.gadget("owner"))

    await api.gone("configmaps", "child")
    assert (await api.get("gadgets", "owner")).status == 200


async def test_what_is_made_for_an_owner_that_is_gone_is_collected(api):
    owner = (await api.create("gadgets", api.gadget("owner"))).body
    await api.delete("gadgets", "owner")

    await api.create("configmaps", owned(api.map("child"), owner))

    await api.gone("configmaps", "child")


async def test_orphans_stay_when_that_is_asked(api):
    owner = (await api.create("gadgets", api.gadget("owner"))).body
    await api.create("configmaps", owned(api.map("child"), owner))

    await api.delete("gadgets", "owner", {"propagationPolicy": "Orphan"})
    await api.gone("gadgets", "owner")

    child = (await api.get("configmaps", "child")).body
    assert "ownerReferences" not in child["metadata"]


async def test_a_foreground_delete_takes_the_children_first(api):
    owner = (await api.create("gadgets", api.gadget("owner"))).body
    child = owned(api.map("child"), owner, blocking=True)
    child["metadata"]["finalizers"] = ["tinyflow.dev/test"]
    await api.create("configmaps", child)

    await api.delete("gadgets", "owner", {"propagationPolicy": "Foreground"})
    waiting = await api.get("gadgets", "owner")
    events = await api.watch(
        "configmaps",
        fieldSelector="metadata.name=child",
        until=lambda event: "deletionTimestamp" in event["object"]["metadata"],
    )
    still = await api.get("gadgets", "owner")
    await api.merge("configmaps", "child", {"metadata": {"finalizers": None}})

    assert waiting.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert "deletionTimestamp" in events[-1]["object"]["metadata"]
    assert still.status == 200
    await api.gone("gadgets", "owner")


async def test_what_a_namespace_holds_goes_with_it(api):
    await api.create("gadgets", api.gadget("a"))
    await api.create("configmaps", api.map("a"))

    deleted = await api.delete("namespaces", api.namespace)

    assert deleted.status == 200
    await api.gone("namespaces", api.namespace)
    assert (await api.get("configmaps", "a")).status == 404


async def test_a_namespace_that_is_going_takes_nothing_new(api):
    held = api.map("held")
    held["metadata"]["finalizers"] = ["tinyflow.dev/test"]
    await api.create("configmaps", held)

    await api.delete("namespaces", api.namespace)
    found = await api.get("namespaces", api.namespace)
    refused = await api.create("configmaps", api.map("late"))
    await api.merge("configmaps", "held", {"metadata": {"finalizers": None}})

    assert found.body["status"]["phase"] == "Terminating"
    assert refused.status == 403
    assert "because it is being terminated" in refused.body["message"]
    said = f"namespace {api.namespace} is being terminated"
    cause = {"reason": "NamespaceTerminating", "message": said, "field": "metadata.namespace"}
    assert cause in refused.body["details"]["causes"]
    await api.gone("namespaces", api.namespace)


async def test_a_new_namespace_is_active(api):
    found = await api.get("namespaces", api.namespace)

    assert found.body["status"] == {"phase": "Active"}
    assert found.body["spec"] == {"finalizers": ["kubernetes"]}
    if not api.differs(21, "a namespace has no label of its name"):
        assert found.body["metadata"]["labels"] == {"kubernetes.io/metadata.name": api.namespace}
