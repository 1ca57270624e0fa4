"""Conversion: a JSON-like document becomes a value of a type: settings, what is sent by hand, what a mapping made."""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import enum
import functools
import pathlib
import re
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tinyflow_runtime.errors import PayloadError, did_you_mean
from tinyflow_runtime.records import build
from tinyflow_runtime.shapes import (
    CACHED,
    INT_MAX,
    INT_MIN,
    Anything,
    Bounds,
    Choice,
    DictOf,
    Field,
    Instance,
    ListOf,
    OneOf,
    Record,
    Scalar,
    Shape,
    TupleOf,
    shape_of,
)

__all__ = ["Misfit", "convert", "convert_shape", "describe", "show", "within"]


class Misfit(Exception):  # never leaves this package: callers turn it into an error with a code
    """A value does not fit; ``path`` leads from the whole value to the part that does not.

    Attributes:
        kind: ``"value"`` (wrong type or out of bounds), ``"missing"`` or ``"unknown"`` (a field).
        name: Of the missing or unknown field.
        known: The fields there are, when one is unknown.
        what: A clause such as ``"is 'high' (str), not float"``.
    """

    def __init__(self, what: str, *, kind: str = "value", name: str = "", known: Iterable[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        self.path = ""

    def under(self, step: str) -> Misfit:
        """The same, seen from one level further out."""
        self.path = step + (f".{self.path}" if self.path and not self.path.startswith("[") else self.path)
        return self


def convert(value: Any, tp: Any, *, path: str = "") -> Any:
    """Make a value of ``tp`` from a JSON-like document.

    A value that is one already stays the same object; a dict becomes a dataclass, a list a tuple, a text a date or the
    member of an enum. An int stays an int where a float is asked for. Nothing is guessed: ``"3"`` is no int.

    Args:
        value: The document.
        tp: The type, or what is inside ``Annotated``.
        path: What the document itself is called in errors; ``"message"`` when empty.

    Raises:
        PayloadError: TF-123; names the path of the part that does not fit, such as ``message.sizes[2].width``.
    """
    try:
        return convert_shape(value, shape_of(tp))
    except Misfit as misfit:
        raise payload_error(misfit, path=path) from None


def payload_error(misfit: Misfit, *, path: str = "") -> PayloadError:
    """The error of a payload that does not fit its port."""
    whole = path or ("message" if misfit.path else "The message")
    at = whole + (f".{misfit.path}" if misfit.path and not misfit.path.startswith("[") else misfit.path)
    if misfit.kind == "unknown":
        fields = f"Its fields: {', '.join(misfit.known)}." if misfit.known else ""
        return PayloadError("TF-123", f"{at} {misfit.what}.", did_you_mean(misfit.name, misfit.known), fields)
    if misfit.kind == "missing":
        return PayloadError("TF-123", f"{at} {misfit.what}.", f"Add {misfit.name!r}, or give the field a default.")
    hint = did_you_mean(misfit.name, misfit.known)
    way_out = "Send what the port takes, or change the type of the port."
    return PayloadError("TF-123", f"{at} {misfit.what}.", hint, way_out)


def convert_shape(value: Any, shape: Shape) -> Any:
    """``convert`` for a shape; raises ``Misfit``."""
    match shape:
        case Anything():
            return value
        case Scalar():
            return _scalar(value, shape)
        case Choice():
            return _choice(value, shape)
        case ListOf():
            return _list(value, shape)
        case DictOf():
            return _dict(value, shape)
        case TupleOf():
            return _tuple(value, shape)
        case Record():
            return _record(value, shape)
        case OneOf():
            return _one_of(value, shape)
        case Instance():
            if isinstance(value, shape.type):
                return value
    raise Misfit(f"{show(value)}, not {describe(shape)}")


def _scalar(value: Any, shape: Scalar) -> Any:
    found = _exact(value, shape.type)
    if found is _NO:
        value = plain(value)
        found = _exact(value, shape.type)
    if found is _NO:
        found = _from_document(value, shape.type)
    if found is _NO:
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    if isinstance(found, int) and not isinstance(found, bool) and not INT_MIN <= found <= INT_MAX:
        raise Misfit(f"is a number of {found.bit_length()} bits; an int may have 64")
    if not within(found, shape.bounds):
        raise Misfit(f"{show(found)}, not {describe(shape)}")
    return found


_NO = object()  # "does not fit", where None is a value like any other


def _exact(value: Any, tp: type) -> Any:
    if isinstance(value, bool):
        return value if tp is bool else _NO
    if isinstance(value, datetime.datetime):
        return value if tp is datetime.datetime else _NO  # a datetime is a date for isinstance, and is not one for us
    if tp is float:
        return value if isinstance(value, (float, int)) else _NO
    if isinstance(value, tp) and not (isinstance(value, enum.Enum) and tp is not int):
        return value
    return _NO


_FROM_TEXT = (datetime.datetime, datetime.date, datetime.time, datetime.timedelta, uuid.UUID, decimal.Decimal)


def _from_document(value: Any, tp: type) -> Any:
    if tp in (bytes, bytearray):
        return _bytes(value, tp)
    if tp is decimal.Decimal and isinstance(value, (int, float)) and not isinstance(value, bool):
        return decimal.Decimal(str(value))
    if not isinstance(value, str):
        return _NO
    if tp in (pathlib.Path, pathlib.PurePath):
        return tp(value)
    if tp in _FROM_TEXT:
        try:
            return msgspec.convert(value, tp)
        except msgspec.ValidationError:
            return _NO
    return _NO


def _bytes(value: Any, tp: type) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return tp(value)
    if not isinstance(value, str):
        return _NO
    try:
        return tp(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return _NO


def plain(value: Any) -> Any:
    """A number of numpy as Python's own; anything else as it is."""
    numpy = sys.modules.get("numpy")  # optional: nobody has such a number who has not imported it
    if numpy is not None and isinstance(value, numpy.generic) and isinstance(value, (numpy.number, numpy.bool_)):
        return value.item()
    return value


def within(value: Any, bounds: Bounds) -> bool:
    """Whether a value keeps its bounds. NaN keeps none."""
    return all(keeps(value) for keeps in rules(bounds))


@functools.lru_cache(maxsize=CACHED)
def rules(bounds: Bounds) -> tuple[Callable[[Any], Any], ...]:
    """The bounds as functions; only those that are set, because this runs per message."""
    limits: dict[str, Callable[[Any], Any]] = {
        "ge": lambda value: value >= bounds.ge,
        "gt": lambda value: value > bounds.gt,
        "le": lambda value: value <= bounds.le,
        "lt": lambda value: value < bounds.lt,
        "multiple_of": lambda value: value % bounds.multiple_of == 0,
        "min_length": lambda value: len(value) >= bounds.min_length,  # type: ignore[operator]  # it is set
        "max_length": lambda value: len(value) <= bounds.max_length,  # type: ignore[operator]  # it is set
        "pattern": lambda value: re.search(bounds.pattern, value),  # type: ignore[arg-type]  # it is set
    }
    return tuple(keeps for name, keeps in limits.items() if getattr(bounds, name) is not None)


def _choice(value: Any, shape: Choice) -> Any:
    if shape.type is not None:
        return _member(value, shape)
    for choice in shape.values:
        if choice == value and type(choice) is type(value):
            return choice
    known = [str(choice) for choice in shape.values if isinstance(choice, str)]
    raise Misfit(f"{show(value)}, not {describe(shape)}", name=str(value), known=known)


def _member(value: Any, shape: Choice) -> Any:
    if isinstance(value, shape.type or object):
        return value
    for member in shape.values:
        if member.value == value and type(member.value) is type(value):
            return member
    raise Misfit(f"{show(value)}, not {describe(shape)}")


def _list(value: Any, shape: ListOf) -> Any:
    if not isinstance(value, (list, tuple, set, frozenset)) or isinstance(value, (str, bytes)):
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    items = [_part(item, shape.item, f"[{index}]") for index, item in enumerate(value)]
    fits = isinstance(value, shape.accepts)
    if fits and all(new is old for new, old in zip(items, value, strict=True)):
        made = value
    else:
        made = (type(value) if fits and type(value) in shape.accepts else shape.type)(items)
    if not within(made, shape.bounds):
        raise Misfit(f"has {len(made)} items; {describe(shape)} is asked for")
    return made


def _dict(value: Any, shape: DictOf) -> Any:
    if not isinstance(value, Mapping):
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    made = {_part(key, shape.key, f"[{key!r}]"): _part(item, shape.value, f"[{key!r}]") for key, item in value.items()}
    if not within(made, shape.bounds):
        raise Misfit(f"has {len(made)} keys; {describe(shape)} is asked for")
    same = isinstance(value, dict) and all(
        key is old_key and item is old for (key, item), (old_key, old) in zip(made.items(), value.items(), strict=True)
    )
    return value if same else made


def _tuple(value: Any, shape: TupleOf) -> Any:
    if not isinstance(value, (list, tuple)):
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    if len(value) != len(shape.items):
        raise Misfit(f"has {len(value)} items; {describe(shape)} has {len(shape.items)}")
    items = [_part(item, one, f"[{index}]") for index, (item, one) in enumerate(zip(value, shape.items, strict=True))]
    same = isinstance(value, tuple) and all(new is old for new, old in zip(items, value, strict=True))
    return value if same else tuple(items)


def _part(value: Any, shape: Shape, step: str) -> Any:
    try:
        return convert_shape(value, shape)
    except Misfit as misfit:
        raise misfit.under(step) from None


def _record(value: Any, shape: Record) -> Any:
    if shape.kind != "typeddict" and isinstance(value, shape.type):
        return value  # an instance is taken at its class's word, as Python itself does
    parts = _document_of(value, shape)
    if shape.kind == "pydantic":
        return _pydantic(parts, shape)
    found: dict[str, Any] = {}
    for field in shape.fields:
        if field.alias in parts:
            found[field.name] = _part(parts.pop(field.alias), field.shape, field.alias)
        elif field.required:
            raise Misfit(f"has no {field.alias!r}", kind="missing", name=field.alias)
    if parts and shape.kind != "typeddict":
        name, known = str(next(iter(parts))), [field.alias for field in shape.fields]
        raise Misfit(f"has no field {name!r}", kind="unknown", name=name, known=known)
    if shape.kind == "typeddict":
        same = all(found[name] is value[name] for name in found)
        return value if same and isinstance(value, dict) else {**parts, **found}
    return _built(shape, found)


def _document_of(value: Any, shape: Record) -> dict[str, Any]:
    if isinstance(value, Mapping):
        parts = dict(value)
    elif shape.kind == "namedtuple" and isinstance(value, (list, tuple)):
        if len(value) > len(shape.fields):
            raise Misfit(f"has {len(value)} items; {describe(shape)} has {len(shape.fields)}")
        parts = dict(zip((field.alias for field in shape.fields), value, strict=False))
    elif is_twin(type(value), shape):
        parts = {field.alias: getattr(value, field.name) for field in shape.fields if hasattr(value, field.name)}
    else:
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    if shape.tag is not None and shape.tag[0] in parts:
        if parts.pop(shape.tag[0]) != shape.tag[1]:
            raise Misfit(f"is not a {describe(shape)}: its {shape.tag[0]!r} is not {shape.tag[1]!r}")
    return parts


def is_twin(tp: type, record: Record) -> bool:
    """Whether two classes are one that was made twice: its cell was run again, and an older value is on its way."""
    return (
        record.kind != "typeddict"
        and tp is not record.type
        and (tp.__module__, tp.__qualname__) == (record.type.__module__, record.type.__qualname__)
    )


def _built(shape: Record, found: dict[str, Any]) -> Any:
    try:
        return build(shape, found)
    except Exception as error:  # the class's own __init__ or __post_init__ refuses: whatever it raises is the reason
        raise Misfit(f"is refused by {shape.type.__name__}: {error}") from error


def _pydantic(parts: dict[str, Any], shape: Record) -> Any:
    model: Any = shape.type  # pydantic is optional, so its types are not ours to name
    try:
        return model.model_validate(parts)
    except ValueError as error:
        first = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        misfit = Misfit(f"does not fit {shape.type.__name__}: {first['msg']}")
        if first.get("type") == "missing":
            misfit = Misfit(f"has no {first['loc'][-1]!r}", kind="missing", name=str(first["loc"][-1]))
            first["loc"] = first["loc"][:-1]
        for step in reversed(first["loc"]):
            misfit.under(f"[{step}]" if isinstance(step, int) else str(step))
        raise misfit from None


def _one_of(value: Any, shape: OneOf) -> Any:
    misfits: list[Misfit] = []
    converted: list[Any] = []
    for option in shape.options:
        try:
            found = convert_shape(value, option)
        except Misfit as misfit:
            misfits.append(misfit)
            continue
        if found is value:
            return value
        converted.append(found)
    if converted:
        return converted[0]
    deep = [misfit for misfit in misfits if misfit.path or misfit.kind != "value"]
    if len(deep) == 1:
        raise deep[0]
    raise Misfit(f"{show(value)}, not {describe(shape)}")


def show(value: Any) -> str:
    """A clause that says what a value is: ``"is 'high' (str)"``; short, whatever the value."""
    if value is None:
        return "is None"
    if isinstance(value, (bool, int, float, str, bytes)) and len(text := _short(value)) <= 60:
        return f"is {text} ({type(value).__name__})"
    return f"is a {type(value).__qualname__}"


def _short(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return "a huge number"
    return repr(value[:40]) + "…" if isinstance(value, (str, bytes)) and len(value) > 40 else repr(value)


def describe(shape: Shape) -> str:
    """A shape as a person would write the type, with its bounds."""
    bounds = str(getattr(shape, "bounds", ""))
    return _name(shape) + (f" ({bounds})" if bounds else "")


def _name(shape: Shape) -> str:
    match shape:
        case Scalar(type=tp):
            return "None" if tp is type(None) else tp.__name__
        case Choice(type=None):
            return "one of " + ", ".join(repr(value) for value in shape.values)
        case Choice(type=tp):
            return f"{tp.__name__ if tp else ''} ({', '.join(repr(member.value) for member in shape.values)})"
        case ListOf(item=Anything()):
            return shape.type.__name__
        case ListOf():
            return f"{shape.type.__name__}[{_name(shape.item)}{', ...' if shape.type is tuple else ''}]"
        case DictOf(key=Anything(), value=Anything()):
            return "dict"
        case DictOf():
            return f"dict[{_name(shape.key)}, {_name(shape.value)}]"
        case TupleOf():
            return f"tuple[{', '.join(map(_name, shape.items))}]"
        case Record(type=tp) | Instance(type=tp):
            return tp.__name__
        case OneOf():
            return " | ".join(map(describe, shape.options)) or "nothing"
    return "Any"


def fields_named(shape: Shape) -> tuple[Field, ...]:
    """The fields of a shape, when it is a record; of the record in a union such as ``Settings | None``."""
    if isinstance(shape, OneOf):
        records = [option for option in shape.options if isinstance(option, Record)]
        return records[0].fields if len(records) == 1 else ()
    return shape.fields if isinstance(shape, Record) else ()
