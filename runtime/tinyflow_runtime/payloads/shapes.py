"""A shape is what a port's type says: the one reading of a Python type that checks, fits, forms and codecs share.

``reading.shape_of`` knows builtins, ``Annotated`` bounds, unions, literals, enums, dataclasses, TypedDicts,
NamedTuples, msgspec Structs and pydantic models. A class that is none of these is taken by ``isinstance`` alone.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "ANYTHING",
    "INT_MAX",
    "INT_MIN",
    "UNBOUNDED",
    "Anything",
    "Bounds",
    "Choice",
    "DictOf",
    "Field",
    "Instance",
    "ListOf",
    "Notes",
    "OneOf",
    "Record",
    "Scalar",
    "Shape",
    "TupleOf",
]

Class = type  # inside the shapes, ``type`` is the name of a field
NoneType = type(None)

INT_MIN, INT_MAX = -(2**63), 2**64 - 1  # what MessagePack carries; beyond it a number would have to change its type


@dataclass(frozen=True, slots=True)
class Bounds:
    """What ``Annotated`` adds to a number, a text or a collection; None where it says nothing."""

    ge: Any = None  # Any: a bound has the type of what it bounds (a number, a date …)
    gt: Any = None
    le: Any = None
    lt: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def __str__(self) -> str:
        said = [f"{sign} {value}" for sign, value in self.comparisons()]
        said += [f"multiple of {self.multiple_of}"] if self.multiple_of is not None else []
        said += [f"length >= {self.min_length}"] if self.min_length is not None else []
        said += [f"length <= {self.max_length}"] if self.max_length is not None else []
        said += [f"matching {self.pattern!r}"] if self.pattern is not None else []
        return ", ".join(said)

    def comparisons(self) -> list[tuple[str, Any]]:
        """The bounds of the value itself, as sign and limit."""
        pairs = ((">=", self.ge), (">", self.gt), ("<=", self.le), ("<", self.lt))
        return [(sign, limit) for sign, limit in pairs if limit is not None]


UNBOUNDED = Bounds()


@dataclass(frozen=True, slots=True)
class Notes:
    """What a form shows of a value besides its type."""

    title: str = ""
    description: str = ""
    examples: tuple[Any, ...] = ()
    extra: tuple[tuple[str, Any], ...] = ()  # further JSON Schema keywords, as ``msgspec.Meta`` can give them


@dataclass(frozen=True, slots=True)
class Shape:
    """The base of all shapes."""

    notes: Notes | None = None


@dataclass(frozen=True, slots=True)
class Anything(Shape):
    """Says nothing: ``Any``, ``object``, no annotation."""


@dataclass(frozen=True, slots=True)
class Scalar(Shape):
    """One value without parts."""

    type: Class = NoneType
    bounds: Bounds = UNBOUNDED


@dataclass(frozen=True, slots=True)
class Choice(Shape):
    """One of a few values: a ``Literal``, or the members of an ``Enum`` when ``type`` is one."""

    values: tuple[Any, ...] = ()
    type: Class | None = None


@dataclass(frozen=True, slots=True)
class ListOf(Shape):
    """Any number of values of one shape; ``type`` is what a document becomes, ``accepts`` what may come."""

    type: Class = list
    accepts: tuple[Class, ...] = (list,)
    item: Shape = Anything()
    bounds: Bounds = UNBOUNDED


@dataclass(frozen=True, slots=True)
class DictOf(Shape):
    """Values by key."""

    key: Shape = Anything()
    value: Shape = Anything()
    bounds: Bounds = UNBOUNDED


@dataclass(frozen=True, slots=True)
class TupleOf(Shape):
    """A fixed number of values, each of its own shape."""

    items: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One named part of a record; ``alias`` is its name in a document, ``default`` is called to make the default."""

    name: str
    alias: str
    shape: Shape
    required: bool
    default: typing.Callable[[], Any] | None
    notes: Notes


@dataclass(frozen=True, slots=True, eq=False)
class Record(Shape):
    """Named parts. Two records are the same when their class is; the fields are read when first asked for.

    Attributes:
        kind: How its values are made and read.
        tag: Name and value of the field that tells a Struct from its siblings in a union.
    """

    type: Class = dict
    kind: Literal["dataclass", "typeddict", "namedtuple", "struct", "pydantic"] = "dataclass"
    names: tuple[tuple[str, Any], ...] = ()  # where annotations may also be looked up: the frame of the decorator
    tag: tuple[str, Any] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and other.type is self.type

    def __hash__(self) -> int:
        return hash(self.type)

    @property
    def fields(self) -> tuple[Field, ...]:
        """In the order they were written."""
        return _fields_of(self)


@dataclass(frozen=True, slots=True)
class OneOf(Shape):
    """Any of several shapes."""

    options: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance(Shape):
    """A class that says nothing about its parts."""

    type: Class = object


ANYTHING = Anything()


def _fields_of(record: Record) -> tuple[Field, ...]:
    from tinyflow_runtime.payloads.records import fields_of  # records and shapes need each other: types are recursive

    return fields_of(record)
