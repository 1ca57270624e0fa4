"""Batches: every shape becomes one function that says whether all values of a collection are of it."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable
from itertools import chain
from typing import Any

from tinyflow_runtime.payloads.scalars import in_range, rules, within
from tinyflow_runtime.payloads.shapes import (
    UNBOUNDED,
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
from tinyflow_runtime.payloads.sizes import LIMIT, is_large
from tinyflow_runtime.payloads.snapshots import sendable_class

__all__ = ["AllPass", "all_pass", "leaves_nothing_open", "settled_by_type"]


Values = list[Any] | tuple[Any, ...]  # Any: payloads are of any type
AllPass = Callable[[Values], bool]


def all_pass(shape: Shape) -> AllPass:
    """The function that says whether every value of a collection passes unchanged."""
    match shape:
        case Anything():
            return _sendable
        case Scalar():
            return _scalar(shape)
        case Choice():
            return _choice(shape)
        case ListOf():
            return _list(shape)
        case DictOf():
            return _dict(shape)
        case TupleOf():
            return _tuple(shape)
        case Record(kind="typeddict"):
            return _typeddict(shape)
        case OneOf():
            return _one_of(shape)
        case Record() | Instance():
            return _instances(shape.type)
    raise AssertionError(shape)


def _sendable(values: Values) -> bool:
    found = {*map(type, values)}
    if type(None) in found or not all(map(sendable_class, found)):
        return False
    texts = found & _TEXTS
    if texts and _any_large(values if texts == found else [value for value in values if type(value) in texts]):
        return False
    return int not in found or _in_range(values, found)


_TEXTS = frozenset({str, bytes})


def _any_large(texts: Values) -> bool:
    return max(map(len, texts), default=0) > LIMIT // 4 and any(map(is_large, texts))


_NUMBERS = frozenset({int, float, bool, type(None)})


def _in_range(values: Values, found: set[type]) -> bool:
    return in_range(values if found <= _NUMBERS else [value for value in values if type(value) is int])


def _scalar(shape: Scalar) -> AllPass:
    bounds, tp = shape.bounds, shape.type
    allowed = {float, int} if tp is float else {tp}
    counts, sized = int in allowed, tp in (str, bytes)

    def passes(values: Values) -> bool:
        found = {*map(type, values)}
        if not found <= allowed and not all(_is_a(one, tp) for one in found - allowed):
            return False
        if sized and _any_large(values):
            return False
        return not counts or int not in found or _in_range(values, found)

    if bounds == UNBOUNDED:
        return passes
    kept = rules(bounds)
    return lambda values: passes(values) and all(all(map(keeps, values)) for keeps in kept)


def _is_a(found: type, tp: type) -> bool:
    """Whether a subclass passes for the class: a bool is no int, a datetime is no date, an enum is no str."""
    if found is bool or not issubclass(found, (float, int) if tp is float else tp):
        return False
    if issubclass(found, enum.Enum):
        return issubclass(found, int) and tp in (int, float)
    return not issubclass(found, datetime.datetime) or tp is datetime.datetime


def _choice(shape: Choice) -> AllPass:
    if shape.type is not None:
        return _instances(shape.type)
    pairs = {(type(value), value) for value in shape.values}

    def passes(values: Values) -> bool:
        try:
            return {*zip(map(type, values), values, strict=True)} <= pairs
        except TypeError:  # an unhashable value is none of them
            return not values

    return passes


def _instances(tp: type) -> AllPass:
    allowed = {tp}

    def passes(values: Values) -> bool:
        found = {*map(type, values)}
        return found <= allowed or all(issubclass(one, tp) for one in found)

    return passes


def _kinds(accepts: tuple[type, ...]) -> AllPass:
    allowed = {*accepts}

    def passes(values: Values) -> bool:
        found = {*map(type, values)}
        return found <= allowed or all(issubclass(one, accepts) for one in found)

    return passes


def _list(shape: ListOf) -> AllPass:
    outer, item, bounds = _kinds(shape.accepts), shape.item, shape.bounds
    if isinstance(item, Anything):
        passes = outer
    else:
        inner = _later(item)

        def passes(values: Values) -> bool:
            return outer(values) and inner(list(chain.from_iterable(values)))

    return passes if bounds == UNBOUNDED else lambda values: passes(values) and all(within(v, bounds) for v in values)


def _dict(shape: DictOf) -> AllPass:
    outer, bounds = _kinds((dict,)), shape.bounds
    key = None if isinstance(shape.key, Anything) else _later(shape.key)
    item = None if isinstance(shape.value, Anything) else _later(shape.value)

    def passes(values: Values) -> bool:
        return (
            outer(values)
            and (key is None or key(list(chain.from_iterable(values))))
            and (item is None or item([part for value in values for part in value.values()]))
        )

    if bounds != UNBOUNDED:
        return lambda values: passes(values) and all(within(value, bounds) for value in values)
    return outer if key is None and item is None else passes


def _tuple(shape: TupleOf) -> AllPass:
    outer, length, inner = _kinds((tuple,)), len(shape.items), [_later(item) for item in shape.items]

    def passes(values: Values) -> bool:
        if not outer(values) or {*map(len, values)} - {length}:
            return False
        return (
            all(one(column) for one, column in zip(inner, zip(*values, strict=True), strict=True)) if values else True
        )

    return passes


def _typeddict(shape: Record) -> AllPass:
    outer = _kinds((dict,))
    compiled: list[tuple[str, bool, AllPass]] = []

    def passes(values: Values) -> bool:
        if not compiled:  # not before the first payload: the class may mention itself
            compiled.extend((field.alias, field.required, _part(field.shape)) for field in shape.fields)
        if not outer(values):
            return False
        for name, required, inner in compiled:
            try:
                column = [value[name] for value in values] if required else [v[name] for v in values if name in v]
            except KeyError:
                return False
            if column and not inner(column):
                return False
        return True

    return passes


def _one_of(shape: OneOf) -> AllPass:
    options = [_later(option) for option in shape.options]
    plain = [option for option in shape.options if isinstance(option, Scalar) and option.bounds == UNBOUNDED]
    allowed = {option.type for option in plain} | ({int} if any(option.type is float for option in plain) else set())

    def passes(values: Values) -> bool:
        found = {*map(type, values)}
        if found <= allowed:
            return int not in found or _in_range(values, found)
        return any(option(values) for option in options) or all(
            any(option((value,)) for option in options) for value in values
        )

    return passes


def _later(shape: Shape) -> AllPass:
    """A part's check; compiled when first asked for, because a type may contain itself."""
    if isinstance(shape, (Scalar, Choice, Instance)):
        return all_pass(shape)
    made: list[AllPass] = []

    def passes(values: Values) -> bool:
        if not made:
            made.append(_part(shape))
        return made[0](values)

    return passes


