"""A plan says what a push would do and why; the documents of a cluster are data here."""

from __future__ import annotations

import copy

import pytest
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.labels import NODES_SHA256
from tinyflow_runtime.source.archive import Source

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster.difference import MISSING, difference, same
from tinyflow_jupyter._cluster.plan import LINES, Plan, compare
from tinyflow_jupyter._cluster.planning import refuse_loss, refuse_refused
from tinyflow_jupyter._cluster.resources import owned_by, resources
from tinyflow_jupyter._cluster.rights import needed
from tinyflow_jupyter._cluster.textdiff import text_difference


@tf.component
def double(x: int) -> int:
    return 2 * x


@tf.component
def above(x: float, *, limit: float = 10.0) -> float | None:
    return x if x > limit else None


@pytest.fixture
def flow():
    flow = tf.Flow("numbers")
    flow.node("double", double)
    flow.node("above", above, limit=2.5)
    flow.edge("double:out", "above:in", when="msg > 3")
    return flow


def wanted(flow, text="x = 1\n"):
    return resources(flow, {"notebook": Source("notebook", {"notebook.py": text})}, hot=True)


def stored(documents, manager="tinyflow-push"):
    """What a cluster makes of documents that were pushed: numbers, versions, who owns what."""
    held = copy.deepcopy(list(documents))
    for document in held:
        fields = {"f:spec": owned(document.get("spec", {}))} if document.get("spec") else {}
        document["metadata"] |= {"generation": 1, "resourceVersion": "7", "uid": "u", "namespace": "default"}
        document["metadata"]["managedFields"] = [{"manager": manager, "operation": "Apply", "fieldsV1": fields}]
        document["status"] = {"conditions": []}
    flow = next(one for one in held if one["kind"] == "TinyFlow")
    return [owned_by(flow, one) if one["kind"] == "TinyNode" else one for one in held]


def owned(value):
    if isinstance(value, dict):
        return {f"f:{key}": owned(part) for key, part in value.items()}
    return {}


def node(documents, name):
    return next(one for one in documents if one["metadata"]["name"] == name)


def test_everything_is_created_on_an_empty_cluster_sources_before_modules_before_nodes(flow):
    plan = compare(wanted(flow), [], cluster="pocket")

    assert [change.kind for change in plan.created] == ["ConfigMap", "TinyModule", "TinyFlow", "TinyNode", "TinyNode"]
    assert (plan.changed, plan.deleted, plan.unchanged) == ([], [], 0)
    assert "5 to create, 0 unchanged" in repr(plan)


def test_nothing_is_to_be_done_when_nothing_changed(flow):
    plan = compare(wanted(flow), stored(wanted(flow).documents), cluster="pocket")

    assert not plan
    assert plan.unchanged == 5


def test_a_node_of_an_earlier_release_goes_with_its_flow_from_the_next_push_on(flow):
    held = stored(wanted(flow).documents)
    del node(held, "numbers.double")["metadata"]["ownerReferences"]

    (change,) = compare(wanted(flow), held, cluster="pocket").changes

    assert (change.name, change.action, change.doomed) == ("double", "change", False)
    assert change.why == "goes with its flow from now on"


def test_a_node_whose_flow_was_deleted_is_made_anew_for_it_goes_any_moment(flow):
    held = [one for one in stored(wanted(flow).documents) if one["kind"] != "TinyFlow"]

    plan = compare(wanted(flow), held, cluster="pocket")

    assert [(change.name, change.doomed) for change in plan.changed] == [("double", True), ("above", True)]
    assert "made anew, for its flow was deleted" in repr(plan)
    assert {str(right) for right in needed(plan.changed)} == {
        f"{verb} tinynodes" for verb in ("create", "delete", "patch")
    }


def test_what_a_cluster_makes_of_numbers_and_nothing_is_no_change(flow):
    held = stored(wanted(flow).documents)
    node(held, "numbers.above")["spec"]["ports"][0]["settings"] = {"limit": 2.5, "note": None}
    node(held, "numbers.double")["spec"]["ports"] = []

    assert not compare(wanted(flow), held, cluster="pocket")


def test_a_setting_that_changed_is_named_with_both_its_values(flow):
    held = stored(wanted(flow).documents)
    flow.node("above", above, limit=3.0)

    plan = compare(wanted(flow), held, cluster="pocket")

    assert [(change.name, change.why) for change in plan.changed] == [
        ("numbers", "its nodes"),
        ("above", "settings.limit: 2.5 → 3.0"),
    ]
    assert plan.drift == []


