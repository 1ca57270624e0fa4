"""Objects: what the server adds to them, when their versions move, and who loses a race."""

from __future__ import annotations

import re

import pytest


async def test_a_created_object_gets_a_uid_a_version_a_generation_and_a_time(api):
    made = await api.create("tinynodes", api.node("a"))

    assert made.status == 201
    metadata = made.body["metadata"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert int(metadata["resourceVersion"]) > 0
    assert metadata["generation"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert (made.body["apiVersion"], made.body["kind"]) == ("tinyflow.dev/v1alpha1", "TinyNode")


async def test_what_a_client_says_of_those_is_overruled(api):
    said = api.node("a")
    said["metadata"] |= {"uid": "mine", "generation": 7, "creationTimestamp": "2020-01-01T00:00:00Z", "selfLink": "/x"}

    made = await api.create("tinynodes", said)

    metadata = made.body["metadata"]
    assert metadata["uid"] != "mine"
    assert metadata["generation"] == 1
    assert metadata["creationTimestamp"] > "2020-01-01T00:00:00Z"


async def test_a_version_cannot_be_created(api):
    said = api.node("a")
    said["metadata"]["resourceVersion"] = "5"

    made = await api.create("tinynodes", said)

    assert made.status in (400, 500)
    assert made.body["message"].endswith("resourceVersion should not be set on objects to be created")


async def test_the_same_name_twice_is_a_conflict(api):
    await api.create("tinynodes", api.node("a"))

    again = await api.create("tinynodes", api.node("a"))

    assert again.status == 409
    assert again.body["reason"] == "AlreadyExists"
    assert again.body["message"] == 'tinynodes.tinyflow.dev "a" already exists'


async def test_a_name_can_be_left_to_the_server(api):
    said = api.node("")
    said["metadata"] = {"generateName": "sums.a-"}

    first, second = await api.create("tinynodes", said), await api.create("tinynodes", said)

    assert re.fullmatch(r"sums\.a-[a-z0-9]{5}", first.body["metadata"]["name"])
    assert first.body["metadata"]["name"] != second.body["metadata"]["name"]


async def test_an_object_without_any_name_is_refused(api):
    said = api.node("")
    del said["metadata"]["name"]

    made = await api.create("tinynodes", said)

    assert made.status == 422
    assert "metadata.name: Required value: name or generateName is required" in made.body["message"]


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "dot.", "a..b", "x" * 254])
async def test_a_name_that_is_no_name_is_refused(api, name):
    made = await api.create("tinynodes", api.node(name))

    assert made.status == 422
    assert f'"{name}" is invalid: metadata.name: Invalid value' in made.body["message"]


async def test_a_label_that_is_no_label_is_refused(api):
    said = api.node("a")
    said["metadata"]["labels"] = {"not a label": "x"}

    made = await api.create("tinynodes", said)

    assert made.status == 422
    assert "metadata.labels: Invalid value" in made.body["message"]


async def test_an_object_of_another_namespace_is_refused(api):
    said = api.node("a")
    said["metadata"]["namespace"] = "elsewhere"

    made = await api.create("tinynodes", said)

    assert made.status == 400
    assert "namespace of the provided object does not match the namespace sent on the request" in made.body["message"]


async def test_a_namespace_that_is_not_there_is_refused(api):
    api.namespace = "conform-nowhere"

    made = await api.create("tinynodes", api.node("a"))

    assert made.status == 404
    assert made.body["message"] == 'namespaces "conform-nowhere" not found'
    assert made.body["details"] == {"name": "conform-nowhere", "kind": "namespaces"}


async def test_an_object_of_another_kind_is_refused(api):
    said = api.node("a") | {"kind": "TinyModule"}

    made = await api.create("tinynodes", said)

    assert made.status in (400, 422)


async def test_what_is_not_there_is_said_as_kubernetes_says_it(api):
    found = await api.get("tinynodes", "nothing")

    assert found.status == 404
    assert found.body == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'tinynodes.tinyflow.dev "nothing" not found',
        "reason": "NotFound",
        "details": {"name": "nothing", "group": "tinyflow.dev", "kind": "tinynodes"},
        "code": 404,
    }


async def test_a_group_that_is_not_there_is_a_plain_404(api):
    found = await api.ask("GET", "/apis/nothing.dev/v1/things")

    assert found.status == 404


async def test_a_body_that_is_no_json_is_refused(api):
    made = await api.ask("POST", api.path("tinynodes"), b"{not json")

    assert made.status == 400
    assert made.body["reason"] == "BadRequest"


async def test_a_body_may_be_yaml(api):
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: 'yes'}\n"

    made = await api.ask("POST", api.path("configmaps"), text, content="application/yaml")

    assert made.status == 201
    assert made.body["data"] == {"x": "yes"}


