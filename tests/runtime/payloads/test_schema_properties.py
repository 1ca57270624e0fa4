"""What must hold for every type: each case is a type, a strategy for its values, and nothing else."""

import datetime
import decimal
import enum
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict, get_origin

import jsonschema
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.schema import (
    certain,
    check,
    convert,
    decode,
    document_of,
    encode,
    fits,
    json_schema,
    snapshot,
    snapshots,
)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Size:
    width: int
    height: int | None = None


@dataclass(slots=True)
class Mark:
    at: float
    text: str
    note: Any = None


@dataclass(slots=True)
class Doubled:
    size: int
    twice: int

    def __post_init__(self) -> None:
        self.twice = 2 * self.size


class Flat(msgspec.Struct):
    at: float
    number: int


class Span(NamedTuple):
    begin: int
    end: float = 1.0


class Reading(TypedDict):
    sensor: str
    value: NotRequired[float]


class Wide(TypedDict):
    sensor: str
    value: float
    more: int


class Event(msgspec.Struct):
    name: str
    points: list[Point] = []


class Model(pydantic.BaseModel):
    name: str
    size: Annotated[int, pydantic.Field(ge=0)] = 0


ints = st.integers(-(2**63), 2**64 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)  # JSON has neither, see test_schema.py
points = st.builds(Point, ints, floats, st.lists(st.text(max_size=3), max_size=2))
sizes = st.builds(Size, ints, st.none() | ints)
readings = st.fixed_dictionaries({"sensor": st.text(max_size=3)}, optional={"value": floats})
aware = st.datetimes(timezones=st.just(datetime.UTC))

CASES: dict[Any, st.SearchStrategy[Any]] = {
    int: ints,
    float: floats | ints,
    str: st.text(),
    bytes: st.binary(),
    bool: st.booleans(),
    datetime.datetime: aware | st.datetimes(),
    datetime.date: st.dates(),
    datetime.timedelta: st.timedeltas(datetime.timedelta(-999), datetime.timedelta(999)),
    uuid.UUID: st.uuids(),
    decimal.Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    Colour: st.sampled_from(Colour),
    Level: st.sampled_from(Level),
    Literal["a", "b", 3]: st.sampled_from(["a", "b", 3]),
    Annotated[int, msgspec.Meta(ge=0, le=9)]: st.integers(0, 9),
    Annotated[float, msgspec.Meta(gt=0)]: st.floats(0, exclude_min=True, allow_nan=False, allow_infinity=False),
    Annotated[str, msgspec.Meta(min_length=2)]: st.text(min_size=2),
    list[int]: st.lists(ints),
    list[float]: st.lists(floats | ints),
    Sequence[int]: st.lists(ints),
    set[str]: st.sets(st.text(max_size=3)),
    frozenset[int]: st.frozensets(ints),
    tuple[int, str]: st.tuples(ints, st.text(max_size=3)),
    tuple[int, ...]: st.lists(ints).map(tuple),
    dict[str, int]: st.dictionaries(st.text(max_size=3), ints),
    dict[str, list[float]]: st.dictionaries(st.text(max_size=3), st.lists(floats)),
    dict[int, bool]: st.dictionaries(ints, st.booleans()),
    int | str: ints | st.text(),
    list[int] | dict[str, int]: st.lists(ints) | st.dictionaries(st.text(max_size=3), ints),
    Point: points,
    Size: sizes,
    Point | int: points | ints,
    list[Point]: st.lists(points, max_size=3),
    Span: st.builds(Span, ints, floats),
    Reading: readings,
    Wide: st.fixed_dictionaries({"sensor": st.text(max_size=3), "value": floats, "more": ints}),
    list[Reading]: st.lists(readings, max_size=3),
    Mark: st.builds(Mark, floats, st.text(max_size=3), st.none() | ints | st.lists(ints, max_size=2)),
    Flat: st.builds(Flat, floats, ints),
    Event: st.builds(Event, st.text(max_size=3), st.lists(points, max_size=2)),
    Model: st.builds(Model, name=st.text(max_size=3), size=st.integers(0, 9)),
    dict[str, Model]: st.dictionaries(st.text(max_size=3), st.builds(Model, name=st.text(max_size=3)), max_size=2),
}
parts = st.sampled_from([0, 1.5, "text", None, True, 2**64, [1]])
documents = st.recursive(
    st.none() | st.booleans() | ints | floats | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "sensor", "k"]), inner),
    max_leaves=6,
)
each_type = pytest.mark.parametrize("tp", CASES, ids=str)