def _part(shape: Shape) -> AllPass:
    """Inside a payload None is a value, and what ``Any`` leaves open is looked at when the payload is sent."""
    return _everything if isinstance(shape, Anything) else all_pass(shape)


def _everything(values: Values) -> bool:
    return True


def settled_by_type(shape: Shape) -> frozenset[type]:
    """Classes whose instances pass, with nothing further to look at; most payloads are settled by this alone."""
    match shape:
        case Scalar() if shape.bounds == UNBOUNDED and shape.type not in (int, str, bytes):
            return frozenset({shape.type})
        case Anything():
            return frozenset({float, bool, dict, list})
        case ListOf(item=Anything()) if shape.bounds == UNBOUNDED:
            return frozenset(shape.accepts)
        case DictOf(key=Anything(), value=Anything()) if shape.bounds == UNBOUNDED:
            return frozenset({dict})
        case Record() | Instance() if not (isinstance(shape, Record) and shape.kind == "typeddict"):
            return frozenset({shape.type})
        case Choice() if shape.type is not None:
            return frozenset({shape.type})
        case OneOf():
            return frozenset().union(*map(settled_by_type, shape.options)) - {type(None)}
    return frozenset()


def leaves_nothing_open(shape: Shape) -> bool:
    """Whether a value that passes can surely be sent, so that nobody needs to look into it."""
    match shape:
        case Scalar() | Choice():
            return True
        case ListOf():
            return leaves_nothing_open(shape.item)
        case DictOf():
            return leaves_nothing_open(shape.key) and leaves_nothing_open(shape.value)
        case TupleOf():
            return all(map(leaves_nothing_open, shape.items))
        case OneOf():
            return all(map(leaves_nothing_open, shape.options))
    return False