async def test_a_content_nobody_knows_is_refused(api):
    made = await api.ask("POST", api.path("tinynodes"), b"hello", content="text/hello")

    assert made.status == 415
    assert made.body["reason"] == "UnsupportedMediaType"


async def test_a_change_of_the_spec_moves_version_and_generation(api):
    made = await api.create("tinynodes", api.node("a"))

    changed = await api.replace("tinynodes", made.body | {"spec": {**made.body["spec"], "component": "half"}})

    assert changed.status == 200
    assert changed.body["metadata"]["generation"] == 2
    assert int(changed.version) > int(made.version)
    assert changed.body["metadata"]["uid"] == made.body["metadata"]["uid"]


async def test_a_change_of_labels_moves_the_version_alone(api):
    made = await api.create("tinynodes", api.node("a"))

    changed = await api.merge("tinynodes", "a", {"metadata": {"labels": {"x": "y"}}})

    assert changed.body["metadata"]["generation"] == 1
    assert int(changed.version) > int(made.version)


async def test_replacing_by_the_same_moves_nothing(api):
    made = await api.create("tinynodes", api.node("a"))

    same = await api.replace("tinynodes", made.body)

    assert same.status == 200
    assert same.version == made.version


async def test_replacing_an_older_version_is_a_conflict(api):
    made = await api.create("tinynodes", api.node("a"))
    await api.merge("tinynodes", "a", {"metadata": {"labels": {"x": "y"}}})

    late = await api.replace("tinynodes", made.body | {"spec": {"module": "m", "component": "half"}})

    assert late.status == 409
    assert late.body["reason"] == "Conflict"
    assert "the object has been modified; please apply your changes to the latest version" in late.body["message"]


async def test_replacing_without_a_version_is_refused(api):
    await api.create("tinynodes", api.node("a"))

    late = await api.replace("tinynodes", api.node("a", component="half"))

    assert late.status == 422
    assert "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update" in late.body["message"]


async def test_a_configmap_may_be_replaced_without_a_version(api):
    await api.create("configmaps", api.map("a", x="1"))

    replaced = await api.replace("configmaps", api.map("a", x="2"))

    assert replaced.status == 200
    assert replaced.body["data"] == {"x": "2"}


async def test_replacing_what_is_not_there_is_not_found(api):
    said = api.node("a")
    said["metadata"]["resourceVersion"] = "1"

    assert (await api.replace("tinynodes", said)).status in (404, 409)


async def test_another_uid_is_a_conflict(api):
    made = await api.create("tinynodes", api.node("a"))
    made.body["metadata"]["uid"] = "11111111-1111-1111-1111-111111111111"

    other = await api.replace("tinynodes", made.body)

    assert other.status in (409, 422)


async def test_the_name_in_the_path_and_in_the_object_must_agree(api):
    made = await api.create("tinynodes", api.node("a"))
    made.body["metadata"]["name"] = "b"

    other = await api.ask("PUT", api.path("tinynodes", "a"), made.body)

    assert other.status == 400
    assert "the name of the object (b) does not match the name on the URL (a)" in other.body["message"]


async def test_a_dry_run_changes_nothing(api):
    made = await api.create("tinynodes", api.node("a"), dryRun="All")

    assert made.status == 201
    assert (await api.get("tinynodes", "a")).status == 404


async def test_a_status_is_not_created_and_not_replaced_with_the_object(api):
    made = await api.create("tinynodes", api.node("a") | {"status": {"observedGeneration": 1}})
    replaced = await api.replace("tinynodes", made.body | {"status": {"observedGeneration": 1}})

    assert "status" not in made.body
    assert "status" not in replaced.body


async def test_the_status_alone_is_replaced_through_its_part(api):
    made = await api.create("tinynodes", api.node("a"))
    said = made.body | {"spec": {"module": "m", "component": "half"}, "status": {"observedGeneration": 1}}

    told = await api.replace("tinynodes", said, "status")

    assert told.status == 200
    assert told.body["status"] == {"observedGeneration": 1}
    assert told.body["spec"]["component"] == "double"
    assert told.body["metadata"]["generation"] == 1
    assert int(told.version) > int(made.version)


async def test_a_status_change_leaves_labels_as_they_are(api):
    made = await api.create("tinynodes", api.node("a"))
    made.body["metadata"]["labels"] = {"x": "y"}

    told = await api.replace("tinynodes", made.body | {"status": {"observedGeneration": 1}}, "status")

    assert "labels" not in told.body["metadata"]


async def test_a_status_of_an_older_version_is_a_conflict(api):
    made = await api.create("tinynodes", api.node("a"))
    await api.merge("tinynodes", "a", {"metadata": {"labels": {"x": "y"}}})

    late = await api.replace("tinynodes", made.body | {"status": {"observedGeneration": 1}}, "status")

    assert late.status == 409


