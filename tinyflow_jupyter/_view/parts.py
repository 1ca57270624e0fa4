"""Parts are what a value is made of, found without running any code of its own: a payload is an attacker's string.

Nothing is asked of a value that its class could answer in its own way: no ``repr``, ``len``, ``iter``, ``isinstance``
or attribute. Built-in types are read by their own methods, fields by their descriptors.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import itertools
import pathlib
import sys
import types
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Seen", "fields_of", "is_a", "library", "look", "name_of"]

# Any: a payload is whatever a component sends.

LETTERS = 2_000  # of one text; the rest is asked for when somebody opens it
DIGITS = 1_024  # bits of an integer that is written out: each digit more makes the rest dearer
BYTES = 64  # of binary data that are shown
_NAME: Any = type.__dict__["__name__"]  # these are descriptors: a metaclass cannot answer for them
_MRO: Any = type.__dict__["__mro__"]
_DICT: Any = type.__dict__["__dict__"]
_MODULE: Any = type.__dict__["__module__"]


@dataclass(slots=True)
class Seen:
    """What a value is.

    Attributes:
        kind: A word that the browser knows.
        text: What is written of it; for a text its beginning.
        count: Of letters, bytes or parts; None where there is nothing to count.
        sequence: The parts by position, where there are positions.
        parts: The others, as pairs of key and value.
    """

    kind: str
    text: str = ""
    count: int | None = None
    sequence: list[Any] | tuple[Any, ...] | None = None
    parts: Iterator[tuple[Any, Any]] | None = None

    def children(self, start: int) -> Iterator[tuple[Any, Any]]:
        """The parts from a number on."""
        if self.sequence is not None:
            get = list.__getitem__ if is_a(type(self.sequence), list) else tuple.__getitem__
            there: Any = self.sequence
            return ((index, get(there, index)) for index in range(start, self.count or 0))
        return itertools.islice(self.parts, start, None) if self.parts is not None else iter(())


def is_a(tp: type, base: type) -> bool:
    """Whether a class has another among its bases; neither is asked."""
    return base in _MRO.__get__(tp)


def name_of(tp: type) -> str:
    """The name of a class, as it was made; a short one."""
    return str(_NAME.__get__(tp))[:80]


def look(value: Any) -> Seen:
    """What a value is."""
    tp = type(value)
    if value is None:
        return Seen("null", "None")
    if tp is str:  # most payloads are made of these three
        return _text(value)
    if tp is int:
        return _integer(value)
    if tp is float:
        return _float(value)
    if tp is bool:
        return Seen("bool", "True" if value else "False")
    if is_a(tp, enum.Enum):
        own = fields_of(value, ("_name_",))
        member = own.get("_name_")
        return Seen("enum", f"{name_of(tp)}.{member if type(member) is str else '?'}"[:LETTERS])
    for base, reader in _READERS.items():
        if is_a(tp, base):
            seen: Seen = reader(value)
            return seen
    exact = _EXACT.get(tp)
    if exact is not None:
        return Seen("other", exact(value)[:LETTERS])
    plain = _number(value, tp)
    return _record(value, tp) if plain is None else look(plain)


def _number(value: Any, tp: type) -> Any:
    """A number of numpy's as Python's own; None for what is none, or has no like."""
    if library(tp) != "numpy" or not is_a(tp, sys.modules["numpy"].generic):
        return None
    plain = value.item()
    return plain if type(plain) in (bool, int, float, complex) else None


def _text(value: Any) -> Seen:
    return Seen("str", str.__getitem__(value, slice(0, LETTERS)), str.__len__(value))


def _integer(value: Any) -> Seen:
    number = int.__add__(value, 0)
    bits = number.bit_length()
    if bits <= DIGITS:
        return Seen("int", str(number))
    first = hex(abs(number) >> (bits - 64))
    return Seen("int", f"{'-' if number < 0 else ''}{first}… ({bits:,} bits)")


def _float(value: Any) -> Seen:
    return Seen("float", float.__repr__(value))


def _binary(value: Any) -> Seen:
    tp = bytes if is_a(type(value), bytes) else bytearray
    return Seen("bytes", bytes(tp.__getitem__(value, slice(0, BYTES))).hex(" "), tp.__len__(value))


def _listed(value: Any) -> Seen:
    return Seen("list", "", list.__len__(value), sequence=value)


def _tuple(value: Any) -> Seen:
    tp = type(value)
    names = _own(tp, "_fields")
    if tp is not tuple and type(names) is tuple and all(type(name) is str for name in names):
        return Seen("record", name_of(tp), tuple.__len__(value), parts=zip(names, tuple.__iter__(value), strict=False))
    return Seen("tuple", "", tuple.__len__(value), sequence=value)


def _dict(value: Any) -> Seen:
    return Seen("dict", "", dict.__len__(value), parts=iter(dict.items(value)))


def _set(value: Any) -> Seen:
    return Seen("set", "", set.__len__(value), parts=enumerate(set.__iter__(value)))


def _frozenset(value: Any) -> Seen:
    return Seen("set", "", frozenset.__len__(value), parts=enumerate(frozenset.__iter__(value)))


def _deque(value: Any) -> Seen:
    return Seen("list", "deque", collections.deque.__len__(value), parts=enumerate(collections.deque.__iter__(value)))


_READERS: dict[type, Any] = {
    str: _text,
    int: _integer,
    float: _float,
    bytes: _binary,
    bytearray: _binary,
    dict: _dict,
    list: _listed,
    tuple: _tuple,
    set: _set,
    frozenset: _frozenset,
    collections.deque: _deque,
}


def _zoned(value: Any) -> str:
    zone: Any = value.tzinfo
    if zone is None or type(zone) is datetime.timezone or library(type(zone)) == "zoneinfo":
        return str(value.isoformat(sep=" ")) if type(value) is datetime.datetime else str(value.isoformat())
    return f"{value.replace(tzinfo=None).isoformat()} ({name_of(type(zone))})"  # an own class of zone is not asked


_EXACT: dict[type, Any] = {
    datetime.datetime: _zoned,
    datetime.time: _zoned,
    datetime.date: datetime.date.isoformat,
    datetime.timedelta: str,
    decimal.Decimal: str,
    uuid.UUID: lambda value: str(value) if type(value.int) is int else "UUID",
    complex: str,
    range: str,
    type(...): str,
    pathlib.PosixPath: str,
    pathlib.PurePosixPath: str,
    pathlib.PureWindowsPath: str,
}


def _record(value: Any, tp: type) -> Seen:
    if is_a(tp, type):
        return Seen("object", f"class {name_of(value)}")
    declared = _own(tp, "__dataclass_fields__") or _own(tp, "__struct_fields__") or _own(tp, "model_fields")
    names = tuple(declared) if type(declared) in (dict, tuple) else ()
    found = fields_of(value, tuple(name for name in names if type(name) is str))
    if not names:
        found = {name: part for name, part in _instance_dict(value).items() if type(name) is str}
    return Seen("record" if names else "object", name_of(tp), len(found), parts=iter(found.items()))


def fields_of(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Fields of an object by name, as far as it has them; properties are not asked."""
    held = _instance_dict(value)
    found = {}
    for name in names:
        slot = _own(type(value), name)
        if type(slot) is types.MemberDescriptorType:
            try:
                found[name] = slot.__get__(value, type(value))
            except AttributeError:  # deleted, or never set
                continue
        elif name in held:
            found[name] = held[name]
    return found


def _own(tp: type, name: str) -> Any:
    """What a class or a base of it holds under a name; no descriptor is called."""
    for base in _MRO.__get__(tp):
        held = _DICT.__get__(base)
        if name in held:
            return held[name]
    return None


def _instance_dict(value: Any) -> dict[Any, Any]:
    slot = _own(type(value), "__dict__")
    if type(slot) is not types.GetSetDescriptorType:
        return {}
    try:
        held = slot.__get__(value, type(value))
    except (AttributeError, TypeError):
        return {}
    return held if type(held) is dict else {}


def library(tp: type) -> str:
    """The library a class belongs to, where it is the very class that this library holds under that name."""
    module = _MODULE.__get__(tp)
    if type(module) is not str:
        return ""
    loaded = sys.modules.get(module)
    held = loaded.__dict__ if type(loaded) is types.ModuleType else {}
    return module.partition(".")[0] if held.get(name_of(tp)) is tp else ""
