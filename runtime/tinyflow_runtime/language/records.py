"""A record is a payload with named fields: a dataclass, TypedDict, NamedTuple, Struct or pydantic model."""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, Required, TypeVar, Union

import msgspec

from tinyflow_runtime import language

# Types are values here, and no annotation covers unions, generics and aliases: hence Any for each of them.


class Field(NamedTuple):
    """One field of a record."""

    type: Any
    required: bool = True  # to make one
    given: bool = True  # an argument of the constructor; a property or an enum's name is not


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """The fields of a type.

    Attributes:
        keyed: Fields are read as keys (a TypedDict), not as attributes.
        closed: There are no fields but these.
        constructor: May be called with the fields as keywords; its checks are only those of the types.
    """

    fields: dict[str, Field]
    keyed: bool = False
    closed: bool = True
    constructor: bool = False


def plain(tp: Any) -> Any:
    """A type without what only documents or bounds it; Any for what says nothing."""
    while True:
        origin = typing.get_origin(tp)
        if origin in (Annotated, Required, NotRequired):
            tp = typing.get_args(tp)[0]
        elif isinstance(tp, NewType):
            tp = tp.__supertype__
        elif isinstance(tp, TypeVar):
            tp = tp.__bound__ or Any
        elif hasattr(tp, "__value__") and hasattr(tp, "__type_params__"):  # type X = ..., of Python 3.12
            tp = tp.__value__
        elif tp is None:
            return type(None)
        elif tp is object or isinstance(tp, (str, typing.ForwardRef)):
            return Any
        else:
            return tp


def members(tp: Any) -> Iterator[Any]:
    """The alternatives of a union, of a Literal by value; a single one for any other type."""
    tp = plain(tp)
    origin = typing.get_origin(tp)
    if origin in (Union, types.UnionType):
        for member in typing.get_args(tp):
            yield from members(member)
    elif origin is Literal:
        for value in typing.get_args(tp):
            yield generic(Literal, value)
    else:
        yield tp


def union(alternatives: Iterable[Any]) -> Any:
    """The union of types, flat and each once, in the order given; Any when one of them is."""
    flat: list[Any] = []
    for member in (member for tp in alternatives for member in members(tp)):
        if member not in flat:  # not a set: what Annotated adds deep inside may have no hash
            flat.append(member)
    if not flat or Any in flat:
        return Any
    # A text among texts says no more than str does.
    whole = [tp for tp in flat if typing.get_origin(tp) is not Literal or kind(tp) not in flat]
    return Union[tuple(whole)]  # noqa: UP007  # a metaclass may have made | of its classes something else


def generic(form: Any, *arguments: Any) -> Any:
    """``form[arguments]`` of types that are known only at run time."""
    return form[arguments if len(arguments) != 1 else arguments[0]]


def kind(tp: Any) -> Any:
    """The class of one member's values: ``list`` for ``list[int]``, ``str`` for ``Literal["a"]``; Any if unknown."""
    tp = plain(tp)
    if typing.get_origin(tp) is Literal:
        return type(typing.get_args(tp)[0])
    found = typing.get_origin(tp) or tp
    return found if isinstance(found, type) else Any


def widen(tp: Any) -> Any:
    """The type with every Literal of a builtin made its class: ``int`` for ``Literal[3]``."""
    if Literal not in (typing.get_origin(member) for member in members(tp)):
        return tp
    return union(kind(member) if kind(member) in language.SAMPLES else member for member in members(tp))


def sample(tp: Any) -> Any:
    """A value of the builtin type that one member is or derives from; NotImplemented when there is none."""
    found = kind(tp)
    if found is Any:
        return NotImplemented
    return next((language.SAMPLES[base] for base in found.__mro__ if base in language.SAMPLES), NotImplemented)


def item(tp: Any) -> Any:
    """The type of what iterating over one member gives."""
    found, arguments = kind(tp), typing.get_args(plain(tp))
    if found in (str, bytes):
        return {str: str, bytes: int}[found]
    if found is tuple and arguments:
        return union(argument for argument in arguments if argument is not Ellipsis)
    if typing.is_typeddict(found):
        return str
    if found is not Any and issubclass(found, tuple) and (record := of(found)):
        return union(field.type for field in record.fields.values())
    return arguments[0] if arguments and typing.get_origin(plain(tp)) is not Literal else Any


def of(tp: Any) -> Record | None:
    """The fields of one member; None when it has none (a number, a list)."""
    found = kind(tp)
    if found is Any:
        return None
    if found in language.FIELDS:
        return Record({name: Field(field, given=False) for name, field in language.FIELDS[found].items()})
    if sample(found) is not NotImplemented and not typing.is_typeddict(found) and not hasattr(found, "_fields"):
        return None
    return _of_class(found)


@functools.lru_cache(maxsize=1024)
def _of_class(found: Any) -> Record:
    annotations = _annotations(found)
    if typing.is_typeddict(found):
        required = found.__required_keys__
        return Record({name: Field(tp, name in required) for name, tp in annotations.items()}, keyed=True)
    if issubclass(found, enum.Enum):
        value = union(type(member.value) for member in found)
        return Record({"name": Field(str, given=False), "value": Field(value, given=False)})
    properties = {
        name: Field(_annotations(member.fget).get("return", Any), given=False)
        for base in reversed(found.__mro__)
        for name, member in vars(base).items()
        if isinstance(member, property) and not name.startswith("_") and not base.__module__.startswith("pydantic")
    }
    if dataclasses.is_dataclass(found):
        fields = {
            field.name: Field(
                annotations.get(field.name, Any),
                field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
                field.init,
            )
            for field in dataclasses.fields(found)
        }
        # Written by dataclass itself, for this very class: then a call does nothing but take the fields.
        made = "__dataclass_params__" in vars(found) and vars(found)["__dataclass_params__"].init
        return Record(properties | fields, constructor=made and not hasattr(found, "__post_init__"))
    if issubclass(found, msgspec.Struct):
        fields = {f.name: Field(annotations.get(f.name, Any), f.required) for f in msgspec.structs.fields(found)}
        return Record(properties | fields, constructor=not hasattr(found, "__post_init__"))
    if hasattr(found, "model_fields"):
        fields = {name: Field(info.annotation, info.is_required()) for name, info in found.model_fields.items()}
        computed = {name: Field(c.return_type, given=False) for name, c in found.model_computed_fields.items()}
        return Record(properties | computed | fields, closed=found.model_config.get("extra") != "allow")
    if hasattr(found, "_fields"):
        defaults = found._field_defaults
        fields = {name: Field(annotations.get(name, Any), name not in defaults) for name in found._fields}
        return Record(properties | fields, constructor=True)
    fields = {name: Field(tp) for name, tp in annotations.items()}
    return Record(properties | fields, closed=False)


def _annotations(found: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(found, include_extras=True)
    except Exception:  # a name that exists only for type checkers; the field is there, its type stays open
        names = [
            name for base in reversed(getattr(found, "__mro__", ())) for name in vars(base).get("__annotations__", {})
        ]
        return dict.fromkeys(names, Any)
