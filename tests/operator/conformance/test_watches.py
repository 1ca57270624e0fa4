"""Watches: every change once and in order, from a version on, for as long as was asked."""

from __future__ import annotations

import asyncio
import time

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def told(events):
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


async def test_a_watch_tells_what_happens_after_its_version(api):
    await api.create("gadgets", api.gadget("before"))
    listed = await api.list("gadgets")
    await api.create("gadgets", api.gadget("a"))
    await api.merge("gadgets", "a", {"spec": {"size": 9}})
    await api.delete("gadgets", "a")

    events = await api.watch("gadgets", resourceVersion=listed.version, most=3)

    assert told(events) == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions))
    assert events[1]["object"]["spec"] == {"size": 9}
    assert events[2]["object"]["spec"] == {"size": 9}


async def test_a_watch_hears_what_happens_while_it_waits(api):
    listed = await api.list("gadgets")
    waiting = asyncio.create_task(api.watch("gadgets", resourceVersion=listed.version, most=1))

    await api.create("gadgets", api.gadget("a"))

    assert told(await waiting) == [("ADDED", "a")]


async def test_a_watch_without_a_version_begins_with_what_is_there(api):
    await api.create("gadgets", api.gadget("a"))
    await api.create("gadgets", api.gadget("b"))

    events = await api.watch("gadgets", most=2)

    assert sorted(told(events)) == [("ADDED", "a"), ("ADDED", "b")]


async def test_a_watch_from_version_nought_begins_with_what_is_there(api):
    await api.create("gadgets", api.gadget("a"))

    events = await api.watch("gadgets", resourceVersion="0", most=1)

    assert told(events) == [("ADDED", "a")]


async def test_a_watch_ends_when_its_time_is_up(api):
    listed = await api.list("gadgets")
    began = time.monotonic()

    events = await api.watch("gadgets", resourceVersion=listed.version, timeoutSeconds="1")

    assert events == []
    assert 0.5 < time.monotonic() - began < 4


async def test_a_write_that_changes_nothing_is_no_event(api):
    await api.create("gadgets", api.gadget("a", size=1))
    listed = await api.list("gadgets")
    await api.merge("gadgets", "a", {"spec": {"size": 1}})
    await api.create("gadgets", api.gadget("b"))

    assert told(await api.watch("gadgets", resourceVersion=listed.version, most=1)) == [("ADDED", "b")]


async def test_a_status_is_an_event_too(api):
    await api.create("gadgets", api.gadget("a"))
    listed = await api.list("gadgets")
    await api.merge("gadgets", "a", {"status": {"phase": "Fine"}}, "status")

    events = await api.watch("gadgets", resourceVersion=listed.version, most=1)

    assert told(events) == [("MODIFIED", "a")]
    assert events[0]["object"]["status"] == {"phase": "Fine"}


async def test_a_watch_tells_of_its_namespace_alone(api):
    listed = await api.list("gadgets")
    place, api.namespace = api.namespace, "default"
    await api.create("gadgets", api.gadget(place))
    await api.delete("gadgets", place)
    api.namespace = place
    await api.create("gadgets", api.gadget("a"))

    assert told(await api.watch("gadgets", resourceVersion=listed.version, most=1)) == [("ADDED", "a")]


async def test_for_a_watch_of_labels_an_object_comes_and_goes_with_them(api):
    said = api.gadget("a")
    listed = await api.list("gadgets")
    await api.create("gadgets", said)
    await api.merge("gadgets", "a", {"metadata": {"labels": {"colour": "red"}}})
    await api.merge("gadgets", "a", {"spec": {"size": 9}})
    await api.merge("gadgets", "a", {"metadata": {"labels": {"colour": "blue"}}})
    await api.merge("gadgets", "a", {"metadata": {"labels": {"colour": "red"}}})
    await api.delete("gadgets", "a")

    events = await api.watch("gadgets", resourceVersion=listed.version, labelSelector="colour=red", most=5)

    assert [kind for kind, _ in told(events)] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]


