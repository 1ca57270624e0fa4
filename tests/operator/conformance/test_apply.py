"""Server-side apply: who owns which field, who may change it, and what goes when nobody applies it any more."""

from __future__ import annotations

import asyncio


def owners(body):
    """``{(manager, operation, subresource): fieldsV1}``."""
    return {
        (entry["manager"], entry["operation"], entry.get("subresource", "")): entry["fieldsV1"]
        for entry in body["metadata"].get("managedFields", [])
    }


async def test_applying_makes_what_is_not_there(api):
    made = await api.apply("gadgets", api.gadget("a", colour="red"))

    assert made.status == 201
    assert made.body["spec"]["colour"] == "red"
    assert made.body["metadata"]["generation"] == 1


async def test_the_fields_applied_are_the_managers(api):
    said = api.gadget(
        "a", colour="red", nested={"a": "1"}, tags=["x"], plain=["p"], parts=[{"id": "one", "label": "l"}]
    )
    said["metadata"]["labels"] = {"app": "it"}

    made = await api.apply("gadgets", said, "me")

    assert owners(made.body) == {
        ("me", "Apply", ""): {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {
                "f:colour": {},
                "f:nested": {"f:a": {}},
                "f:tags": {'v:"x"': {}},
                "f:plain": {},
                "f:parts": {'k:{"id":"one"}': {".": {}, "f:id": {}, "f:label": {}}},
            },
        }
    }
    entry = made.body["metadata"]["managedFields"][0]
    assert (entry["apiVersion"], entry["fieldsType"]) == ("conformance.tinyflow.dev/v1", "FieldsV1")
    assert entry["time"]


async def test_the_fields_created_are_the_managers_and_so_are_the_maps_around_them(api):
    said = api.gadget("a", size=4, nested={"a": "1"}, tags=["x"], parts=[{"id": "one"}])
    said["metadata"]["labels"] = {"app": "it"}

    made = await api.create("gadgets", said, fieldManager="me")

    assert owners(made.body) == {
        ("me", "Update", ""): {
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {
                ".": {},
                "f:size": {},
                "f:nested": {".": {}, "f:a": {}},
                "f:tags": {".": {}, 'v:"x"': {}},
                "f:parts": {".": {}, 'k:{"id":"one"}': {".": {}, "f:id": {}, "f:weight": {}}},
            },
        }
    }


async def test_a_manager_is_the_client_when_none_is_named(api):
    made = await api.ask(
        "POST", api.path("gadgets"), api.gadget("a", size=1), headers={"User-Agent": "some-client/1.2 (linux)"}
    )

    assert [manager for manager, _, _ in owners(made.body)] == ["some-client"]


async def test_applying_without_a_manager_is_refused(api):
    path = api.path("gadgets", "a")

    refused = await api.ask("PATCH", path, api.gadget("a"), content="application/apply-patch+yaml")

    assert refused.status == 422
    assert "fieldManager: Required value: is required for apply patch" in refused.body["message"]


async def test_applying_the_same_again_moves_nothing(api):
    said = api.gadget("a", colour="red", parts=[{"id": "one"}], tags=["x", "y"])
    first = await api.apply("gadgets", said)

    again = await api.apply("gadgets", said)

    assert again.status == 200
    assert again.body == first.body


async def test_a_field_no_longer_applied_goes(api):
    await api.apply("gadgets", api.gadget("a", colour="red", code="x", nested={"a": "1", "b": "2"}))

    changed = await api.apply("gadgets", api.gadget("a", colour="red", nested={"a": "1"}))

    assert changed.body["spec"] == {"colour": "red", "nested": {"a": "1"}, "size": 3}
    assert changed.body["metadata"]["generation"] == 2


async def test_a_map_no_longer_applied_goes_with_all_in_it(api):
    await api.apply("gadgets", api.gadget("a", colour="red", nested={"a": "1", "b": "2"}, texts={"x": "1"}))

    changed = await api.apply("gadgets", api.gadget("a", colour="red"))

    if api.differs(22, "a map or list whose last field is no longer applied becomes null, which the schema refuses"):
        assert changed.status == 422
        return
    assert changed.body["spec"] == {"colour": "red", "size": 3}


