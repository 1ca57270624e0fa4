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
    stalled = condition("Stalled", "True", "TF-110 The component did not load. cell 3, line 2.")
    found = readiness([document("maths", condition("Ready", "False"), stalled)], [], {"maths": ""})

    assert found.failed == ("module maths: TF-110 The component did not load. cell 3, line 2",)


def test_an_old_revision_that_goes_on_serving_does_not_hide_that_the_new_one_failed():
    stalled = condition("Stalled", "True", "TF-110 It did not load.")
    found = readiness([document("maths", READY, stalled, revision="b" * 64)], [], {"maths": "a" * 64})

    assert found.failed


def test_a_module_that_is_not_there_is_named():
    assert readiness([], [], {"maths": ""}).story() == "module maths: there is none"


def test_many_that_are_waited_for_are_counted():
    nodes = [document(f"numbers.n{number}", condition("Ready", "False", "Soon.")) for number in range(9)]

    assert readiness([], nodes, {}).story().endswith("; and 5 more")
