"""A check says whether payloads are what a port's type promises: compiled once per type, run on whole batches.

Every shape becomes one function over a *collection* of values: a list of lists is flattened and checked in one go, so
the price is per batch, and what is left per value is done in C (``set(map(type, values))``, ``min``, ``max``).
An instance of a class is taken at its class's word, as Python does: the fields of a dataclass are not looked into.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.payloads.batches import all_pass, leaves_nothing_open, settled_by_type
from tinyflow_runtime.payloads.columns import Together
from tinyflow_runtime.payloads.conversion import convert_shape
from tinyflow_runtime.payloads.making import maker, surely_sendable
from tinyflow_runtime.payloads.misfits import Misfit, payload_error
from tinyflow_runtime.payloads.reading import CACHED, shape_of, without_none
from tinyflow_runtime.payloads.scalars import in_range
from tinyflow_runtime.payloads.sendable import is_flat, refuse_unsendable
from tinyflow_runtime.payloads.shapes import Anything, Scalar, Shape
from tinyflow_runtime.payloads.sizes import always_small, refuse_large

__all__ = ["Check", "check"]


_INT = frozenset({int})


class Check:
    """What a port does with the payloads it is given.

    Attributes:
        trivial: The type says nothing. What is left to check is that a payload can be sent at all.
        shape: The type, read.
    """

    __slots__ = (
        "_all_pass",
        "_at_once",
        "_closed",
        "_made_closed",
        "_maker",
        "_only_ints",
        "_small",
        "shape",
        "trivial",
    )

    def __init__(self, shape: Shape) -> None:
        shape = self.shape = without_none(shape)
        self.trivial = isinstance(shape, Anything)
        self._all_pass = all_pass(shape)
        self._at_once = settled_by_type(shape)
        self._only_ints = self.trivial or shape == Scalar(type=int)
        self._closed = leaves_nothing_open(shape)
        self._maker: Together | bool | None = True  # not looked for yet: a record may not be complete before it is used
        self._made_closed = False
        self._small: bool | None = None  # likewise

    def first_misfit(self, values: list[Any]) -> int:
        """The index of the first payload that does not pass unchanged; -1 when all do.

        It looks neither into class instances nor into what the type leaves open. What it finds is for ``one`` to judge.
        """
        if self._at_once.issuperset(map(type, values)):
            return -1
        if self._only_ints and _INT.issuperset(map(type, values)):
            if in_range(values):
                return -1
        elif self._all_pass(values):
            return -1
        return next((index for index, value in enumerate(values) if not self._all_pass((value,))), -1)

    def together(self, values: list[Any]) -> list[Any] | None:
        """What ``one`` makes of each of a batch, mostly the batch itself; None where it must be one by one."""
        if self._at_once.issuperset(map(type, values)):
            return values
        if self._maker is True:
            self._maker, self._made_closed = maker(self.shape), surely_sendable(self.shape)
        made = self._maker(values) if callable(self._maker) else None
        return made if made is not None or self.first_misfit(values) >= 0 else values

    @property
    def settled(self) -> frozenset[type]:
        """Classes whose instances pass, whatever they are."""
        return self._at_once

    def look(self) -> tuple[str, Any] | None:
        """How to settle one value at a glance, as a passage knows it; None where a glance is never enough."""
        if self.trivial:
            return "any", self._at_once
        if self._only_ints:
            return "int", None
        if len(self._at_once) == 1:
            return "class", next(iter(self._at_once))
        return ("classes", self._at_once) if self._at_once else None

    def one(self, value: Any) -> Any:
        """The value, or what it becomes: a dict that meets a dataclass, a number of numpy, an older run's class.

        Raises:
            PayloadError: TF-123, it does not fit the type. TF-120, a part of it cannot be sent to anyone. TF-121, it is
                too large.
        """
        tp = type(value)
        if tp in self._at_once:
            if self._closed or (tp is dict and is_flat(value)):
                return value
        elif value is None:
            raise PayloadError("TF-120", "None is never sent.", "Send a value, or send nothing.")
        elif not self._all_pass((value,)):
            try:
                made = convert_shape(value, self.shape)
            except Misfit as misfit:
                if not isinstance(value, int):
                    refuse_unsendable(value)  # of two things that are wrong, the one a person did not mean
                raise payload_error(misfit) from None
            if self._made_closed and made is not value:
                return made
            value = made
        if not self._closed:
            refuse_unsendable(value)
        if self._small is None:
            self._small = always_small(self.shape)
        if not self._small:
            refuse_large(value)
        return value


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
