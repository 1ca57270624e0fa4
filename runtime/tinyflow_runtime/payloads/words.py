"""Words for types and values, as they stand in errors, on ports and in forms."""

from __future__ import annotations

import enum
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from tinyflow_runtime.payloads.reading import shape_of
from tinyflow_runtime.payloads.shapes import (
    Anything,
    Choice,
    DictOf,
    Instance,
    ListOf,
    OneOf,
    Record,
    Scalar,
    Shape,
    TupleOf,
)

__all__ = ["describe", "show", "type_name"]


def type_name(tp: Any) -> str:
    """A type as a person would write it: ``int``, ``list[dict]``, ``float | None``, the name of a class."""
    origin, args = get_origin(tp), get_args(tp)
    if tp is None or tp is type(None):
        return "None"
    if tp is Ellipsis:
        return "..."
    if origin is Annotated:
        bounds = getattr(shape_of(tp), "bounds", "")
        return f"{type_name(args[0])} ({bounds})" if str(bounds) else type_name(args[0])
    if origin in (Union, types.UnionType):
        return " | ".join(type_name(arg) for arg in args)
    if origin is Literal:
        return f"Literal[{', '.join(_value_name(arg) for arg in args)}]"
    if origin is not None and args:
        inside = ", ".join(
            f"[{', '.join(map(type_name, arg))}]" if isinstance(arg, list) else type_name(arg) for arg in args
        )
        return f"{_plain_name(origin)}[{inside}]"
    return _plain_name(tp)


def _value_name(value: Any) -> str:
    return f"{type(value).__name__}.{value.name}" if isinstance(value, enum.Enum) else repr(value)


def _plain_name(tp: Any) -> str:
    name = getattr(tp, "__name__", None) or getattr(tp, "_name", None)
    return name if isinstance(name, str) else repr(tp).replace("typing.", "")


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