async def test_what_left_a_watch_of_labels_is_told_as_it_was_with_the_version_of_now(api):
    await api.create("gadgets", api.gadget("a"))
    await api.merge("gadgets", "a", {"metadata": {"labels": {"colour": "red"}}})
    listed = await api.list("gadgets")
    left = await api.merge("gadgets", "a", {"metadata": {"labels": {"colour": "blue"}}})

    events = await api.watch("gadgets", resourceVersion=listed.version, labelSelector="colour=red", most=1)

    assert events[0]["type"] == "DELETED"
    assert events[0]["object"]["metadata"]["labels"] == {"colour": "red"}
    assert events[0]["object"]["metadata"]["resourceVersion"] == left.version


async def test_a_watch_of_a_name_tells_of_that_one(api):
    listed = await api.list("gadgets")
    await api.create("gadgets", api.gadget("a"))
    await api.create("gadgets", api.gadget("b"))

    events = await api.watch("gadgets", resourceVersion=listed.version, fieldSelector="metadata.name=b", most=1)

    assert told(events) == [("ADDED", "b")]


async def test_a_bookmark_says_how_far_a_quiet_watch_has_come(api):
    listed = await api.list("gadgets")

    events = await api.watch("gadgets", resourceVersion=listed.version, timeoutSeconds="3", allowWatchBookmarks="true")

    bookmarks = [event["object"] for event in events if event["type"] == "BOOKMARK"]
    if not bookmarks:  # a server may send none in so short a time; ours does
        assert api.name != "pocket"
        return
    assert (bookmarks[0]["kind"], bookmarks[0]["apiVersion"]) == ("Gadget", "conformance.tinyflow.dev/v1")
    assert int(bookmarks[0]["metadata"]["resourceVersion"]) >= int(listed.version)


async def test_nobody_gets_a_bookmark_who_did_not_ask(api):
    listed = await api.list("gadgets")

    assert await api.watch("gadgets", resourceVersion=listed.version, timeoutSeconds="2") == []


async def test_a_watch_from_before_the_servers_memory_is_gone(api):
    events = await api.watch("gadgets", resourceVersion="1")

    refused = events[0]["object"]
    assert (events[0]["type"], refused["kind"], refused["code"]) in (
        ("ERROR", "Status", 410),
        ("REFUSED", "Status", 410),
    )
    assert refused["reason"] in ("Expired", "Gone")
    assert "too old resource version" in refused["message"]


async def test_a_watch_of_a_kind_that_is_not_there_is_a_404(api):
    assert (await api.ask("GET", "/apis/conformance.tinyflow.dev/v1/nothings", watch="1")).status == 404


async def test_a_watch_may_tell_tables(api):
    listed = await api.list("gadgets")
    await api.create("gadgets", api.gadget("a", size=7))
    await api.create("gadgets", api.gadget("b", size=8))

    events = await api.watch("gadgets", headers=TABLE, resourceVersion=listed.version, most=2)

    assert [event["object"]["kind"] for event in events] == ["Table", "Table"]
    assert events[0]["object"]["rows"][0]["cells"][:2] == ["a", 7]
    assert [column["name"] for column in events[0]["object"]["columnDefinitions"]][:2] == ["Name", "Size"]


async def test_everything_that_happened_is_told_in_order(api):
    listed = await api.list("gadgets")
    for number in range(30):
        await api.apply("gadgets", api.gadget(f"g{number % 7}", size=number))
        if number % 5 == 4:
            await api.delete("gadgets", f"g{number % 7}")

    state = {item["metadata"]["name"]: item for item in listed.body["items"]}
    for event in await api.watch("gadgets", resourceVersion=listed.version, most=36):
        event["object"]["metadata"].pop("managedFields", None)
        if event["type"] == "DELETED":
            del state[event["object"]["metadata"]["name"]]
        else:
            state[event["object"]["metadata"]["name"]] = event["object"]

    now = (await api.list("gadgets")).body["items"]
    for item in now:
        item["metadata"].pop("managedFields", None)
    assert sorted(state.values(), key=lambda item: item["metadata"]["name"]) == now


async def test_a_gone_namespaces_objects_are_told_as_deleted(api, collector):
    made = await api.create("gadgets", api.gadget("a"))
    await api.delete("namespaces", api.namespace)

    events = await api.watch(
        "gadgets", resourceVersion=made.version, timeoutSeconds="15", until=lambda event: event["type"] == "DELETED"
    )

    assert told(events)[-1] == ("DELETED", "a")
