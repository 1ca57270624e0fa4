"""Making: a batch of documents becomes values of a record's class, column by column."""

from __future__ import annotations

import inspect
import operator
from collections import deque
from collections.abc import Callable
from itertools import repeat
from typing import Any

from tinyflow_runtime.payloads.batches import all_pass, leaves_nothing_open
from tinyflow_runtime.payloads.columns import Together
from tinyflow_runtime.payloads.records import setters
from tinyflow_runtime.payloads.shapes import Record, Shape

__all__ = ["maker", "surely_sendable"]

_DICT = frozenset({dict})


def surely_sendable(shape: Shape) -> bool:
    """Whether what was made from a document can be sent, so that nobody needs to look into it."""
    return isinstance(shape, Record) and all(leaves_nothing_open(field.shape) for field in shape.fields)


def maker(shape: Shape) -> Together | None:
    """How documents that have exactly the fields of a record become its values; None where it must be one by one.

    What comes out is what ``convert`` would have made of each, and can be sent.
    """
    if not isinstance(shape, Record) or shape.kind not in ("dataclass", "struct", "namedtuple") or shape.tag:
        return None
    if not shape.fields or not surely_sendable(shape) or not _takes(shape):
        return None
    make, count = _constructor(shape), frozenset({len(shape.fields)})
    columns = [(operator.itemgetter(field.alias), all_pass(field.shape)) for field in shape.fields]

    def together(values: list[Any]) -> list[Any] | None:
        if not _DICT.issuperset(map(type, values)) or not count.issuperset(map(len, values)):
            return None
        found = []
        try:
            for get, passes in columns:
                column = list(map(get, values))
                if not passes(column):
                    return None
                found.append(column)
            return make(found)
        except Exception:  # a field is missing, or the class refuses a value: which one, is found one by one
            return None

    return together


def _constructor(record: Record) -> Callable[[list[list[Any]]], list[Any]]:
    """Makes values of columns."""
    tp, fill = record.type, setters(record.type, [field.name for field in record.fields])
    if fill is None or not _is_plain(tp):
        return lambda columns: list(map(tp, *columns))

    def filled(columns: list[list[Any]]) -> list[Any]:
        made: list[Any] = list(map(object.__new__, repeat(tp, len(columns[0]))))
        for put, column in zip(fill, columns, strict=True):
            deque(map(put, made, column), maxlen=0)  # runs it
        return made

    return filled


def _is_plain(tp: Any) -> bool:  # Any: what a dataclass is made of is private to its library
    """Whether a dataclass does nothing but fill its slots: all of its methods are what ``dataclass`` wrote."""
    params = tp.__dict__.get("__dataclass_params__")
    if params is None or hasattr(tp, "__post_init__") or tp.__new__ is not object.__new__:
        return False
    code = getattr(tp.__dict__.get("__init__"), "__code__", None)
    plain = params.frozen or tp.__setattr__ is object.__setattr__
    return plain and code is not None and code.co_filename == "<string>"


def _takes(record: Record) -> bool:
    """Whether a class takes its fields in their order."""
    try:
        taken = inspect.signature(record.type).parameters.values()
    except (TypeError, ValueError):  # it does not tell
        return False
    wanted = [(field.name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for field in record.fields]
    return [(one.name, one.kind) for one in taken] == wanted
