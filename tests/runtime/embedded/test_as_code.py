"""A flow as code: running it makes the same flow."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyflow_runtime.components import Filter, Map, Ticker
from tinyflow_runtime.embedded.as_code import to_code
from tinyflow_runtime.errors import TinyFlowError

import tinyflow_jupyter as tf

coded = tf.Module("coded")


@dataclasses.dataclass
class Unit:
    name: str = "m"
    factor: float = 1.0


@coded.component
def scale(
    x: float,
    *,
    by: float = 2.0,
    text: str = "",
    units: list[Unit] = [],  # noqa: B006  # settings are never changed
    names: dict[str, Any] = {},  # noqa: B006
    many: Annotated[list[int], msgspec.Meta(max_length=9)] = [],  # noqa: B006
) -> float:
    """Scale a number."""
    return x * by


@coded.component
def tf_(x: object) -> None:
    """Its Python name is no name of a component's, and nearly the library's."""


@coded.component
class Loose(tf.Component):
    """Its settings may have any names."""

    def ports(self):
        return [
            tf.Port("in", "in", float),
            tf.Port("out", "out", float),
            tf.Port("settings", "in", dict[str, Any], settings=True),
        ]


def run(code: str, **known: Any) -> Any:
    """The flow that some code builds, wherever it puts it."""
    namespace = dict(known)
    exec(compile(code, "<cell>", "exec"), namespace)
    (flow,) = (thing for thing in namespace.values() if isinstance(thing, tf.Flow))
    return flow


def test_the_code_is_what_a_person_would_write():
    flow = tf.Flow("sums")
    flow.node("beat", Ticker, every=0.5)
    flow.node("some", Filter, when="msg % 2 == 0")
    flow.edge("beat:out", "some:in", when="msg > 3", map="msg + 1", capacity=7)
    flow.edge("some:rest", "some:in", loop=True)
    flow.move("some", (120, 40.5))

    code = flow.to_code()

    assert code.splitlines()[:8] == [
        "import tinyflow_jupyter as tf",
        "from tinyflow_runtime.components import Filter",
        "from tinyflow_runtime.components import Ticker",
        "",
        'flow = tf.Flow("sums")',
        'flow.node("beat", Ticker, every=0.5)',
        'flow.node("some", Filter, when="msg % 2 == 0")',
        'flow.edge("beat:out", "some:in", when="msg > 3", map="msg + 1", capacity=7)',
    ]
    assert code.splitlines()[-1] == 'flow.move("some", (120, 40.5))'
    assert run(code).to_yaml() == flow.to_yaml()


def test_the_flow_is_called_as_its_variable_unless_that_is_a_component():
    flow = tf.Flow("sums")
    flow.node("a", scale)
    flow.edge("a:out", "a:in", loop=True)

    assert to_code(flow, "sums").splitlines()[3:6] == [
        'sums = tf.Flow("sums")',
        'sums.node("a", scale)',
        'sums.edge("a:out", "a:in", loop=True)',
    ]
    assert 'scale_2 = tf.Flow("sums")' in to_code(flow, "scale")


def test_a_long_call_has_one_argument_on_each_line():
    flow = tf.Flow("long")
    flow.node("a", scale, text="x" * 60, by=3.0, names={"some": "words"})

    code = flow.to_code()

    assert 'flow.node(\n    "a",\n    scale,\n    by=3.0,\n    names={"some": "words"},\n' in code
    assert run(code).to_yaml() == flow.to_yaml()


WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "by": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
        "text": WORDS,
        "units": st.lists(st.builds(Unit, WORDS, st.floats(-1, 1)), max_size=2),
        "names": st.dictionaries(WORDS, PLAIN, max_size=3),
        "many": st.lists(st.integers(0, 9), max_size=3),
    },
)
PLACES = st.none() | st.tuples(*[st.floats(-1e6, 1e6) | st.integers(-999, 999)] * 2)
NODES = st.lists(
    st.tuples(st.just(scale), SETTINGS, PLACES)
    | st.tuples(st.just(Loose), st.dictionaries(WORDS, PLAIN, max_size=3), PLACES)
    | st.tuples(st.just(Map), st.just({"to": "msg"}), PLACES),
    min_size=1,
    max_size=5,
)
EDGES = st.lists(
    st.tuples(
        *[st.integers(0, 4)] * 2,
        st.sampled_from([None, "msg > 3", "msg == 2 or\r\n(msg\u2028 > 1)", 'str(msg) == "\\"\'"']),
        st.sampled_from([None, "msg / 2", "float('1.5')"]),
        st.booleans(),
        st.integers(1, 99),
    ),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(NODES, EDGES)
def test_running_the_code_makes_the_same_flow(nodes, edges):
    flow = tf.Flow("any")
    for number, (component, given_settings, position) in enumerate(nodes):
        flow.node(f"n{number}", component, **given_settings)
        flow.move(f"n{number}", position)
    for source, target, when, mapping, loop, capacity in edges:
        try:
            flow.edge(f"n{source}:out", f"n{target}:in", when=when, map=mapping, loop=loop, capacity=capacity)
        except TinyFlowError:
            continue

    made = run(flow.to_code(), scale=scale, Loose=Loose)

    assert made.to_yaml() == flow.to_yaml()


def test_components_whose_names_are_taken_get_others():
    space: dict[str, Any] = {"tf": tf, "__name__": "__main__"}
    exec("@tf.component\ndef flow(x: int) -> int:\n return x\n", space)
    flow = tf.Flow("taken")
    flow.node("a", space["flow"])
    flow.node("b", Map, to="msg")

    code = flow.to_code()

    assert 'flow_2 = tf.Flow("taken")' in code
    assert 'flow_2.node("a", flow)' in code
    assert run(code, flow=space["flow"]).to_yaml() == flow.to_yaml()


def test_a_component_whose_name_means_something_else_by_now_is_found_in_its_module():
    space: dict[str, Any] = {"tf": tf, "__name__": "__main__"}
    exec("@tf.component\ndef odd(x: int) -> int:\n return x\nodd = 3\n", space)
    flow = tf.Flow("lost")
    flow.node("a", tf.Module.all["notebook"].components["odd"])

    code = flow.to_code()

    assert 'flow.node("a", tf.Module.all["notebook"].components["odd"])' in code
    assert run(code, odd=3).to_yaml() == flow.to_yaml()


def test_a_setting_that_nothing_plain_can_stand_for_is_refused():
    flow = tf.Flow("live")
    flow.node("a", Loose, model=object())

    with pytest.raises(TinyFlowError, match="TF-117"):
        to_code(flow)
