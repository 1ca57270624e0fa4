"""Reading a type: an annotation becomes a shape."""

from __future__ import annotations

import collections.abc
import datetime
import decimal
import enum
import pathlib
import types
import typing
import uuid
from dataclasses import replace
from typing import Annotated, Any, Literal, NotRequired, Required, TypeVar, Union, get_args, get_origin

from tinyflow_runtime.errors import ComponentError
from tinyflow_runtime.payloads.shapes import (
    ANYTHING,
    Choice,
    DictOf,
    Instance,
    ListOf,
    Notes,
    OneOf,
    Record,
    Scalar,
    Shape,
    TupleOf,
)

__all__ = ["CACHED", "annotate", "shape_of", "without_none"]

SCALARS = frozenset(
    {int, float, str, bytes, bool, type(None), bytearray, decimal.Decimal, uuid.UUID}
    | {datetime.datetime, datetime.date, datetime.time, datetime.timedelta}
    | {pathlib.Path, pathlib.PurePath}
)
_ANY_LIST = (list, tuple)
_LISTS: dict[Any, tuple[type, tuple[type, ...]]] = {
    list: (list, (list,)),
    set: (set, (set,)),
    frozenset: (frozenset, (frozenset,)),
    collections.abc.Sequence: (list, _ANY_LIST),
    collections.abc.MutableSequence: (list, (list,)),
    collections.abc.Collection: (list, (*_ANY_LIST, set, frozenset)),
    collections.abc.Iterable: (list, (*_ANY_LIST, set, frozenset)),
    collections.abc.Set: (set, (set, frozenset)),
    collections.abc.MutableSet: (set, (set,)),
}
_DICTS = {dict, collections.abc.Mapping, collections.abc.MutableMapping}

# Classes of a notebook are made again with every run of their cell: the cache must not keep all old ones alive.
CACHED = 4096
_by_class: dict[type, Shape] = {}


def shape_of(tp: Any, names: dict[str, Any] | None = None) -> Shape:
    """Read a type.

    Args:
        tp: Any annotation, already resolved; a string that is left in it is looked up in ``names``.
        names: Where forward references inside classes may also be looked up, besides the class's own file.

    Raises:
        ComponentError: TF-113, this is no type.
    """
    if isinstance(tp, type) and tp is not Any and not isinstance(tp, types.GenericAlias):  # Any is a class since 3.11
        known = _by_class.get(tp)
        if known is None:
            if len(_by_class) >= CACHED:
                _by_class.clear()
            known = _by_class[tp] = _of_class(tp, names or {})
        return known
    return _of_form(tp, names or {})


_NONE = Scalar()


def without_none(shape: Shape) -> Shape:
    """What may be a payload: None never is, whatever the type says."""
    if shape == _NONE:
        return OneOf(options=())
    if not isinstance(shape, OneOf) or _NONE not in shape.options:
        return shape
    rest = tuple(option for option in shape.options if option != _NONE)
    return rest[0] if len(rest) == 1 else OneOf(options=rest)


def _of_form(tp: Any, names: dict[str, Any]) -> Shape:
    origin, args = get_origin(tp), get_args(tp)
    if tp is Any or tp is None or isinstance(tp, TypeVar):
        return _of_special(tp, names)
    if origin is Annotated:
        return annotate(shape_of(args[0], names), tp.__metadata__)
    if origin in (Union, types.UnionType):
        return _union([shape_of(arg, names) for arg in args])
    if origin is Literal:
        return Choice(values=tuple(args))
    if origin in (Required, NotRequired, typing.ClassVar, typing.Final) or getattr(origin, "_name", "") == "ReadOnly":
        return shape_of(args[0], names)
    if origin is tuple:
        return _of_tuple(args, names)
    if origin in _LISTS:
        made, accepts = _LISTS[origin]
        return ListOf(type=made, accepts=accepts, item=shape_of(args[0], names))
    if origin in _DICTS:
        return DictOf(key=shape_of(args[0], names), value=shape_of(args[1], names))
    if isinstance(origin, type):
        return shape_of(origin, names)  # Page[int], NDArray[float64]: their parameters are not looked at
    return _of_special(tp, names)


