"""What the server tells of itself, and whom it lets in."""

from __future__ import annotations

import asyncio
import json

import pytest

GROUPS = {"tinyflow.dev": "v1alpha1", "apps": "v1", "apiextensions.k8s.io": "v1", "authorization.k8s.io": "v1"}


async def test_the_version_is_told(api):
    told = await api.ask("GET", "/version")

    assert told.status == 200
    assert told.body["major"] == "1"
    assert told.body["gitVersion"].startswith(f"v1.{told.body['minor'].rstrip('+')}.")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/livez"])
async def test_its_health_is_told(api, path):
    told = await api.ask("GET", path)

    assert (told.status, told.body) == (200, "ok")


async def test_the_core_versions_are_told(api):
    assert (await api.ask("GET", "/api")).body["versions"] == ["v1"]


async def test_the_groups_are_told(api):
    groups = {group["name"]: group for group in (await api.ask("GET", "/apis")).body["groups"]}

    for name, version in GROUPS.items():
        assert groups[name]["preferredVersion"] == {"groupVersion": f"{name}/{version}", "version": version}


async def test_one_group_is_told(api):
    told = await api.ask("GET", "/apis/tinyflow.dev")

    assert (told.body["kind"], told.body["name"]) == ("APIGroup", "tinyflow.dev")


async def test_the_resources_of_a_group_are_told(api):
    told = await api.ask("GET", "/apis/conformance.tinyflow.dev/v1")

    resources = {resource["name"]: resource for resource in told.body["resources"]}
    gadget = resources["gadgets"]
    assert (gadget["kind"], gadget["singularName"], gadget["namespaced"]) == ("Gadget", "gadget", True)
    assert (gadget["shortNames"], gadget["categories"]) == (["gd"], ["gadgetry"])
    assert {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} == set(gadget["verbs"])
    assert set(resources["gadgets/status"]["verbs"]) == {"get", "patch", "update"}
    assert (resources["gadgets/scale"]["kind"], resources["gadgets/scale"]["group"]) == ("Scale", "autoscaling")


async def test_the_core_resources_are_told(api):
    told = await api.ask("GET", "/api/v1")

    resources = {resource["name"]: resource for resource in told.body["resources"]}
    assert {"namespaces", "configmaps", "secrets", "services", "pods", "events"} <= set(resources)
    assert (resources["namespaces"]["namespaced"], resources["configmaps"]["shortNames"]) == (False, ["cm"])


async def test_a_new_definition_is_served_and_a_deleted_one_is_not(api):
    kinds = "customresourcedefinitions"
    definition = json.loads(json.dumps((await api.get(kinds, "gadgets.conformance.tinyflow.dev")).body))
    group = f"{api.namespace}.dev"
    definition["metadata"] = {"name": f"gadgets.{group}"}
    definition["spec"] = definition["spec"] | {"group": group, "names": {"kind": "Gadget", "plural": "gadgets"}}
    definition.pop("status")
    made = await api.create(kinds, definition)

    await _until(api, f"/apis/{group}/v1/gadgets", 200)
    await api.delete(kinds, f"gadgets.{group}")
    await _until(api, f"/apis/{group}/v1/gadgets", 404)

    assert made.status == 201
    assert made.body["spec"]["names"]["listKind"] == "GadgetList"


async def test_a_definition_says_when_it_is_established(api):
    found = await api.get("customresourcedefinitions", "gadgets.conformance.tinyflow.dev")

    conditions = {condition["type"]: condition["status"] for condition in found.body["status"]["conditions"]}
    assert conditions["Established"] == conditions["NamesAccepted"] == "True"


async def test_nobody_gets_in_without_a_login(api):
    async with api.stranger() as stranger:
        answers = [await stranger.ask("GET", api.path("gadgets")), await stranger.ask("GET", "/apis")]

    assert [answer.status for answer in answers] in ([401, 401], [403, 403])
    assert answers[0].body["kind"] == "Status"


async def test_nobody_gets_in_with_a_wrong_token(api):
    async with api.stranger() as stranger:
        answer = await stranger.ask("GET", api.path("gadgets"), headers={"Authorization": "Bearer wrong"})

    assert answer.status == 401
    assert (answer.body["reason"], answer.body["message"]) == ("Unauthorized", "Unauthorized")


async def test_one_may_ask_what_one_may(api):
    attributes = {"group": "tinyflow.dev", "resource": "tinynodes", "verb": "create", "namespace": api.namespace}
    said = {"spec": {"resourceAttributes": attributes}}

    asked = await api.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", said)

    assert asked.status == 201
    assert asked.body["status"]["allowed"] is True


async def test_a_method_nobody_knows_is_refused(api):
    refused = await api.ask("POST", api.path("configmaps", "a"), {})

    assert refused.status == 405


async def _until(api, path, status):
    async with asyncio.timeout(15):
        while True:
            if (await api.ask("GET", path)).status == status:
                return
            await asyncio.sleep(0.05)  # a real server serves it a moment later