@each_type
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_value_of_a_type_passes_its_check_as_the_same_object(tp, data):
    values = data.draw(st.lists(CASES[tp], max_size=5))

    assert check(tp).first_misfit(values) == -1
    assert all(check(tp).one(value) is value and convert(value, tp) is value for value in values)


@each_type
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_value_survives_the_wire_with_its_type(tp, data):
    value = data.draw(CASES[tp])

    back = decode(encode(value), tp)

    assert (back, type(back)) == (value, type(value))


@each_type
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_a_snapshot_equals_the_value(tp, data):
    value = data.draw(CASES[tp])

    copy = snapshot(value)

    assert (copy, type(copy)) == (value, type(value))


@each_type
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_the_schema_of_a_type_accepts_the_documents_of_its_values(tp, data):
    value = data.draw(CASES[tp])

    jsonschema.Draft202012Validator.check_schema(json_schema(tp))
    document = msgspec.json.decode(msgspec.json.encode(document_of(value)))
    jsonschema.validate(document, json_schema(tp), cls=jsonschema.Draft202012Validator)


@each_type
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_where_one_type_certainly_fits_another_all_its_values_pass(tp, data):
    target = data.draw(st.sampled_from([other for other in CASES if certain(tp, other)]))
    values = data.draw(st.lists(CASES[tp], max_size=5))

    assert fits(tp, target)
    assert check(target).first_misfit(values) == -1


@each_type
@given(values=st.lists(documents, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_check_and_a_conversion_agree_on_every_document(tp, values):
    misfit = check(tp).first_misfit(values)

    unchanged = [value is not None and _is_unchanged(value, tp) for value in values]

    assert misfit == (unchanged.index(False) if False in unchanged else -1)


def _is_unchanged(value: Any, tp: Any) -> bool:
    try:
        return convert(value, tp) is value
    except PayloadError:
        return False


STRICT = [tp for tp in CASES if tp in (int, float, str, bool, list[int], list[float], dict[str, int], tuple[int, str])]


@pytest.mark.parametrize("tp", STRICT, ids=str)
@given(value=documents)
@settings(max_examples=60, deadline=None)
def test_a_conversion_is_as_strict_as_msgspec(tp, value):
    try:
        msgspec.convert(value, tp)
    except msgspec.ValidationError:
        with pytest.raises(PayloadError):
            convert(value, tp)
    else:
        assert convert(value, tp) == (tuple(value) if get_origin(tp) is tuple else value)


@each_type
@given(data=st.data())
@settings(max_examples=12, deadline=None)
def test_the_snapshots_of_a_batch_are_those_of_each(tp, data):
    values = data.draw(st.lists(CASES[tp], max_size=5))

    copies, alone = snapshots(values), [snapshot(value) for value in values]

    assert copies == alone == values
    assert list(map(type, copies)) == list(map(type, values))
    assert [a is b for a, b in zip(copies, values, strict=True)] == [a is b for a, b in zip(alone, values, strict=True)]


@pytest.mark.parametrize("part", [threading.Lock(), 2**64], ids=["a lock", "65 bits"])
@pytest.mark.parametrize("tp", [Mark, Point, Flat, Size])
def test_a_batch_in_which_one_cannot_be_sent_has_no_snapshots(tp, part):
    values = [tp(1, part) for _ in range(3)]

    with pytest.raises(PayloadError, match="TF-120"):
        snapshots(values)


@pytest.mark.parametrize("tp", [Flat, Mark, Point, Size, Span])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_documents_made_into_records_together_are_those_made_one_by_one(tp, data):
    names = [name for name in tp.__annotations__ if name != "note"]
    document = st.fixed_dictionaries({}, optional={name: parts for name in [*names, "other"]})
    exact = st.fixed_dictionaries({name: st.integers(0, 9) for name in names})
    values = data.draw(st.lists(exact, min_size=1, max_size=3) | st.lists(document, min_size=1, max_size=2))

    together = check(tp).together(values)

    if together is not None:
        assert together == [check(tp).one(value) for value in values]


@pytest.mark.parametrize("tp", [Flat, Size, Span, Doubled])
def test_documents_that_have_exactly_the_fields_are_made_together(tp):
    values = [{name: number for name in tp.__annotations__} for number in range(3)]

    assert check(tp).together(values) == [tp(number, number) for number in range(3)]