async def test_a_scale_is_read_and_written_through_its_part(api):
    await api.create("gadgets", api.gadget("a", replicas=2))

    read = await api.get("gadgets", "a", "scale")
    written = await api.merge("gadgets", "a", {"spec": {"replicas": 5}}, "scale")

    assert (read.body["kind"], read.body["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert read.body["spec"] == {"replicas": 2}
    assert written.body["spec"] == {"replicas": 5}
    found = (await api.get("gadgets", "a")).body
    assert (found["spec"]["replicas"], found["metadata"]["generation"]) == (5, 2)


async def test_a_deployment_is_scaled_like_any_kind(api):
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "module", "image": "x"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    await api.create("deployments", {"metadata": {"name": "a"}, "spec": spec})

    read = await api.get("deployments", "a", "scale")

    assert read.body["spec"].get("replicas", 0) == 0
    assert read.body["status"]["selector"] == "app=a"


async def test_a_deleted_object_is_gone_and_the_answer_says_so(api):
    made = await api.create("tinynodes", api.node("a"))

    deleted = await api.delete("tinynodes", "a")

    assert deleted.status == 200
    assert deleted.body["status"] == "Success"
    uid = made.body["metadata"]["uid"]
    assert deleted.body["details"] == {"name": "a", "group": "tinyflow.dev", "kind": "tinynodes", "uid": uid}
    assert (await api.get("tinynodes", "a")).status == 404


async def test_deleting_what_is_not_there_is_not_found(api):
    assert (await api.delete("tinynodes", "a")).status == 404


async def test_a_delete_may_insist_on_a_uid_and_a_version(api):
    made = await api.create("tinynodes", api.node("a"))

    other = await api.delete("tinynodes", "a", {"preconditions": {"uid": "other"}})
    older = await api.delete("tinynodes", "a", {"preconditions": {"resourceVersion": "1"}})
    right = await api.delete("tinynodes", "a", {"preconditions": {"uid": made.body["metadata"]["uid"]}})

    assert (other.status, older.status, right.status) == (409, 409, 200)


async def test_a_namespaces_objects_are_deleted_by_their_labels(api):
    for name, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
        said = api.node(name)
        said["metadata"]["labels"] = {"colour": colour}
        await api.create("tinynodes", said)

    deleted = await api.ask("DELETE", api.path("tinynodes"), labelSelector="colour=red")

    assert deleted.status == 200
    left = await api.list("tinynodes")
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["c"]


async def test_an_object_with_finalizers_waits_for_them(api):
    said = api.node("a")
    said["metadata"]["finalizers"] = ["tinyflow.dev/test"]
    made = await api.create("tinynodes", said)

    await api.delete("tinynodes", "a")
    waiting = await api.get("tinynodes", "a")
    await api.merge("tinynodes", "a", {"metadata": {"finalizers": None}})

    assert waiting.body["metadata"]["deletionTimestamp"]
    assert waiting.body["metadata"]["generation"] == 2
    assert int(waiting.version) > int(made.version)
    assert (await api.get("tinynodes", "a")).status == 404


async def test_an_immutable_configmap_stays_as_it_is(api):
    await api.create("configmaps", api.map("a", x="1") | {"immutable": True})

    changed = await api.merge("configmaps", "a", {"data": {"x": "2"}})
    thawed = await api.merge("configmaps", "a", {"immutable": False})
    labelled = await api.merge("configmaps", "a", {"metadata": {"labels": {"x": "y"}}})

    assert changed.status == 422
    assert "field is immutable when `immutable` is set" in changed.body["message"]
    assert (thawed.status, labelled.status) == (422, 200)


async def test_a_configmap_holds_a_mebibyte_and_no_more(api):
    full = await api.create("configmaps", api.map("a", x="x" * 1_048_576))
    over = await api.create("configmaps", api.map("b", x="x" * 1_048_577))

    assert full.status == 201
    assert over.status == 422
    assert "Too long: must have at most 1048576 " in over.body["message"]


async def test_binary_data_of_a_configmap_has_to_be_base64(api):
    made = await api.create("configmaps", {"metadata": {"name": "a"}, "binaryData": {"x": "c291cmNl"}})
    bad = await api.create("configmaps", {"metadata": {"name": "b"}, "binaryData": {"x": "no base64!"}})

    assert made.body["binaryData"] == {"x": "c291cmNl"}
    assert bad.status == 400


async def test_a_request_of_more_than_three_mebibytes_is_refused(api):
    made = await api.create("configmaps", api.map("a", x="x" * 3_200_000))

    assert made.status == 413
    assert made.body["reason"] == "RequestEntityTooLarge"


async def test_more_annotations_than_a_quarter_mebibyte_are_refused(api):
    said = api.node("a")
    said["metadata"]["annotations"] = {"x": "x" * 262_144}

    made = await api.create("tinynodes", said)

    assert made.status == 422
    assert "metadata.annotations: Too long: must have at most 262144 " in made.body["message"]
