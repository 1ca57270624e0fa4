"""Readiness tells what is waited for and what failed, from the documents of a cluster."""

from __future__ import annotations

from tinyflow_jupyter._cluster.readiness import readiness


def document(name, *conditions, generation=1, **status):
    labels = {"tinyflow.dev/flow": "numbers"}
    metadata = {"name": name, "generation": generation, "labels": labels}
    return {"metadata": metadata, "spec": {}, "status": {**status, "conditions": list(conditions)}}


def condition(kind, status, message="", observed=1):
    return {"type": kind, "status": status, "message": message, "reason": "Why", "observedGeneration": observed}


READY = condition("Ready", "True")


def test_a_flow_is_ready_when_its_modules_and_nodes_are():
    found = readiness(
        [document("maths", READY, revision="a" * 64)], [document("numbers.a", READY)], {"maths": "a" * 64}
    )

    assert found.complete
    assert (found.ready, found.total) == (2, 2)


def test_a_condition_of_an_older_generation_says_nothing():
    found = readiness([], [document("numbers.a", READY, generation=2)], {})

    assert not found.complete
    assert found.story() == "node a: nobody has said anything of it yet"


def test_a_module_that_runs_another_source_is_waited_for():
    found = readiness([document("maths", READY, revision="b" * 64)], [], {"maths": "a" * 64})

    assert found.story() == "module maths: it runs bbbbbbbbbbbb and is to run aaaaaaaaaaaa"


def test_what_will_not_become_ready_by_itself_has_failed_and_says_why():
    told = "TF-110 The component did not load. cell 3, line 2. Revision bbbb serves on."
    module = document("maths", condition("Ready", "False", told), condition("Stalled", "True", told))

    assert readiness([module], [], {"maths": "a" * 64}).failed == (f"module maths: {told}".rstrip("."),)


def test_a_node_that_its_module_refuses_has_failed_once_the_module_runs_what_it_should():
    refused = condition("Accepted", "False", "TF-118"), condition("Ready", "False", "TF-118 There is no component 'c'.")
    nodes = [document("numbers.a", *refused)]
    loading = document("maths", READY, revision="b" * 64)
    loaded = document("maths", READY, revision="a" * 64)

    assert readiness([loading], nodes, {"maths": "a" * 64}).failed == ()
    assert readiness([loaded], nodes, {"maths": "a" * 64}).failed == ("node a: TF-118 There is no component 'c'",)


def test_a_module_that_is_not_there_is_named():
    assert readiness([], [], {"maths": ""}).story() == "module maths: there is none"


def test_many_that_are_waited_for_are_counted():
    nodes = [document(f"numbers.n{number}", condition("Ready", "False", "Soon.")) for number in range(9)]

    assert readiness([], nodes, {}).story().endswith("; and 5 more")