def _of_special(tp: Any, names: dict[str, Any]) -> Shape:
    if tp is Any:
        return ANYTHING
    if tp is None:
        return Scalar(type=type(None))
    if isinstance(tp, TypeVar):
        return (
            _union([shape_of(one, names) for one in tp.__constraints__])
            if tp.__constraints__
            else (shape_of(tp.__bound__, names) if tp.__bound__ is not None else ANYTHING)
        )
    if hasattr(tp, "__supertype__"):  # NewType
        return shape_of(tp.__supertype__, names)
    if hasattr(tp, "__value__"):  # type X = …
        return shape_of(tp.__value__, names)
    if isinstance(tp, (str, typing.ForwardRef)):
        text = tp if isinstance(tp, str) else tp.__forward_arg__
        raise ComponentError("TF-113", f"The type {text!r} cannot be resolved.", "Give the type itself, not its name.")
    if tp in (typing.Never, typing.NoReturn):
        return OneOf(options=())
    raise ComponentError("TF-113", f"{tp!r} is not a type.", "Use a class, or a type such as list[int].")


def _of_class(tp: type, names: dict[str, Any]) -> Shape:
    if tp is object:
        return ANYTHING
    if tp in SCALARS:
        return Scalar(type=tp)
    if tp is tuple:
        return ListOf(type=tuple, accepts=(tuple,))
    if tp in _LISTS:
        made, accepts = _LISTS[tp]
        return ListOf(type=made, accepts=accepts)
    if tp in _DICTS:
        return DictOf()
    if issubclass(tp, enum.Enum):
        return Choice(values=tuple(tp), type=tp)
    from tinyflow_runtime.payloads.records import kind_of, tag_of

    kind = kind_of(tp)
    if kind is not None:
        return Record(type=tp, kind=kind, names=tuple(names.items()), tag=tag_of(tp))
    return Instance(type=tp)


def _of_tuple(args: tuple[Any, ...], names: dict[str, Any]) -> Shape:
    if len(args) == 2 and args[1] is Ellipsis:
        return ListOf(type=tuple, accepts=(tuple,), item=shape_of(args[0], names))
    return TupleOf(items=tuple(shape_of(arg, names) for arg in args))


def _union(options: list[Shape]) -> Shape:
    flat: list[Shape] = []
    for option in options:
        for one in option.options if isinstance(option, OneOf) else (option,):
            if one not in flat:
                flat.append(one)
    return flat[0] if len(flat) == 1 else OneOf(options=tuple(flat))


_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")


def annotate(shape: Shape, metadata: tuple[Any, ...]) -> Shape:
    """Add what ``Annotated`` says: ``msgspec.Meta``, anything with the attributes of annotated-types, a plain text."""
    bounds: dict[str, Any] = {}
    notes: dict[str, Any] = {}
    for said in metadata:
        if isinstance(said, str):
            notes["description"] = said
            continue
        if isinstance(getattr(said, "metadata", None), (list, tuple)):  # pydantic's Field keeps its bounds in a list
            shape = annotate(shape, tuple(said.metadata))
        bounds |= {name: value for name in _BOUNDS if (value := getattr(said, name, None)) is not None}
        notes |= _notes(said)
    if bounds:
        if "pattern" in bounds:
            bounds["pattern"] = getattr(bounds["pattern"], "pattern", bounds["pattern"])
        shape = _bounded(shape, bounds)
    return replace(shape, notes=merge_notes(shape.notes, Notes(**notes))) if notes else shape


def _notes(said: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("title", "description"):
        if isinstance(value := getattr(said, name, None), str):
            found[name] = value
    if isinstance(value := getattr(said, "documentation", None), str):  # PEP 727's Doc
        found["description"] = value
    if isinstance(value := getattr(said, "examples", None), list):
        found["examples"] = tuple(value)
    if isinstance(value := getattr(said, "extra_json_schema", None), dict):
        found["extra"] = tuple(value.items())
    return found


def merge_notes(old: Notes | None, new: Notes) -> Notes:
    """The new notes, and the old ones where the new ones are silent."""
    if old is None:
        return new
    return Notes(
        new.title or old.title, new.description or old.description, new.examples or old.examples, new.extra or old.extra
    )


def _bounded(shape: Shape, bounds: dict[str, Any]) -> Shape:
    if isinstance(shape, OneOf):
        return replace(shape, options=tuple(_bounded(option, bounds) for option in shape.options))
    if not isinstance(shape, (Scalar, ListOf, DictOf)):
        return shape
    meant = {name: limit for name, limit in bounds.items() if _is_meant(shape, name)}
    return replace(shape, bounds=replace(shape.bounds, **meant)) if meant else shape


def _is_meant(shape: Scalar | ListOf | DictOf, bound: str) -> bool:
    """Whether a bound says something about values of a shape: in a union it is meant for those options alone."""
    tp = shape.type if isinstance(shape, Scalar) else None
    if bound == "pattern":
        return tp is str
    if bound in ("min_length", "max_length"):
        return tp in (None, str, bytes, bytearray)
    return tp is not None and tp not in (str, bytes, bytearray, bool, type(None))