async def test_a_list_applied_empty_is_empty(api):
    await api.apply("gadgets", api.gadget("a", parts=[{"id": "one"}], tags=["x"], nested={"a": "1"}))

    changed = await api.apply("gadgets", api.gadget("a", parts=[], tags=[], nested={}))

    if api.differs(22, "a list applied empty becomes null, which the schema refuses"):
        assert changed.status == 422
        return
    assert changed.body["spec"] == {"parts": [], "tags": [], "nested": {}, "size": 3}
    assert owners(changed.body)["a", "Apply", ""] == {"f:spec": {"f:parts": {}, "f:tags": {}, "f:nested": {}}}


async def test_a_field_that_somebody_else_applies_too_stays(api):
    await api.apply("gadgets", api.gadget("a", colour="red", code="x"), "me")
    await api.apply("gadgets", api.gadget("a", code="x"), "you")

    changed = await api.apply("gadgets", api.gadget("a", colour="red"), "me")

    assert changed.body["spec"]["code"] == "x"
    assert owners(changed.body)["you", "Apply", ""] == {"f:spec": {"f:code": {}}}


async def test_a_field_nobody_applied_stays(api):
    await api.create("gadgets", api.gadget("a", code="x"), fieldManager="maker")
    await api.apply("gadgets", api.gadget("a", colour="red"), "me")

    changed = await api.apply("gadgets", api.gadget("a", colour="blue"), "me")

    assert changed.body["spec"] == {"code": "x", "colour": "blue", "size": 3}


async def test_another_managers_field_is_a_conflict_that_names_both(api):
    await api.apply("gadgets", api.gadget("a", colour="red"), "me")

    refused = await api.apply("gadgets", api.gadget("a", colour="blue"), "you")

    assert refused.status == 409
    assert refused.body["reason"] == "Conflict"
    assert 'Apply failed with 1 conflict: conflict with "me": .spec.colour' in refused.body["message"]
    assert refused.body["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "me"', "field": ".spec.colour"}
    ]


async def test_a_conflict_in_a_list_is_named_by_its_key(api):
    await api.apply("gadgets", api.gadget("a", parts=[{"id": "one", "label": "x"}]), "me")

    refused = await api.apply("gadgets", api.gadget("a", parts=[{"id": "one", "label": "y"}]), "you")

    assert refused.body["details"]["causes"][0]["field"] == '.spec.parts[id="one"].label'


async def test_many_conflicts_are_counted(api):
    await api.apply("gadgets", api.gadget("a", colour="red", code="x"), "me")

    refused = await api.apply("gadgets", api.gadget("a", colour="blue", code="y"), "you")

    assert (
        'Apply failed with 2 conflicts: conflicts with "me":\n- .spec.code\n- .spec.colour' in refused.body["message"]
    )


async def test_force_takes_the_field(api):
    await api.apply("gadgets", api.gadget("a", colour="red", code="x"), "me")

    taken = await api.apply("gadgets", api.gadget("a", colour="blue"), "you", force="true")

    assert taken.body["spec"]["colour"] == "blue"
    assert owners(taken.body) == {
        ("me", "Apply", ""): {"f:spec": {"f:code": {}}},
        ("you", "Apply", ""): {"f:spec": {"f:colour": {}}},
    }


async def test_the_same_value_is_owned_by_both(api):
    await api.apply("gadgets", api.gadget("a", colour="red"), "me")

    both = await api.apply("gadgets", api.gadget("a", colour="red"), "you")

    assert both.status == 200
    assert set(owners(both.body)) == {("me", "Apply", ""), ("you", "Apply", "")}


async def test_an_update_takes_the_fields_it_changes_from_whoever_applied_them(api):
    made = await api.apply("gadgets", api.gadget("a", colour="red", code="x"), "me")

    changed = await api.replace(
        "gadgets", made.body | {"spec": made.body["spec"] | {"colour": "blue"}}, fieldManager="you"
    )

    assert owners(changed.body) == {
        ("me", "Apply", ""): {"f:spec": {"f:code": {}}},
        ("you", "Update", ""): {"f:spec": {"f:colour": {}}},
    }


async def test_applying_and_updating_under_one_name_are_two_managers(api):
    await api.create("gadgets", api.gadget("a", code="x"), fieldManager="me")

    refused = await api.apply("gadgets", api.gadget("a", code="y"), "me")

    assert refused.status == 409
    assert 'conflict with "me" using conformance.tinyflow.dev/v1' in refused.body["message"]


