"""The port types that a view's browsers know, by number, and which fits which: they look there while Python is busy."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from tinyflow_runtime.payloads.fits import fits
from tinyflow_runtime.schema import type_name

__all__ = ["Types"]

Json = dict[str, Any]  # what JSON can hold


class Types:
    """Types by number: a browser compares numbers where Python compares types. No number is given twice.

    Any thread may call it.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._types: dict[int, Any] = {}  # what people wrote as annotations
        self._names: dict[int, str] = {}
        self._numbers: dict[Any, int] = {}  # of types that have a hash
        self._next = 0
        self._fits: dict[tuple[int, int], bool] = {}  # which was found out already
        self._asked: set[int] = set()  # by who is using it now
        self._used: dict[str, set[int]] = {}

    @contextlib.contextmanager
    def used(self, by: str) -> Iterator[None]:
        """The numbers that are asked for inside are those that one has from then on; what nobody has is forgotten."""
        with self._lock:
            self._asked = set()
            yield
            self._used[by], self._asked = self._asked, set()
            self._forget(self._types.keys() - set[int]().union(*self._used.values()))

    def number(self, tp: Any) -> int:
        """Of a type; the same for one that is equal."""
        with self._lock:
            try:
                found = self._numbers.get(tp)
                if found is None:
                    found = self._numbers[tp] = self._looked_for(tp)
            except TypeError:  # a type whose notes have no hash
                found = self._looked_for(tp)
            self._asked.add(found)
            return found

    def told(self) -> Json:
        """``types``: their names; ``fits``: the numbers of the input types that the type of an output fits."""
        with self._lock:
            table = {source: [target for target in self._types if self._fit(source, target)] for source in self._types}
            return {"types": dict(self._names), "fits": table}

    def _looked_for(self, tp: Any) -> int:
        name = type_name(tp)
        for number, one in self._types.items():
            if self._names[number] == name and one == tp:
                return number
        number = self._next
        self._next += 1
        self._types[number], self._names[number] = tp, name
        return number

    def _fit(self, source: int, target: int) -> bool:
        found = self._fits.get((source, target))
        if found is None:
            found = self._fits[source, target] = fits(self._types[source], self._types[target])
        return found

    def _forget(self, numbers: set[int]) -> None:
        if not numbers:
            return
        for number in numbers:
            del self._types[number], self._names[number]
        self._numbers = {tp: number for tp, number in self._numbers.items() if number not in numbers}
        self._fits = {pair: fit for pair, fit in self._fits.items() if numbers.isdisjoint(pair)}
