"""Lists: pages, selectors, versions, and the tables that kubectl draws."""

from __future__ import annotations

import pytest

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


async def filled(api, *names, **labels):
    for name in names:
        said = api.gadget(name, size=len(names))
        said["metadata"]["labels"] = {"name": name, **labels}
        made = await api.create("gadgets", said)
    return made


def names(answer):
    return [item["metadata"]["name"] for item in answer.body["items"]]


async def test_a_list_is_sorted_and_says_its_kind_and_version(api):
    made = await filled(api, "b", "c", "a")

    listed = await api.list("gadgets")

    assert (listed.body["apiVersion"], listed.body["kind"]) == ("conformance.tinyflow.dev/v1", "GadgetList")
    assert names(listed) == ["a", "b", "c"]
    assert int(listed.version) >= int(made.version)


async def test_items_of_custom_kinds_say_their_kind_and_built_in_ones_do_not(api):
    await filled(api, "a")
    await api.create("configmaps", api.map("m"))

    gadgets, maps = await api.list("gadgets"), await api.list("configmaps")

    assert gadgets.body["items"][0]["kind"] == "Gadget"
    assert "kind" not in maps.body["items"][0]


async def test_an_empty_list_is_a_list(api):
    listed = await api.list("gadgets")

    assert listed.status == 200
    assert listed.body["items"] == []
    assert int(listed.version) > 0


async def test_a_list_comes_in_pages(api):
    await filled(api, "a", "b", "c", "d", "e")

    first = await api.list("gadgets", limit="2")
    second = await api.list("gadgets", limit="2", **{"continue": first.body["metadata"]["continue"]})
    third = await api.list("gadgets", limit="2", **{"continue": second.body["metadata"]["continue"]})

    assert [names(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert [page.body["metadata"].get("remainingItemCount") for page in (first, second, third)] == [3, 1, None]
    assert not third.body["metadata"].get("continue")


async def test_pages_show_one_moment(api):
    await filled(api, "a", "b", "c", "d")

    first = await api.list("gadgets", limit="2")
    await api.delete("gadgets", "d")
    await filled(api, "bb", "z")
    second = await api.list("gadgets", limit="9", **{"continue": first.body["metadata"]["continue"]})

    assert names(second) == ["c", "d"]
    assert second.version == first.version


async def test_a_page_from_nowhere_is_refused(api):
    refused = await api.list("gadgets", limit="2", **{"continue": "nonsense"})

    assert refused.status == 400
    assert "continue key is not valid" in refused.body["message"]


async def test_a_version_still_to_come_is_waited_for_and_then_refused(api):
    listed = await api.list("gadgets")

    refused = await api.list("gadgets", resourceVersion=str(int(listed.version) + 100_000))

    assert refused.status == 504
    assert "Too large resource version" in refused.body["message"]


@pytest.mark.parametrize("version", ["0", "1"])
async def test_a_list_may_be_of_any_version_since(api, version):
    await filled(api, "a")

    assert (await api.list("gadgets", resourceVersion=version)).status == 200


async def test_a_version_that_is_none_is_refused(api):
    assert (await api.list("gadgets", resourceVersion="soon")).status in (400, 500)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("colour=red", ["a", "b"]),
        ("colour==red,size=small", ["a"]),
        ("colour!=red", ["c", "d"]),
        ("colour in (red, blue)", ["a", "b", "c"]),
        ("colour notin (red)", ["c", "d"]),
        ("colour", ["a", "b", "c"]),
        ("!colour", ["d"]),
        ("colour,size notin (small),colour!=blue", ["b"]),
        ("", ["a", "b", "c", "d"]),
    ],
)
async def test_labels_select(api, selector, found):
    await api.create("gadgets", api.gadget("a") | _labels(api, "a", colour="red", size="small"))
    await api.create("gadgets", api.gadget("b") | _labels(api, "b", colour="red", size="big"))
    await api.create("gadgets", api.gadget("c") | _labels(api, "c", colour="blue"))
    await api.create("gadgets", api.gadget("d"))

    listed = await api.list("gadgets", labelSelector=selector)

    assert names(listed) == found