async def test_keyed_items_of_two_managers_stand_side_by_side(api):
    await api.apply("gadgets", api.gadget("a", parts=[{"id": "one"}, {"id": "two"}]), "me")

    both = await api.apply("gadgets", api.gadget("a", parts=[{"id": "three"}]), "you")
    fewer = await api.apply("gadgets", api.gadget("a", parts=[{"id": "two"}]), "me")

    assert [part["id"] for part in both.body["spec"]["parts"]] == ["one", "two", "three"]
    assert [part["id"] for part in fewer.body["spec"]["parts"]] == ["two", "three"]


async def test_a_keyed_item_is_merged_field_by_field(api):
    await api.apply("gadgets", api.gadget("a", parts=[{"id": "one", "label": "x"}]), "me")

    both = await api.apply("gadgets", api.gadget("a", parts=[{"id": "one", "weight": 7}]), "you", force="true")

    assert both.body["spec"]["parts"] == [{"id": "one", "label": "x", "weight": 7}]


async def test_a_key_of_two_fields_takes_its_default(api):
    await api.apply("gadgets", api.gadget("a", ports=[{"port": 80, "name": "x"}]), "me")

    both = await api.apply("gadgets", api.gadget("a", ports=[{"port": 80, "protocol": "UDP"}]), "you")

    assert [(port["port"], port["protocol"]) for port in both.body["spec"]["ports"]] == [(80, "TCP"), (80, "UDP")]
    assert 'k:{"port":80,"protocol":"TCP"}' in owners(both.body)["me", "Apply", ""]["f:spec"]["f:ports"]


async def test_the_same_key_twice_is_refused(api):
    refused = await api.apply("gadgets", api.gadget("a", parts=[{"id": "one"}, {"id": "one"}]))

    assert refused.status in (422, 500)
    assert 'duplicate entries for key [id="one"]' in refused.body["message"]


async def test_sets_are_joined(api):
    await api.apply("gadgets", api.gadget("a", tags=["x", "y"]), "me")

    both = await api.apply("gadgets", api.gadget("a", tags=["z", "x"]), "you")
    fewer = await api.apply("gadgets", api.gadget("a", tags=["x"]), "me")

    assert sorted(both.body["spec"]["tags"]) == ["x", "y", "z"]
    assert sorted(fewer.body["spec"]["tags"]) == ["x", "z"]


async def test_a_plain_list_is_one_field(api):
    await api.apply("gadgets", api.gadget("a", plain=["x"]), "me")

    refused = await api.apply("gadgets", api.gadget("a", plain=["x", "y"]), "you")
    forced = await api.apply("gadgets", api.gadget("a", plain=["z"]), "you", force="true")

    assert refused.status == 409
    assert forced.body["spec"]["plain"] == ["z"]


async def test_an_atomic_map_is_one_field(api):
    await api.apply("gadgets", api.gadget("a", whole={"a": "1"}), "me")

    forced = await api.apply("gadgets", api.gadget("a", whole={"b": "2"}), "you", force="true")

    assert forced.body["spec"]["whole"] == {"b": "2"}
    assert owners(forced.body) == {("you", "Apply", ""): {"f:spec": {"f:whole": {}}}}


async def test_fields_without_a_schema_are_owned_one_by_one(api):
    made = await api.apply("gadgets", api.gadget("a", free={"x": {"y": 1}, "list": [1]}), "me")
    both = await api.apply("gadgets", api.gadget("a", free={"x": {"z": 2}}), "you")

    if api.differs(27, "fields without a schema are owned one by one at the first level only"):
        assert both.status == 409
        return
    assert owners(made.body)["me", "Apply", ""] == {"f:spec": {"f:free": {"f:x": {".": {}, "f:y": {}}, "f:list": {}}}}
    assert both.body["spec"]["free"] == {"x": {"y": 1, "z": 2}, "list": [1]}


async def test_a_field_the_schema_does_not_know_is_refused(api):
    refused = await api.apply("gadgets", api.gadget("a", unknown=1))

    assert refused.status in (400, 500)
    assert ".spec.unknown: field not declared in schema" in refused.body["message"]


async def test_a_status_is_applied_through_its_part(api):
    made = await api.apply("gadgets", api.gadget("a", colour="red"), "me")
    said = {**api.gadget("a"), "status": {"phase": "Running"}}
    del said["spec"]

    told = await api.apply("gadgets", said, "operator", part="status")

    assert told.status == 200
    assert told.body["status"] == {"phase": "Running"}
    assert told.body["metadata"]["generation"] == made.body["metadata"]["generation"]
    part = "" if api.differs(22, "managedFields say no subresource") else "status"
    assert owners(told.body)["operator", "Apply", part] == {"f:status": {"f:phase": {}}}


