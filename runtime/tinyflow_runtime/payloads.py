"""A check says whether payloads are what a port's type promises: compiled once per type, run on whole batches.

Every shape becomes one function over a *collection* of values: a list of lists is flattened and checked in one go, so
the price is per batch, and what is left per value is done in C (``set(map(type, values))``, ``min``, ``max``).
An instance of a class is taken at its class's word, as Python does: the fields of a dataclass are not looked into.
"""

from __future__ import annotations

import datetime
import enum
import threading
from collections.abc import Callable, Collection, Hashable
from itertools import chain
from typing import Any

from tinyflow_runtime.conversion import Misfit, convert_shape, payload_error, rules, within
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.shapes import (
    CACHED,
    INT_MAX,
    INT_MIN,
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
    shape_of,
    without_none,
)
from tinyflow_runtime.snapshots import refuse_unsendable, sendable_class

__all__ = ["Check", "check"]

_AllPass = Callable[[Collection[Any]], bool]


class Check:
    """What a port does with the payloads it is given.

    Attributes:
        trivial: The type says nothing. What is left to check is that a payload can be sent at all.
        shape: The type, read.
    """

    __slots__ = ("_all_pass", "_at_once", "_closed", "_only_ints", "shape", "trivial")

    def __init__(self, shape: Shape) -> None:
        shape = self.shape = without_none(shape)
        self.trivial = isinstance(shape, Anything)
        self._all_pass = _compiled(shape)
        self._at_once = _settled_by_type(shape)
        self._only_ints = self.trivial or shape == Scalar(type=int)
        self._closed = _leaves_nothing_open(shape)

    def first_misfit(self, values: list[Any]) -> int:
        """The index of the first payload that does not pass unchanged; -1 when all do.

        It looks neither into class instances nor into what the type leaves open. What it finds is for ``one`` to judge.
        """
        if self._at_once.issuperset(map(type, values)):
            return -1
        if self._only_ints and _INT.issuperset(map(type, values)):
            if INT_MIN <= min(values) and max(values) <= INT_MAX:
                return -1
        elif self._all_pass(values):
            return -1
        return next((index for index, value in enumerate(values) if not self._all_pass((value,))), -1)

    def one(self, value: Any) -> Any:
        """The value, or what it becomes: a dict that meets a dataclass, a number of numpy, an older run's class.

        Raises:
            PayloadError: TF-123, it does not fit the type; TF-120, a part of it cannot be sent to anyone.
        """
        if value is None:
            raise PayloadError("TF-120", "None is never sent.", "Send a value, or send nothing.")
        if not self._all_pass((value,)):
            if not isinstance(value, int):
                refuse_unsendable(value)
            try:
                value = convert_shape(value, self.shape)
            except Misfit as misfit:
                raise payload_error(misfit) from None
        if not self._closed:
            refuse_unsendable(value)
        return value


_INT = frozenset({int})


def _settled_by_type(shape: Shape) -> frozenset[type]:
    """Classes whose instances pass, with nothing further to look at; most payloads are settled by this alone."""
    match shape:
        case Scalar() if shape.bounds == Bounds() and shape.type is not int:
            return frozenset({shape.type})
        case Anything():
            return frozenset({float, str, bytes, bool, dict, list})
        case ListOf(item=Anything()) if shape.bounds == Bounds():
            return frozenset(shape.accepts)
        case DictOf(key=Anything(), value=Anything()) if shape.bounds == Bounds():
            return frozenset({dict})
        case Record() | Instance() if not (isinstance(shape, Record) and shape.kind == "typeddict"):
            return frozenset({shape.type})
        case Choice() if shape.type is not None:
            return frozenset({shape.type})
        case OneOf():
            return frozenset().union(*map(_settled_by_type, shape.options)) - {type(None)}
    return frozenset()


def _leaves_nothing_open(shape: Shape) -> bool:
    """Whether a value that passes can surely be sent, so that nobody needs to look into it."""
    match shape:
        case Scalar() | Choice():
            return True
        case ListOf():
            return _leaves_nothing_open(shape.item)
        case DictOf():
            return _leaves_nothing_open(shape.key) and _leaves_nothing_open(shape.value)
        case TupleOf():
            return all(map(_leaves_nothing_open, shape.items))
        case OneOf():
            return all(map(_leaves_nothing_open, shape.options))
    return False


_checks: dict[Hashable, Check] = {}
_lock = threading.Lock()


def check(tp: Any) -> Check:
    """The check of a type; made once per type.

    Raises:
        ComponentError: TF-113, this is no type.
    """
    try:
        known = _checks.get(tp)
    except TypeError:  # a type with an unhashable bound in its Annotated
        return Check(shape_of(tp))
    if known is None:
        with _lock:
            if len(_checks) >= CACHED:
                _checks.clear()
            known = _checks[tp] = Check(shape_of(tp))
    return known


def _compiled(shape: Shape) -> _AllPass:
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


