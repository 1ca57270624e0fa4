import collections
import datetime
import enum
import threading
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import numpy
import pydantic
import pytest
from tinyflow_runtime.errors import ComponentError, PayloadError
from tinyflow_runtime.schema import (
    certain,
    check,
    convert,
    decode,
    encode,
    fits,
    immutable,
    json_schema,
    snapshot,
    snapshots,
    type_name,
)


class Colour(enum.Enum):
    """What it looks like."""

    DARK_RED = "r"
    BLUE = "b"


@dataclass
class Options:
    """What to do.

    Attributes:
        path: Where it is.
    """

    path: str
    colour: Colour = Colour.BLUE
    mode: Literal["fast", "slow"] = "fast"
    size: Annotated[int, msgspec.Meta(ge=1, le=10, title="How many")] = 3
    parent: "Options | None" = None


@dataclass
class Inner:
    lock: Any


@dataclass
class Outer:
    meta: Inner


class Node(TypedDict):
    name: str
    children: list["Node"]


class Narrow(TypedDict):
    name: str


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag=True):
    lives: int


class Tree(pydantic.BaseModel):
    size: int = pydantic.Field(ge=0, description="In metres.")
    parent: "Tree | None" = None


POSITIVE = Annotated[int, msgspec.Meta(ge=0)]
NEGATIVE = Annotated[int, msgspec.Meta(lt=0)]


@pytest.mark.parametrize(
    ("tp", "name"),
    [
        (int, "int"),
        (list[dict], "list[dict]"),
        (float | None, "float | None"),
        (Literal["a", 1], "Literal['a', 1]"),
        (dict[str, list[Options]], "dict[str, list[Options]]"),
        (tuple[int, ...], "tuple[int, ...]"),
        (POSITIVE, "int (>= 0)"),
        (Any, "Any"),
    ],
)
def test_a_type_is_named_as_a_person_writes_it(tp, name):
    assert type_name(tp) == name


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (int, float, "yes"),
        (bool, int, "no"),
        (float, int, "no"),
        (Any, int, "perhaps"),
        (int, Any, "yes"),
        (list[int], list[float], "yes"),
        (list, list[int], "perhaps"),
        (list[dict], list[float], "no"),
        (tuple[int, int], tuple[int, ...], "yes"),
        (int, int | str, "yes"),
        (int | str, int, "no"),
        (float | None, float, "yes"),
        (Literal["a"], str, "yes"),
        (str, Literal["a"], "no"),
        (Literal["a", 1], int | str, "yes"),
        (enum.IntEnum("Level", "LOW"), int, "yes"),
        (Node, Narrow, "yes"),
        (Narrow, Node, "no"),
        (Node, dict, "yes"),
        (Narrow, Outer, "no"),
        (Outer, Narrow, "no"),
        (Outer, dict, "no"),
        (POSITIVE, int, "yes"),
        (int, POSITIVE, "perhaps"),
        (NEGATIVE, POSITIVE, "no"),
        (collections.Counter, dict, "yes"),
        (datetime.datetime, datetime.date, "no"),
    ],
    ids=str,
)
def test_whether_one_type_fits_another(source, target, expected):
    answer = "yes" if certain(source, target) else "perhaps" if fits(source, target) else "no"

    assert answer == expected


@pytest.mark.parametrize(
    ("tp", "value"),
    [(int, True), (int, 2**64), (int, -(2**63) - 1), (float, "1"), (str, 1), (list[int], [1, True]), (POSITIVE, -1)],
    ids=str,
)
def test_a_payload_that_does_not_fit_is_refused(tp, value):
    assert check(tp).first_misfit([value]) == 0
    with pytest.raises(PayloadError, match="TF-123"):
        check(tp).one(value)


def test_the_first_misfit_of_a_batch_is_found_wherever_it_is():
    assert check(int).first_misfit([1, 2, 2**64, 3]) == 2
    assert check(float).first_misfit([float("nan"), 1.0, 2**64]) == 2
    assert check(Any).first_misfit([1, "a", threading.Lock()]) == 2
    assert check(Options | int).first_misfit([1, Options("a")]) == -1


def test_none_is_never_a_payload_whatever_the_type_says():
    assert check(int | None).first_misfit([1, None]) == 1
    with pytest.raises(PayloadError, match="TF-120 None is never sent"):
        check(int | None).one(None)


def test_a_check_converts_documents_numbers_of_numpy_and_values_of_an_older_run():
    @dataclass
    class Old:
        size: int

    Old.__qualname__, Old.__module__ = Tiny.__qualname__, Tiny.__module__

    assert check(Options).one({"path": "a", "colour": "r"}) == Options("a", Colour.DARK_RED)
    assert type(check(int).one(numpy.int64(3))) is int
    assert check(Tiny).one(Old(3)) == Tiny(3)
    assert check(Options).first_misfit([{"path": "a"}]) == 0


@dataclass
class Tiny:
    size: int