async def test_a_status_applied_with_the_object_is_left_out(api):
    made = await api.apply("gadgets", {**api.gadget("a", colour="red"), "status": {"phase": "Running"}}, "me")

    assert "status" not in made.body
    if not api.differs(22, "applying a status with the object claims its fields without writing them"):
        assert owners(made.body) == {("me", "Apply", ""): {"f:spec": {"f:colour": {}}}}


async def test_a_spec_applied_through_the_status_is_left_out(api):
    await api.apply("gadgets", api.gadget("a", colour="red"), "me")

    said = {**api.gadget("a", colour="blue"), "status": {"phase": "Running"}}
    told = await api.apply("gadgets", said, "operator", part="status", force="true")

    assert told.body["spec"]["colour"] == "red"
    assert told.body["metadata"]["generation"] == 1


async def test_a_status_is_not_applied_where_there_is_nothing(api):
    said = {**api.gadget("a"), "status": {"phase": "Running"}}

    assert (await api.apply("gadgets", said, part="status")).status == 404


async def test_two_managers_of_the_status_keep_their_conditions(api):
    await api.apply("gadgets", api.gadget("a", size=1))
    for manager, kind in (("one", "Ready"), ("two", "Stalled")):
        said = {**api.gadget("a"), "status": {"conditions": [{"type": kind, "status": "True"}]}}
        del said["spec"]
        told = await api.apply("gadgets", said, manager, part="status")

    assert [condition["type"] for condition in told.body["status"]["conditions"]] == ["Ready", "Stalled"]


async def test_applying_an_older_version_is_a_conflict(api):
    made = await api.apply("gadgets", api.gadget("a", colour="red"))
    await api.apply("gadgets", api.gadget("a", colour="blue"))
    said = api.gadget("a", colour="green")
    said["metadata"]["resourceVersion"] = made.version

    assert (await api.apply("gadgets", said)).status == 409


async def test_applying_to_another_name_than_the_paths_is_refused(api):
    refused = await api.ask(
        "PATCH", api.path("gadgets", "b"), api.gadget("a"), content="application/apply-patch+yaml", fieldManager="me"
    )

    assert refused.status == 400


async def test_labels_of_two_managers_stand_side_by_side(api):
    for manager in ("me", "you"):
        said = api.gadget("a")
        said["metadata"]["labels"] = {manager: "x"}
        made = await api.apply("gadgets", said, manager)

    said = api.gadget("a")
    fewer = await api.apply("gadgets", said, "me")

    assert made.body["metadata"]["labels"] == {"me": "x", "you": "x"}
    assert fewer.body["metadata"]["labels"] == {"you": "x"}


async def test_a_configmap_is_applied_key_by_key(api):
    await api.apply("configmaps", api.map("a", x="1"), "me")

    both = await api.apply("configmaps", api.map("a", y="2"), "you")

    assert both.body["data"] == {"x": "1", "y": "2"}
    assert owners(both.body)["me", "Apply", ""] == {"f:data": {"f:x": {}}}


async def test_containers_of_a_deployment_are_merged_by_name(api):
    def deployment(container):
        labels = {"app": "a"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}

    await api.apply(
        "deployments", deployment({"name": "module", "image": "x", "env": [{"name": "A", "value": "1"}]}), "me"
    )

    both = await api.apply("deployments", deployment({"name": "module", "env": [{"name": "B", "value": "2"}]}), "you")

    assert both.status == 200, both.body
    container = both.body["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], [entry["name"] for entry in container["env"]]) == ("x", ["A", "B"])


async def test_of_appliers_that_race_each_is_heard(api):
    documents = [api.gadget("a", texts={f"t{number}": "x"}) for number in range(10)]

    answers = await asyncio.gather(
        *(api.apply("gadgets", document, f"m{number}") for number, document in enumerate(documents))
    )
    for number, answer in enumerate(answers):
        if answer.status == 409:  # lost the race to be first
            await api.apply("gadgets", documents[number], f"m{number}")

    found = await api.get("gadgets", "a")
    assert sorted(found.body["spec"]["texts"]) == [f"t{number}" for number in range(10)]