def test_a_new_source_changes_the_module_and_names_both_hashes(flow):
    held = stored(wanted(flow).documents)

    plan = compare(wanted(flow, text="x = 2\n"), held, cluster="pocket")

    assert [change.kind for change in plan.created] == ["ConfigMap"]
    assert plan.changed[0].why.startswith("source")
    assert plan.unchanged == 3


def plan_of(flow, before, after):
    """The plan of a push that brings a module from one text to another."""
    texts = {"notebook": text_difference("notebook.py", before, after)}
    held = stored(wanted(flow, text=before).documents)
    return compare(wanted(flow, text=after), held, cluster="pocket", texts={n: t for n, t in texts.items() if t})


BEFORE = '"""Module notebook: a, b."""\n\nimport os\n\n\ndef a(x):\n    return x\n\n\n# Why.\ndef b(x):\n    return 2\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("return 2", "return 3", "1 line changed"),
        ("return 2", "x += 1\n    return 3", "1 line changed, 1 added"),
        ("import os\n", "import math\nimport os\n\n# --- of b\nTWO = 2\n", "3 lines added"),
        ("def a(x):\n    return x\n\n\n", "", "2 lines removed"),
        ("    return x\n", "-- x\n", "1 line changed"),
        ("# Why.\n", "", "1 line removed"),
    ],
)
def test_a_plan_counts_the_lines_that_a_person_changed(flow, old, new, said):
    plan = plan_of(flow, BEFORE, BEFORE.replace(old, new))

    line = next(line for line in repr(plan).splitlines() if "~ TinyModule" in line)
    assert line.endswith(f"({said})")
    assert line.count("source") == 1


def test_a_cell_that_was_run_again_and_so_comes_last_changes_no_more_lines_than_its_own(flow):
    head, a, b = BEFORE.replace("a, b", "b, a").strip().split("\n\n\n")
    moved = "\n\n\n".join([head, b, a.replace("return x", "return 3 * x")]) + "\n"

    plan = plan_of(flow, BEFORE, moved)
    same = plan_of(flow, BEFORE, moved.replace("3 * x", "x"))

    assert "(1 line changed)" in repr(plan)
    assert [line for line in plan.texts["notebook"].split("\n")[3:] if line[0] in "+-"] == [
        "-    return x",
        "+    return 3 * x",
    ]
    assert (bool(same.changed), same.texts) == (True, {})


def test_what_is_no_python_is_compared_line_by_line():
    assert text_difference("notes.txt", "a b\nc d", "c d\na b").count("\n+") == 2


def test_edges_and_places_are_told_in_the_words_of_a_flow(flow):
    held = stored(wanted(flow).documents)
    held[-1]["metadata"].setdefault("annotations", {})["tinyflow.dev/position"] = "1,2"
    flow.edge("double:out", "above:in", when="msg > 4", capacity=8)
    flow.node("again", double)
    flow.edge("double:out", "again:in")
    documents = wanted(flow)
    node(documents.documents, "numbers.above")["metadata"].setdefault("annotations", {})["tinyflow.dev/position"] = (
        "3,4"
    )

    changed = {change.name: change.why for change in compare(documents, held, cluster="pocket").changed}
    flow.remove("double:out", "above:in")
    without = {change.name: change.why for change in compare(wanted(flow), held, cluster="pocket").changed}

    assert changed["above"] == "place on the canvas: 1,2 → 3,4"
    assert changed["double"] == (
        "edge double:out to above:in, capacity: none → 8; edge double:out to above:in, when: msg > 3 → msg > 4; "
        "edge double:out to again:in added"
    )
    assert without["double"] == "edge double:out to above:in taken away; edge double:out to again:in added"


def test_a_node_that_left_the_flow_is_deleted(flow):
    held = stored(wanted(flow).documents)
    flow.remove("double")

    plan = compare(wanted(flow), held, cluster="pocket")

    assert [(change.name, change.why) for change in plan.deleted] == [("double", "no longer in the flow")]


def test_a_note_goes_along_and_changes_the_flow_alone(flow):
    held = stored(wanted(flow).documents)
    flow.note("why", "Because.")

    plan = compare(wanted(flow), held, cluster="pocket")

    assert [change.kind for change in plan.changed] == ["TinyFlow"]
    assert set(wanted(flow).of("TinyFlow")[0]["metadata"]["annotations"]) == {NODES_SHA256, "tinyflow.dev/notes"}


