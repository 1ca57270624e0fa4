"""What ``when`` and ``map`` may say, what it gives, and that nothing else gets through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyflow_runtime.errors import ExpressionError
from tinyflow_runtime.expression import check_condition, compile_edge, compile_expression, preview
from tinyflow_runtime.schema import check, fits


@dataclass
class Reading:
    temp: float
    name: str = "oven"
    _secret: str = "s"


class Row(TypedDict):
    temp: float
    tags: list[str]


def value(text: str, payload: Any, source: Any = Any, target: Any = Any) -> Any:
    program = compile_edge(None, compile_expression(text, source, target_type=target))
    assert program is not None
    return program.one(payload)[1]


@pytest.mark.parametrize(
    ("text", "payload", "source", "expected", "tp"),
    [
        ("msg", 3, int, 3, int),
        ("msg + 1", 3, int, 4, int),
        ("msg / 2", 3, int, 1.5, float),
        ("1 < msg <= 3", 3, int, True, bool),
        ("msg.temp", Reading(1.5), Reading, 1.5, float),
        ("msg.temp", {"temp": 1.5, "tags": []}, Row, 1.5, float),
        ('msg["temp"]', {"temp": 1.5, "tags": []}, Row, 1.5, float),
        ("msg.tags[0]", {"temp": 1.5, "tags": ["a"]}, Row, "a", str),
        ("msg[1:]", [1, 2, 3], list[int], [2, 3], list[int]),
        ("[x * 2 for x in msg if x > 1]", [1, 2, 3], list[int], [4, 6], list[int]),
        ("len(msg)", "abc", str, 3, int),
        ("msg.upper()", "abc", str, "ABC", str),
        ("'hot' if msg.temp > 1 else 'cold'", Reading(2.0), Reading, "hot", Literal["hot", "cold"]),
        ('f"{msg.name}: {msg.temp:.1f}"', Reading(2.0), Reading, "oven: 2.0", str),
    ],
)
def test_an_expression_gives_what_python_gives_and_knows_its_type(text, payload, source, expected, tp):
    expression = compile_expression(text, source)

    assert value(text, payload, source) == expected
    assert fits(expression.type, tp)
    assert fits(tp, expression.type)


def test_a_field_is_looked_up_per_message_where_the_type_says_nothing():
    assert value("msg.temp", Reading(1.5)) == 1.5
    assert value("msg.temp", {"temp": 2.5}) == 2.5


def test_a_dict_display_becomes_the_record_that_is_wanted():
    made = value('{"temp": msg, "name": "hall"}', 2.0, float, Reading)

    assert made == Reading(2.0, "hall")


def test_a_program_works_on_batches():
    program = compile_edge(compile_expression("msg > 2", int), compile_expression("msg * 10", int))
    assert program is not None
    assert program.keep is not None
    assert program.values is not None

    kept = program.keep([1, 3, 2, 4])

    assert kept == [1, 3]
    assert program.values([3, 4]) == [30, 40]
    assert program.one(1) == (False, None)
    assert program.one(3) == (True, 30)


def test_without_when_and_map_there_is_no_program():
    assert compile_edge(None, None) is None


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "open('/etc/passwd')",
        "eval('1')",
        "getattr(msg, 'temp')",
        "msg.__class__",
        "msg.__class__.__mro__[1].__subclasses__()",
        "msg._secret",
        "'{0.__class__}'.format(msg)",
        "f'{msg.__class__}'",
        "(lambda: 1)()",
        "(x := 1)",
        "[y for x in msg for y in x for z in y]",
        "[len for len in msg]",
        "globals()",
        "print",
        "len",
        "type(msg)",
        "msg.mro()",
        "msg.f.__globals__",
        "await msg",
        "(yield msg)",
        "9 ** 9 ** 9",
        "'a' * 10 ** 9",
        "[0] * (1 << 40)",
        "msg = 3",
        "import os",
        "msg; msg",
        "",
        "msg >",
        "(" * 200 + "msg" + ")" * 200,
        "msg + " * 1000 + "msg",
        "msg\x00",
    ],
)
@pytest.mark.parametrize("source", [Any, Reading])
def test_what_is_not_in_the_language_is_refused(text, source):
    refused = None
    try:
        value(text, Reading(1.0), source)
    except ExpressionError as error:
        refused = error
    except (OverflowError, MemoryError) as error:  # a size that only the message tells
        refused = error

    assert refused is not None
    assert len(str(refused).splitlines()) <= 5


@pytest.mark.parametrize(
    ("text", "source", "what", "hint"),
    [
        ("mgs > 3", int, "no name 'mgs'", "Did you mean 'msg'?"),
        ("msg.tmep > 3", Reading, "no field 'tmep'", "Did you mean 'temp'?"),
        ("lenn(msg)", str, "lenn", "Did you mean 'len'?"),
        ("msg + 1", str, "+", "str"),
    ],
)
def test_a_slip_is_shown_with_a_caret_and_the_way_out(text, source, what, hint):
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, source, where="Edge a:out → b:in.")

    said = str(caught.value)
    assert said.startswith("TF-114 ")
    assert what in said
    assert hint in said
    assert "^" in said
    assert "Edge a:out → b:in." in said


def test_a_condition_that_is_always_true_is_refused():
    with pytest.raises(ExpressionError, match=r"always true"):
        check_condition(compile_expression("msg", Reading))


def test_an_error_on_a_message_is_the_expressions_own():
    with pytest.raises(ZeroDivisionError):
        value("1 / msg", 0, int)


def test_a_preview_shows_what_a_sample_becomes():
    assert preview("msg.temp * 2", Reading(1.5)) == 3.0
    assert preview("msg.rows[0]", {"rows": [7]}) == 7
    with pytest.raises(ExpressionError, match="no field 'tmep'"):
        preview("msg.tmep", Reading(1.5))


numbers = st.recursive(
    st.sampled_from(["msg", "1", "2.5", "7"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda one: f"abs({one})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} > 2 else {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"max({parts[0]}, {parts[1]})"),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=100)
@given(numbers, st.integers(-5, 5))
def test_arithmetic_is_pythons_and_so_is_the_type(text, payload):
    expression = compile_expression(text, int)

    found = value(text, payload, int)

    assert found == eval(text, {"msg": payload})
    assert check(expression.type).one(found) == found
