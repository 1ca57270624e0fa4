"""Whether the payloads of a port can change, known from its type alone."""

from __future__ import annotations

from typing import Any

from tinyflow_runtime.payloads.reading import shape_of
from tinyflow_runtime.payloads.shapes import Choice, ListOf, OneOf, Record, Scalar, Shape, TupleOf

__all__ = ["immutable"]


def immutable(tp: Any) -> bool:
    """Whether values of a type can never change, so that a snapshot is the value itself: decided from the type alone.

    Numbers, texts, dates, enums, and tuples, frozensets and frozen dataclasses or Structs of these.
    """
    return _immutable(shape_of(tp), frozenset())


def _immutable(shape: Shape, above: frozenset[type]) -> bool:
    match shape:
        case Scalar():
            return shape.type is not bytearray
        case Choice():
            return True
        case TupleOf():
            return all(_immutable(item, above) for item in shape.items)
        case ListOf():
            return shape.accepts in ((tuple,), (frozenset,)) and _immutable(shape.item, above)
        case OneOf():
            return all(_immutable(option, above) for option in shape.options)
        case Record():
            inside = above | {shape.type}
            return _is_frozen(shape) and all(
                (isinstance(field.shape, Record) and field.shape.type in above) or _immutable(field.shape, inside)
                for field in shape.fields
            )
    return False


def _is_frozen(record: Record) -> bool:
    tp: Any = record.type  # what tells that a class is frozen is private to its library
    match record.kind:
        case "namedtuple":
            return True
        case "dataclass":
            return bool(tp.__dataclass_params__.frozen)
        case "struct":
            return bool(tp.__struct_config__.frozen)
        case "pydantic":
            return bool(tp.model_config.get("frozen"))
    return False