@pytest.mark.parametrize(
    ("tp", "document", "text"),
    [
        (Options, {"path": 1}, "message.path is 1 (int), not str."),
        (Options, {"pth": "a", "path": "a"}, "message has no field 'pth'."),
        (Options, {}, "message has no 'path'."),
        (list[Options], [{"path": "a", "parent": {"path": 3}}], "message[0].parent.path is 3 (int), not str."),
        (dict[str, int], {"a b": "x"}, "message['a b'] is 'x' (str), not int."),
        (Tree, {"size": 1, "parent": {"size": "q"}}, "message.parent.size does not fit Tree"),
        (Literal["fast", "slow"], "fats", "message is 'fats' (str), not one of 'fast', 'slow'."),
        (int, 2**70, "message is a number of 71 bits; an int may have 64."),
    ],
    ids=str,
)
def test_a_misfit_is_named_by_its_path(tp, document, text):
    with pytest.raises(PayloadError, match="TF-123") as caught:
        convert(document, tp)

    assert text in caught.value.what.replace("The message", "message")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Outer(Inner(threading.Lock())), "message.meta.lock is a threading.Lock"),
        ({"a": [1, 2**70]}, "message.a[1] is a number of 71 bits"),
        ((number for number in [1]), "it is a generator"),
        ([print], "message[0] is a function"),
        ({1: object()}, "message[1] is an object"),
        (numpy.array([object()]), "it is an array of Python objects"),
    ],
    ids=str,
)
def test_what_cannot_be_sent_is_named_by_its_path(value, text):
    for refuse in (check(Any).one, snapshot, encode):
        with pytest.raises(PayloadError, match="TF-120") as caught:
            refuse(value)
        assert text in caught.value.what


def test_a_value_that_contains_itself_cannot_be_sent():
    endless: list[Any] = []
    endless.append(endless)

    for refuse in (check(Any).one, snapshot, encode):
        with pytest.raises(PayloadError, match="TF-120"):
            refuse(endless)


def test_a_snapshot_shares_nothing_that_can_change():
    value = {"a": [1, {"b": {3}}], "c": Inner([4])}

    copy = snapshot(value)
    value["a"][1]["b"].add(5)
    value["c"].lock.append(5)

    assert copy == {"a": [1, {"b": {3}}], "c": Inner([4])}


def test_a_batch_of_snapshots_is_as_one_by_one():
    values = [{"a": 1, "b": 2.0}, {"a": 2}]

    copies = snapshots(values)

    assert (copies, copies[0] is values[0]) == (values, False)
    assert snapshots([{"a": [1]}, 3]) == [{"a": [1]}, 3]
    with pytest.raises(PayloadError, match="TF-120"):
        snapshots([{"a": 1}, {"a": 2**70}])


@pytest.mark.parametrize(
    ("tp", "answer"),
    [
        (int, True),
        (tuple[int, str], True),
        (Colour, True),
        (Literal["a"], True),
        (int | str, True),
        (list[int], False),
        (Options, False),
        (tuple[list, int], False),
        (Any, False),
        (bytearray, False),
    ],
    ids=str,
)
def test_what_can_never_change_is_known_from_its_type(tp, answer):
    assert immutable(tp) is answer


def test_numpy_arrays_infinities_and_tagged_structs_survive_the_wire():
    array = decode(encode({"a": numpy.arange(3)}))["a"]

    assert array.tolist() == [0, 1, 2]
    assert decode(encode(float("inf")), float) == float("inf")
    assert decode(encode([Cat(9), Dog(1)]), list[Cat | Dog]) == [Cat(9), Dog(1)]


def test_bytes_that_are_no_payload_are_refused():
    with pytest.raises(PayloadError, match="TF-123"):
        decode(b"\xc1", int)


def test_the_schema_of_a_dataclass_is_fit_for_a_form():
    properties = json_schema(Options)["properties"]

    assert json_schema(Options)["description"] == "What to do."
    assert json_schema(Options)["required"] == ["path"]
    assert properties["path"] == {"type": "string", "title": "Path", "description": "Where it is."}
    assert properties["size"] == {"type": "integer", "minimum": 1, "maximum": 10, "title": "How many", "default": 3}
    assert properties["mode"]["enum"] == ["fast", "slow"]
    assert properties["colour"]["default"] == "b"
    assert properties["colour"]["oneOf"] == [{"const": "r", "title": "Dark red"}, {"const": "b", "title": "Blue"}]
    assert properties["parent"]["anyOf"] == [{"$ref": "#/$defs/Options"}, {"type": "null"}]


def test_the_schema_of_a_pydantic_model_is_its_own():
    schema = json_schema(Tree)

    assert schema["properties"]["size"]["description"] == "In metres."
    assert "Tree" in schema["$defs"]


def test_a_recursive_type_is_checked_and_described():
    tree = {"name": "a", "children": [{"name": "b", "children": []}]}

    assert check(Node).first_misfit([tree]) == -1
    assert check(Node).first_misfit([{"name": "a", "children": [{"name": 1, "children": []}]}]) == 0
    assert "Node" in json_schema(Node)["$defs"]


@pytest.mark.parametrize("tp", [3, "int", [int]])
def test_what_is_no_type_is_refused(tp):
    with pytest.raises(ComponentError, match="TF-113"):
        json_schema(tp)
