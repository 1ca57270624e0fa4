"""What ``when`` and ``map`` may say, what it gives, and that nothing else gets through."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from tinyflow_runtime.errors import ExpressionError
from tinyflow_runtime.language import FUNCTIONS
from tinyflow_runtime.language.expression import check_condition, compile_edge, compile_expression, preview
from tinyflow_runtime.schema import certain, check, fits


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
        ("msg ** 2", 3, int, 9, int),
        ("msg + ['a']", [1], list[int], [1, "a"], list[int | str]),
        ("msg | {'b': 'c'}", {"a": 1}, dict[str, int], {"a": 1, "b": "c"}, dict[str, int | str]),
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


def test_only_a_constructor_that_does_nothing_else_is_called():
    @dataclass(init=False)
    class Degrees:
        temp: float

        def __init__(self, celsius: float) -> None:
            self.temp = celsius

    expression = compile_expression('{"temp": msg}', float, target_type=Degrees)

    assert not expression.exact
    assert value('{"temp": msg}', 2.0, float, Degrees) == {"temp": 2.0}


def test_a_map_that_may_give_none_is_looked_at_per_message():
    assert not compile_expression("msg if msg > 3 else None", int).exact
    assert not compile_expression("msg.get('a')", dict[str, int]).exact


@pytest.mark.parametrize("name", ["field", "method", "times", "list", "batch", "enumerate", "i"])
def test_a_loop_may_call_its_variable_what_it_likes(name):
    text = f"[[k.temp * 2, len(msg.rows)] for {name} in msg.rows for k in {name}.values()]"

    assert value(text, {"rows": [{"a": Reading(1.5)}]}) == [[3.0, 1]]


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


@dataclass
class Everything:
    n: int
    f: float
    s: str
    o: float | None
    u: int | str
    many: list[int]
    t: tuple[int, str] = (1, "q")
    r: tuple[Reading, ...] = (Reading(1.5), Reading(2.5))
    d: dict[str, int] = field(default_factory=lambda: {"a": 1, "b": 2})


fields = "msg.n msg.f msg.s msg.o msg.u msg.many msg.t msg.r msg.d msg.r[0].temp msg.d['a'] msg.t[1]"
atoms = st.sampled_from([*fields.split(), "1", "2.5", "'a'", "None", "True", "0", "[]", "{}", "()"])
operators = st.sampled_from("+,-,*,/,//,%,**,&,|,^,>>,<,<=,>,>=,==,!=,and,or,in,not in".split(","))
shapes = st.sampled_from(
    [f"{name}({{}})" for name in FUNCTIONS]
    + ["-({})", "not ({})", "[{}]", "({},)", "({})[0]", "({})[1:]", "({}) is None", "({}).upper()", "({}).split()"]
    + ["({}).get('a', 0)", "({}).items()", "','.join({})", "f'{{{}}}'", "[x for x in {} if x]", "{{x: 1 for x in {}}}"]
    + ["[k for k, v in {}]", "sum(x for x in {})", "{{'a': {}}}"]
)
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, operators, inner).map(lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"),
        st.tuples(shapes, inner).map(lambda parts: parts[0].format(parts[1])),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]}) if ({parts[1]}) else ({parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"max({parts[0]}, {parts[1]})"),
    ),
    max_leaves=6,
)
payloads = st.builds(
    Everything,
    n=st.integers(-5, 5),
    f=st.floats(-9, 9) | st.integers(-3, 3),
    s=st.sampled_from(["", "ab", "3"]),
    o=st.sampled_from([None, 2.5, 1]),
    u=st.sampled_from([4, "w"]),
    many=st.lists(st.integers(-3, 3), max_size=3),
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
@given(expressions, payloads, st.booleans())
def test_what_the_language_takes_gives_what_python_gives_of_the_type_it_said(text, payload, known):
    try:
        expression = compile_expression(text, Everything if known else Any)
    except ExpressionError:
        reject()
    program = compile_edge(None, expression)
    assert program is not None
    try:
        expected = python(text, payload)
    except Exception as error:
        with pytest.raises(type(error) if known else Exception):
            program.one(payload)
        return

    found = program.one(payload)[1]

    assert found == expected
    if found is None:
        assert not (expression.exact and certain(expression.type, int))
    elif expression.exact:
        check(expression.type).one(found)


def python(text: str, payload: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of comparing with a literal, and the like
        found = eval(text, {"msg": payload})
    return list(found) if type(found) is type({}.items()) else found