def test_what_somebody_else_set_is_drift_and_says_who(flow):
    held = stored(wanted(flow).documents)
    above_ = node(held, "numbers.above")
    above_["spec"]["ports"][0]["settings"]["limit"] = 9
    above_["metadata"]["managedFields"] = [
        {
            "manager": "kubectl-edit",
            "fieldsV1": {
                "f:spec": {"f:ports": {'k:{"name":"settings"}': {".": {}, "f:settings": {".": {}, "f:limit": {}}}}}
            },
        }
    ]

    plan = compare(wanted(flow), held, cluster="pocket")

    assert [change.why for change in plan.drift] == ["settings.limit: 9 → 2.5 (set by kubectl-edit)"]


def test_an_edge_that_somebody_added_is_taken_away_by_replacing_the_node(flow):
    held = stored(wanted(flow).documents)
    node(held, "numbers.double")["spec"]["edges"].append({"id": "x", "port": "out", "to": "above:in"})

    (change,) = compare(wanted(flow), held, cluster="pocket").changes

    assert [field.path for field in change.fields] == [("spec", "edges[x]")]
    assert change.there is not None


def test_an_annotation_of_somebody_else_is_left_alone(flow):
    held = stored(wanted(flow).documents)
    node(held, "numbers.double")["metadata"].setdefault("annotations", {})["team"] = "blue"

    assert not compare(wanted(flow), held, cluster="pocket")


def test_an_annotation_that_was_ours_and_is_no_longer_wanted_goes(flow):
    there = stored(wanted(flow).documents)[-1]
    there["metadata"].setdefault("annotations", {})["tinyflow.dev/position"] = "1,2"
    fields = {"f:metadata": {"f:annotations": {"f:tinyflow.dev/position": {}}}}
    there["metadata"]["managedFields"] = [{"manager": "tinyflow-push", "fieldsV1": fields}]

    (field,) = difference(wanted(flow).documents[-1], there)

    assert (field.before, field.after) == ("1,2", MISSING)


def test_a_large_plan_shows_its_beginning(flow):
    for number in range(30):
        flow.node(f"n{number}", double)

    text = repr(compare(wanted(flow), [], cluster="pocket"))

    assert f"… and {35 - LINES} more" in text
    assert len(text.splitlines()) == LINES + 2


def test_a_plan_is_shown_as_text_never_as_html(flow):
    held = stored(wanted(flow).documents)
    node(held, "numbers.double")["spec"]["edges"][0]["when"] = "<script>alert(1)</script>"

    html = compare(wanted(flow), held, cluster="<b>")._repr_mimebundle_()["text/html"]

    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_flow_carries_the_hash_of_its_nodes(flow):
    before = wanted(flow).of("TinyFlow")[0]["metadata"]["annotations"][NODES_SHA256]
    flow.edge("double:out", "above:in", when="msg > 4")

    assert wanted(flow).of("TinyFlow")[0]["metadata"]["annotations"][NODES_SHA256] != before


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (2.0, 2, True),
        (True, 1, False),
        (None, MISSING, True),
        ([], None, True),
        ({"a": None}, {}, True),
        ({"a": 0}, {}, False),
        ([1, 2], [1, 2.0], True),
        ([1], [1, None], False),
        ("1", 1, False),
        (0, None, False),
    ],
)
def test_two_values_are_one_where_a_cluster_makes_them_one(one, other, equal):
    assert same(one, other) is equal
    assert same(other, one) is equal


@pytest.mark.parametrize("reasons", [("a",), ("a", "b", "c")])
def test_what_keeps_a_plan_from_being_carried_out_is_said_first_and_how_much_more_there_is(reasons):
    plan = Plan("numbers", "here", [], 0, warnings=reasons)
    plan.refusals = [f"{reason}." for reason in reasons]
    more = "There are 2 more: cluster.plan(flow)."

    for refuse, code, what in (
        (refuse_loss, "TF-168", "Flow 'numbers' was not pushed: a."),
        (refuse_refused, "TF-161", "Flow 'numbers' was not pushed to here: it refuses a."),
    ):
        with pytest.raises(ClusterError) as refused:
            refuse(plan)
        assert (refused.value.code, refused.value.what) == (code, what)
        assert (more in refused.value.way_out) == (len(reasons) > 1)
        refuse(Plan("numbers", "here", [], 0))
