"""Notes on the canvas: they belong to the flow, travel with its documents, and are bounded."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyflow_runtime.definition.notes import LARGEST, LONGEST, MOST, Note
from tinyflow_runtime.errors import TinyFlowError

import tinyflow_jupyter as tf


def test_a_note_is_kept_with_the_flow_and_in_its_documents():
    flow = tf.Flow("noted")

    flow.note("intro", "What this does:\nit doubles.", position=(10, 20.5), size=(200, 80), nodes=["a", "b"])
    flow.note("bare", "…")

    assert list(flow.notes.values()) == [
        Note("intro", "What this does:\nit doubles.", (10, 20.5), (200, 80), ("a", "b")),
        Note("bare", "…"),
    ]
    assert flow.to_yaml() == (
        "apiVersion: tinyflow.dev/v1alpha1\nkind: TinyFlow\nmetadata:\n  name: noted\n  annotations:\n"
        "    tinyflow.dev/notes: |-\n      [\n"
        '        {"name": "intro", "text": "What this does:\\nit doubles.", "at": [10, 20.5], "size": [200, 80],'
        ' "nodes": ["a", "b"]},\n'
        '        {"name": "bare", "text": "…"}\n      ]\nspec: {}\n'
    )
    assert tf.Flow.from_yaml(flow.to_yaml()).notes == flow.notes


def test_a_flow_without_notes_is_written_as_ever():
    flow = tf.Flow("silent")
    flow.note("a", "x")

    flow.note("a", None)
    flow.note("never", None)

    assert "annotations" not in flow.to_yaml()


def test_another_text_leaves_a_note_where_it_is():
    flow = tf.Flow("noted")
    flow.note("a", "one", position=(1, 2), size=(3, 4))

    before = flow.revision
    made = flow.note("a", "two")

    assert made == Note("a", "two", (1, 2), (3, 4))
    assert flow.revision == before + 1


@pytest.mark.parametrize(
    ("name", "text", "more"),
    [
        ("No Name", "x", {}),
        (["a"], "x", {}),
        ("No Name", None, {}),
        ("a", 3, {}),
        ("a", "x" * (LONGEST + 1), {}),
        ("a", "half \ud83d", {}),
        ("a", "x", {"position": (1, float("nan"))}),
        ("a", "x", {"position": (1, 10**400)}),
        ("a", "x", {"size": (True, 3)}),
        ("a", "x", {"size": 3}),
        ("a", "x", {"nodes": ["no name"]}),
    ],
)
def test_a_note_that_cannot_be_kept_is_refused_and_the_old_one_stays(name, text, more):
    flow = tf.Flow("noted")
    flow.note("a", "old")

    with pytest.raises(TinyFlowError, match="TF-124") as raised:
        flow.note(name, text, **more)

    assert raised.value.way_out
    assert flow.notes == {"a": Note("a", "old")}


def test_there_are_not_more_notes_than_a_cluster_takes():
    flow = tf.Flow("many")
    for number in range(MOST):
        flow.note(f"n{number}", "x")

    with pytest.raises(TinyFlowError, match="200 notes"):
        flow.note("one-more", "x")
    with pytest.raises(TinyFlowError, match="200 KiB"):  # noqa: PT012  # which of them is too much, is not the matter
        for number in range(MOST):
            flow.note(f"n{number}", "\N{PILE OF POO}" * LONGEST)

    (document,) = yaml.safe_load_all(flow.to_yaml())
    assert LARGEST * 0.9 < len(document["metadata"]["annotations"]["tinyflow.dev/notes"].encode()) <= LARGEST


@pytest.mark.parametrize(
    "notes",
    ["[", "3", '["x"]', '[{"name": "a"}]', '[{"name": "a", "text": null}]', '[{"name": "a", "text": "x", "at": [1]}]',
     '[{"name": "a", "text": "x", "html": "<b>"}]', '[{"name": "a", "text": "x"}, {"name": "a", "text": "y"}]',
     '[{"name": "a", "text": "x", "nodes": "b"}]', "[" * 100_000, '[{"name": [], "text": "x"}]'],
)  # fmt: skip
def test_documents_with_other_notes_are_refused_with_the_field(notes):
    document = yaml.safe_load(tf.Flow("noted").to_yaml())
    document["metadata"]["annotations"] = {"tinyflow.dev/notes": notes}

    with pytest.raises(TinyFlowError, match=r"TF-117 metadata.annotations.tinyflow.dev/notes") as raised:
        tf.Flow.from_yaml(yaml.safe_dump(document))

    assert len(str(raised.value)) < 600


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
PAIRS = st.none() | st.tuples(*[st.floats(-1e6, 1e6) | st.integers(-9, 9)] * 2)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,3}", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NAMES, TEXTS, PAIRS, PAIRS, st.lists(NAMES, max_size=3)), max_size=6))
def test_what_was_read_is_written_as_it_was_and_the_code_writes_it_too(notes):
    flow = tf.Flow("noted")
    for name, text, position, size, nodes in notes:
        flow.note(name, text, position=position, size=size, nodes=nodes)
    namespace: dict[str, tf.Flow] = {}

    text = flow.to_yaml()
    exec(flow.to_code(), namespace)

    assert tf.Flow.from_yaml(text).to_yaml() == text
    assert namespace["flow"].to_yaml() == text
