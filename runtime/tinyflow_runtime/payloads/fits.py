"""Whether what leaves one port may enter another: decided once, when the edge is made."""

from __future__ import annotations

import enum
from typing import Any

from tinyflow_runtime.payloads.conversion import is_twin
from tinyflow_runtime.payloads.reading import shape_of, without_none
from tinyflow_runtime.payloads.scalars import within
from tinyflow_runtime.payloads.shapes import (
    UNBOUNDED,
    Anything,
    Bounds,
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

__all__ = ["Fit", "certain", "fits"]


class Fit(enum.IntEnum):
    """How one type fits another; the smallest of its parts decides."""

    NO = 0
    PERHAPS = 1  # the types allow it; each payload must be looked at
    YES = 2  # every payload of the source passes


def fits(source: Any, target: Any) -> bool:
    """Whether an edge may lead from a port of type ``source`` to one of type ``target``.

    ``Any`` fits both ways. int fits float, bool does not fit int. Subclasses, members of unions and literals fit what
    holds them; lists, dicts and tuples are covariant. A TypedDict fits a dict and any TypedDict whose keys it has, and
    never a dataclass. Bounds do not refuse an edge unless no value can keep both: they are checked per message.
    """
    return fit(_sent(source), shape_of(target)) is not Fit.NO


def certain(source: Any, target: Any) -> bool:
    """Whether every payload that passed the check of ``source`` passes that of ``target``: no check per message."""
    return fit(_sent(source), shape_of(target)) is Fit.YES


def _sent(tp: Any) -> Shape:
    """What a port of that type sends: None is never sent, whatever the type says."""
    return without_none(shape_of(tp))


_Seen = frozenset[tuple[Any, Any]]


def fit(source: Shape, target: Shape, seen: _Seen = frozenset()) -> Fit:
    """``fits`` and ``certain`` in one, for shapes; ``seen`` are the pairs of records being compared further out."""
    if isinstance(target, Anything):
        return Fit.YES
    if isinstance(source, Anything):
        return Fit.PERHAPS
    if isinstance(source, OneOf):
        return min((fit(option, target, seen) for option in source.options), default=Fit.YES)
    if isinstance(target, OneOf):
        return _into_union(source, target, seen)
    match source, target:
        case Scalar(), Scalar():
            return _scalars(source, target)
        case Choice(), _:
            return _choice(source, target)
        case ListOf(), ListOf():
            return _lists(source, target, seen)
        case TupleOf(), TupleOf():
            if len(source.items) != len(target.items):
                return Fit.NO
            pairs = zip(source.items, target.items, strict=True)
            return min((fit(one, other, seen) for one, other in pairs), default=Fit.YES)
        case TupleOf(), ListOf():
            if tuple not in target.accepts or not within(source.items, target.bounds):
                return Fit.NO
            return min((fit(item, target.item, seen) for item in source.items), default=Fit.YES)
        case ListOf(accepts=(one,)), TupleOf() if one is tuple and isinstance(source.item, Anything):
            return Fit.PERHAPS
        case DictOf(), DictOf():
            parts = min(fit(source.key, target.key, seen), fit(source.value, target.value, seen))
            return min(parts, _bounds(source.bounds, target.bounds))
        case DictOf(), Record(kind="typeddict"):
            return Fit.PERHAPS if isinstance(source.value, Anything) else Fit.NO
        case Record(), _:
            return _record(source, target, seen)
        case _, Instance():
            return _classes(_class_of(source), target.type)
        case Instance(), Record() if target.kind != "typeddict":
            return _classes(source.type, target.type)
        case Instance(), DictOf() | ListOf() | Scalar():
            return _subclass(source.type, target)
    return Fit.NO


def _subclass(source: type, target: DictOf | ListOf | Scalar) -> Fit:
    """A subclass of a container or of a scalar: a Counter is a dict; what it holds is looked at per message."""
    accepts = (target.type,) if isinstance(target, Scalar) else getattr(target, "accepts", (dict,))
    if not issubclass(source, accepts) or source is bool:
        return Fit.NO
    return Fit.YES if isinstance(target, DictOf | ListOf) and target in (DictOf(), ListOf()) else Fit.PERHAPS


def _class_of(shape: Shape) -> type:
    match shape:
        case Scalar() | ListOf() | Record() | Instance():
            return shape.type
        case DictOf():
            return dict
        case TupleOf():
            return tuple
    return object


def _classes(source: type, target: type) -> Fit:
    try:
        return Fit.YES if issubclass(source, target) else Fit.NO
    except TypeError:  # a Protocol with attributes, which only instances can be asked for
        return Fit.PERHAPS


def _into_union(source: Shape, target: OneOf, seen: _Seen) -> Fit:
    best = max((fit(source, option, seen) for option in target.options), default=Fit.NO)
    if best is Fit.NO and isinstance(source, Choice):  # its values may be spread over the options
        return min(max(fit(one, option, seen) for option in target.options) for one in _each(source))
    return best


def _each(choice: Choice) -> list[Choice]:
    return [Choice(values=(value,), type=choice.type) for value in choice.values]


def _scalars(source: Scalar, target: Scalar) -> Fit:
    same = source.type is target.type or (source.type is int and target.type is float)
    same = same or (source.type is not bool and issubclass(source.type, target.type) and _no_datetime(source.type))
    return _bounds(source.bounds, target.bounds) if same else Fit.NO


def _no_datetime(tp: type) -> bool:
    return tp.__module__ != "datetime"  # a datetime is a date for issubclass, and is not one for us


def _choice(source: Choice, target: Shape) -> Fit:
    if isinstance(target, Choice):
        if target.type is not None or source.type is not None:
            same = source.type is target.type and source.type is not None
            return Fit.YES if same and all(value in target.values for value in source.values) else Fit.NO
        known = {(type(value), value) for value in target.values}
        return Fit.YES if all((type(value), value) in known for value in source.values) else Fit.NO
    if isinstance(target, Instance):
        return _classes(source.type, target.type) if source.type else Fit.NO
    if not isinstance(target, Scalar):
        return Fit.NO
    if source.type is not None:
        fine = issubclass(source.type, int) and target.type in (int, float)
        return Fit.NO if not fine else Fit.YES if target.bounds == UNBOUNDED else Fit.PERHAPS
    fine = all(type(value) is target.type or (type(value), target.type) == (int, float) for value in source.values)
    return Fit.YES if fine and all(within(value, target.bounds) for value in source.values) else Fit.NO


def _lists(source: ListOf, target: ListOf, seen: _Seen) -> Fit:
    kinds = {*source.accepts} - {*target.accepts}
    if kinds == {*source.accepts}:
        return Fit.NO
    outer = Fit.YES if not kinds else Fit.NO
    return min(outer, fit(source.item, target.item, seen), _bounds(source.bounds, target.bounds))


def _bounds(source: Bounds, target: Bounds) -> Fit:
    if target == UNBOUNDED or source == target:
        return Fit.YES
    if _disjoint(source, target) or _disjoint(target, source):
        return Fit.NO
    return Fit.YES if _inside(source, target) else Fit.PERHAPS


def _disjoint(below: Bounds, above: Bounds) -> bool:
    """Whether everything the first allows is less than everything the second allows."""
    for high, high_open in ((below.le, False), (below.lt, True)):
        for low, low_open in ((above.ge, False), (above.gt, True)):
            if high is not None and low is not None and (high < low or (high == low and (high_open or low_open))):
                return True
    return below.max_length is not None and above.min_length is not None and below.max_length < above.min_length


def _inside(source: Bounds, target: Bounds) -> bool:
    lows, highs = (source.ge, source.gt), (source.le, source.lt)
    return (
        (target.ge is None or any(low is not None and low >= target.ge for low in lows))
        and (target.gt is None or _above(source, target.gt))
        and (target.le is None or any(high is not None and high <= target.le for high in highs))
        and (target.lt is None or _below(source, target.lt))
        and (target.multiple_of is None or _multiple(source.multiple_of, target.multiple_of))
        and (target.min_length is None or (source.min_length or 0) >= target.min_length)
        and (target.max_length is None or _shorter(source.max_length, target.max_length))
        and (target.pattern is None or source.pattern == target.pattern)
    )


def _above(source: Bounds, limit: Any) -> bool:
    return bool((source.ge is not None and source.ge > limit) or (source.gt is not None and source.gt >= limit))


def _below(source: Bounds, limit: Any) -> bool:
    return bool((source.le is not None and source.le < limit) or (source.lt is not None and source.lt <= limit))


def _multiple(source: Any, target: Any) -> bool:
    return source is not None and source % target == 0


def _shorter(source: int | None, target: int) -> bool:
    return source is not None and source <= target


def _record(source: Record, target: Shape, seen: _Seen) -> Fit:
    if source.kind == "typeddict":
        return _typeddict(source, target, seen)
    if isinstance(target, Record) and target.kind != "typeddict":
        if issubclass(source.type, target.type):
            return Fit.YES
        return Fit.PERHAPS if is_twin(source.type, target) else Fit.NO
    if isinstance(target, Instance):
        return _classes(source.type, target.type)
    if source.kind == "namedtuple" and isinstance(target, (ListOf, TupleOf)):
        return fit(TupleOf(items=tuple(field.shape for field in source.fields)), target, seen)
    return Fit.NO


def _typeddict(source: Record, target: Shape, seen: _Seen) -> Fit:
    if isinstance(target, DictOf):
        parts = [fit(Scalar(type=str), target.key, seen)]
        if not isinstance(target.value, Anything):  # keys that are not named may hold anything
            parts += [Fit.PERHAPS, *(fit(field.shape, target.value, seen) for field in source.fields)]
        return min(*parts, _bounds(UNBOUNDED, target.bounds)) if len(parts) > 1 else min(parts[0], Fit.YES)
    if not isinstance(target, Record) or target.kind != "typeddict":
        return Fit.NO
    pair = (source.type, target.type)
    if source.type is target.type or pair in seen:
        return Fit.YES
    known = {field.name: field for field in source.fields}
    worst = Fit.YES
    for field in target.fields:
        has = known.get(field.name)
        if has is None:
            worst = min(worst, Fit.NO if field.required else Fit.PERHAPS)
        elif field.required and not has.required:
            return Fit.NO
        else:
            worst = min(worst, fit(has.shape, field.shape, seen | {pair}))
    return worst