def _sendable(values: Collection[Any]) -> bool:
    found = {*map(type, values)}
    if type(None) in found or not all(map(sendable_class, found)):
        return False
    return int not in found or _in_range(values, found)


def _in_range(values: Collection[Any], found: set[type]) -> bool:
    if found == {int}:
        return bool(INT_MIN <= min(values) and max(values) <= INT_MAX)
    return all(INT_MIN <= value <= INT_MAX for value in values if type(value) is int)


def _scalar(shape: Scalar) -> _AllPass:
    bounds, tp = shape.bounds, shape.type
    allowed = {float, int} if tp is float else {tp}
    counts = int in allowed

    def passes(values: Collection[Any]) -> bool:
        found = {*map(type, values)}
        if not found <= allowed and not all(_is_a(one, tp) for one in found - allowed):
            return False
        return not counts or int not in found or _in_range(values, found)

    if bounds == Bounds():
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


def _choice(shape: Choice) -> _AllPass:
    if shape.type is not None:
        return _instances(shape.type)
    pairs = {(type(value), value) for value in shape.values}

    def passes(values: Collection[Any]) -> bool:
        try:
            return {*zip(map(type, values), values, strict=True)} <= pairs
        except TypeError:  # an unhashable value is none of them
            return not values

    return passes


def _instances(tp: type) -> _AllPass:
    allowed = {tp}

    def passes(values: Collection[Any]) -> bool:
        found = {*map(type, values)}
        return found <= allowed or all(issubclass(one, tp) for one in found)

    return passes


def _kinds(accepts: tuple[type, ...]) -> _AllPass:
    allowed = {*accepts}

    def passes(values: Collection[Any]) -> bool:
        found = {*map(type, values)}
        return found <= allowed or all(issubclass(one, accepts) for one in found)

    return passes


def _list(shape: ListOf) -> _AllPass:
    outer, item, bounds = _kinds(shape.accepts), shape.item, shape.bounds
    if isinstance(item, Anything):
        passes = outer
    else:
        inner = _later(item)

        def passes(values: Collection[Any]) -> bool:
            return outer(values) and inner(list(chain.from_iterable(values)))

    return passes if bounds == Bounds() else lambda values: passes(values) and all(within(v, bounds) for v in values)


def _dict(shape: DictOf) -> _AllPass:
    outer, bounds = _kinds((dict,)), shape.bounds
    key = None if isinstance(shape.key, Anything) else _later(shape.key)
    item = None if isinstance(shape.value, Anything) else _later(shape.value)

    def passes(values: Collection[Any]) -> bool:
        return (
            outer(values)
            and (key is None or key(list(chain.from_iterable(values))))
            and (item is None or item([part for value in values for part in value.values()]))
        )

    if bounds != Bounds():
        return lambda values: passes(values) and all(within(value, bounds) for value in values)
    return outer if key is None and item is None else passes


def _tuple(shape: TupleOf) -> _AllPass:
    outer, length, inner = _kinds((tuple,)), len(shape.items), [_later(item) for item in shape.items]

    def passes(values: Collection[Any]) -> bool:
        if not outer(values) or {*map(len, values)} - {length}:
            return False
        return (
            all(one(column) for one, column in zip(inner, zip(*values, strict=True), strict=True)) if values else True
        )

    return passes


def _typeddict(shape: Record) -> _AllPass:
    outer = _kinds((dict,))
    compiled: list[tuple[str, bool, _AllPass]] = []

    def passes(values: Collection[Any]) -> bool:
        if not compiled:  # not before the first payload: the class may mention itself
            compiled.extend((field.alias, field.required, _compiled_part(field.shape)) for field in shape.fields)
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


def _one_of(shape: OneOf) -> _AllPass:
    options = [_later(option) for option in shape.options]
    plain = [option for option in shape.options if isinstance(option, Scalar) and option.bounds == Bounds()]
    allowed = {option.type for option in plain} | ({int} if any(option.type is float for option in plain) else set())

    def passes(values: Collection[Any]) -> bool:
        found = {*map(type, values)}
        if found <= allowed:
            return int not in found or _in_range(values, found)
        return any(option(values) for option in options) or all(
            any(option((value,)) for option in options) for value in values
        )

    return passes


def _later(shape: Shape) -> _AllPass:
    """A part's check; compiled when first asked for, because a type may contain itself."""
    if isinstance(shape, (Scalar, Choice, Instance)):
        return _compiled(shape)
    made: list[_AllPass] = []

    def passes(values: Collection[Any]) -> bool:
        if not made:
            made.append(_compiled_part(shape))
        return made[0](values)

    return passes


def _compiled_part(shape: Shape) -> _AllPass:
    """Inside a payload None is a value, and what ``Any`` leaves open is looked at when the payload is sent."""
    return _everything if isinstance(shape, Anything) else _compiled(shape)


def _everything(values: Collection[Any]) -> bool:
    return True
