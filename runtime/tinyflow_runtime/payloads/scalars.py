"""Scalars: numbers, texts, bytes and dates, their bounds, and what a document may say for them."""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import enum
import functools
import pathlib
import re
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from tinyflow_runtime.payloads.misfits import Misfit
from tinyflow_runtime.payloads.optional import loaded
from tinyflow_runtime.payloads.reading import CACHED
from tinyflow_runtime.payloads.shapes import INT_MAX, INT_MIN, UNBOUNDED, Bounds, Scalar
from tinyflow_runtime.payloads.words import describe, show

__all__ = ["in_range", "packed", "rules", "scalar", "within"]


def scalar(value: Any, shape: Scalar) -> Any:
    """The value, or what the document means; raises ``Misfit``."""
    if type(value) is shape.type and type(value) is not int and shape.bounds == UNBOUNDED:
        return value
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
    numpy = loaded("numpy")  # optional: nobody has such a number who has not imported it
    if numpy is not None and isinstance(value, numpy.generic) and isinstance(value, (numpy.number, numpy.bool_)):
        return value.item()
    return value


_encode = msgspec.msgpack.Encoder().encode


def in_range(values: list[Any] | tuple[Any, ...] | dict[str, Any]) -> bool:
    """Whether all ints among numbers, texts and None have 64 bits."""
    return packed(values) is not None


def packed(values: list[Any] | tuple[Any, ...] | dict[str, Any]) -> int | None:
    """How many bytes numbers, texts and None have together; None where an int is out of range.

    MessagePack is the quickest to know, in C.
    """
    try:
        return len(_encode(values))
    except OverflowError:
        return None


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