@pytest.mark.parametrize("selector", ["a in", "=x", "a in (x", "a==b==c"])
async def test_a_selector_that_is_none_is_refused(api, selector):
    assert (await api.list("gadgets", labelSelector=selector)).status == 400


async def test_names_and_namespaces_select(api):
    await filled(api, "a", "b")

    named = await api.list("gadgets", fieldSelector="metadata.name=a")
    others = await api.list("gadgets", fieldSelector="metadata.name!=a")
    everywhere = await api.ask(
        "GET", api.path("gadgets", everywhere=True), fieldSelector=f"metadata.namespace={api.namespace}"
    )

    assert (names(named), names(others), names(everywhere)) == (["a"], ["b"], ["a", "b"])


async def test_other_fields_of_custom_kinds_do_not_select(api):
    refused = await api.list("gadgets", fieldSelector="spec.size=3")

    assert refused.status == 400
    assert "field label not supported: spec.size" in refused.body["message"]


async def test_events_are_selected_by_the_object_they_are_about(api):
    for name in ("a", "b"):
        about = {"kind": "Gadget", "name": name, "namespace": api.namespace, "uid": name}
        said = {"metadata": {"name": f"{name}.1"}, "involvedObject": about, "reason": "Seen", "message": "x"}
        made = await api.create("events", said)
        assert made.status == 201, made.body

    listed = await api.list("events", fieldSelector="involvedObject.name=a,involvedObject.kind=Gadget")

    assert names(listed) == ["a.1"]


async def test_a_list_spans_all_namespaces(api):
    await filled(api, "a", place=api.namespace)

    listed = await api.ask("GET", api.path("gadgets", everywhere=True), labelSelector=f"place={api.namespace}")

    assert names(listed) == ["a"]


async def test_a_table_has_the_columns_of_the_definition(api):
    await api.create("gadgets", api.gadget("a", size=7))
    status = {**api.gadget("a"), "status": {"phase": "Fine", "conditions": [{"type": "Ready", "status": "True"}]}}
    del status["spec"]
    await api.apply("gadgets", status, part="status")

    table = await api.ask("GET", api.path("gadgets"), headers=TABLE)

    assert (table.body["kind"], table.body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = table.body["columnDefinitions"]
    assert [column["name"] for column in columns] == ["Name", "Size", "Ready", "Phase", "Age"]
    assert [column["priority"] for column in columns] == [0, 0, 0, 1, 0]
    assert columns[0]["format"] == "name"
    row = table.body["rows"][0]
    assert row["cells"][:4] == ["a", 7, "True", "Fine"]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    assert row["object"]["metadata"]["name"] == "a"


async def test_a_table_may_hold_the_objects(api):
    await filled(api, "a")

    whole = await api.ask("GET", api.path("gadgets"), headers=TABLE, includeObject="Object")
    none = await api.ask("GET", api.path("gadgets"), headers=TABLE, includeObject="None")

    assert whole.body["rows"][0]["object"]["spec"] == {"size": 1}
    assert not none.body["rows"][0]["object"]


async def test_what_a_column_does_not_find_is_empty(api):
    await filled(api, "a")

    table = await api.ask("GET", api.path("gadgets", "a"), headers=TABLE)

    assert table.body["rows"][0]["cells"][2:4] in ([None, None], ["", ""])


async def test_a_table_comes_in_pages_too(api):
    await filled(api, "a", "b", "c")

    table = await api.ask("GET", api.path("gadgets"), headers=TABLE, limit="2")

    assert len(table.body["rows"]) == 2
    assert table.body["metadata"]["continue"]


async def test_what_is_not_there_is_a_status_for_tables_too(api):
    found = await api.ask("GET", api.path("gadgets", "nothing"), headers=TABLE)

    assert (found.status, found.body["kind"]) == (404, "Status")


def _labels(api, name, **labels):
    return {"metadata": {"name": name, "namespace": api.namespace, "labels": labels}}
