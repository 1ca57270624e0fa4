"""Fifty payloads as an attacker, or a tired person, would send them; each is made when it is needed.

``TOUCHED`` grows when code of a payload's own runs: looking at one must never do that.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import math
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

TOUCHED: list[str] = []

SCRIPT = "<script>window.pwned = 1; alert(1)</script>"
IMAGE = '<img src="x" onerror="window.pwned = 1; alert(1)">'
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000002000000020802000000fdd49a73000000164944415478da63fccfc0c0c0c0c0c4c0c0c0c0"
    "0000060d0103db4f63b90000000049454e44ae426082"
)


def _touch(name: str) -> Any:
    def touched(self: Any, *_: Any, **__: Any) -> Any:
        TOUCHED.append(name)
        raise RuntimeError(SCRIPT)

    return touched


EVIL = (
    "__repr__", "__str__", "__len__", "__iter__", "__getitem__", "__bool__", "__eq__", "__format__", "__int__",
    "__float__", "__index__", "__contains__", "__reversed__", "__call__", "__bytes__", "__getattr__", "__dir__",
    "__sizeof__", "__array__", "__dataframe__", "_repr_html_", "_repr_mimebundle_", "items", "keys", "values", "tolist",
)  # fmt: skip
EVERY_METHOD = {name: _touch(name) for name in EVIL}


def evil(name: str, *bases: type) -> type:
    return type(name, bases, {**EVERY_METHOD, "__class__": property(_touch("__class__")), "__hash__": object.__hash__})


class Asked:
    """Answers every attribute itself."""

    def __getattribute__(self, name: str) -> Any:
        TOUCHED.append(f"getattribute {name}")
        raise RuntimeError(SCRIPT)


class Boasting(type):
    """A class that answers for itself, and wrongly."""

    def __instancecheck__(cls, instance: object) -> bool:
        TOUCHED.append("instancecheck")
        return True

    def __subclasscheck__(cls, subclass: type) -> bool:
        TOUCHED.append("subclasscheck")
        return True

    def __getattribute__(cls, name: str) -> Any:
        if name not in ("__init__", "__new__", "__class__", "__dict__"):
            TOUCHED.append(f"class {name}")
        return super().__getattribute__(name)


class Zone(datetime.tzinfo):
    """A zone of its own."""

    utcoffset = tzname = dst = _touch("zone")


class Colour(enum.Enum):
    """A member with an evil name for itself."""

    RED = SCRIPT

    def __str__(self) -> str:
        TOUCHED.append("enum")
        return SCRIPT

    __repr__ = __format__ = __str__  # type: ignore[assignment]


@dataclasses.dataclass
class Record:
    """Fields that are properties, and fields that are not there."""

    name: Any = SCRIPT
    other: Any = None

    @property
    def secret_door(self) -> str:
        TOUCHED.append("property")
        return SCRIPT


class Pair(NamedTuple):
    """A tuple with names."""

    left: Any
    right: Any


def _deep(levels: int, make: Callable[[Any], Any]) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = make(value)
    return value


def _cycle_list() -> Any:
    one: list[Any] = [1]
    one.append(one)
    return one


def _cycle_dict() -> Any:
    one: dict[str, Any] = {"a": {"b": []}}
    one["a"]["b"].append(one)
    return one


def _cycle_object() -> Any:
    one = Record()
    one.other = [one]
    return one


def _without_a_field() -> Any:
    one = Record()
    del one.__dict__["other"]
    return one


def _own(base: type, *arguments: Any) -> Any:
    return evil(f"Evil{base.__name__.title()}", base)(*arguments)


def _bomb(levels: int) -> Any:
    value: Any = ["lol"] * 10
    for _ in range(levels):
        value = [value] * 10
    return value


HOSTILE: dict[str, Callable[[], Any]] = {
    "script": lambda: SCRIPT,
    "image tag": lambda: IMAGE,
    "closing tags": lambda: "</textarea></style></script><svg onload=alert(1)>",
    "a link to a script": lambda: "javascript:alert(1)",
    "a template": lambda: "{{constructor.constructor('alert(1)')()}} ${alert(1)} <%= 1 %>",
    "entities": lambda: "&lt;script&gt;alert(1)&lt;/script&gt; &#x3C;b&#x3E;",
    "an svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "a script that calls itself a picture": lambda: b"GIF8" + SCRIPT.encode(),
    "a picture with a script behind it": lambda: PNG + SCRIPT.encode(),
    "script as a key": lambda: {SCRIPT: {IMAGE: SCRIPT}},
    "keys that mean something to JavaScript": lambda: {"__proto__": {"x": 1}, "constructor": 1, "length": 9},
    "a huge text": lambda: "x" * 5_000_000,
    "a huge text without a blank": lambda: "\U0001f600" * 1_000_000,
    "many lines": lambda: "\n" * 500_000,
    "control characters": lambda: "".join(map(chr, range(32))) + "\x7f\x80\x9f\x1b[31m\x1b]0;owned\x07",
    "right to left": lambda: "abc\u202egnp.exe\u202c \u2066hidden\u2069 \u200f\u061c user\u202e",
    "half characters": lambda: "\ud800 \udfff \ud83d",
    "marks on marks": lambda: "Z" + "\u0301\u0489" * 5_000,
    "nothing to see": lambda: "\u200b\u200c\u200d\ufeff\u00ad\u2060",
    "separators of lines": lambda: "a\u2028b\u2029c\x85d\x0be",
    "no characters": lambda: "\ufffe\uffff\x00\x00",
    "many keys of one letter": lambda: {chr(i) * 1_000: i for i in range(0x4E00, 0x4E00 + 2_000)},
    "a deep list": lambda: _deep(50_000, lambda value: [value]),
    "a deep dict": lambda: _deep(50_000, lambda value: {"a": value}),
    "a deep tuple": lambda: _deep(50_000, lambda value: (value,)),
    "a list in itself": _cycle_list,
    "a dict in itself": _cycle_dict,
    "an object in itself": _cycle_object,
    "a million items": lambda: list(range(1_000_000)),
    "a million keys": lambda: dict.fromkeys(range(1_000_000)),
    "a bomb of references": lambda: _bomb(9),
    "not a number": lambda: [math.nan, math.inf, -math.inf, -0.0, 1e-320, 1e308],
    "a huge number": lambda: [10**100_000, -(10**5_000), 2**64, 2**53 + 1],
    "an exact number of many digits": lambda: decimal.Decimal("1" * 100_000),
    "binary": lambda: bytes(range(256)) * 4_000,
    "an array of bytes": lambda: bytearray(b"\x00\xff" * 100_000),
    "keys of every kind": lambda: {1: "a", 1.5: "b", None: "c", (1, (2, 3)): "d", b"e": "e", frozenset({1}): "g"},
    "a set of sets": lambda: {frozenset({1, 2}), frozenset(), "x"},
    "an evil object": lambda: evil("Evil", object)(),
    "an object that answers for everything": Asked,
    "an object of a class that boasts": lambda: Boasting("Boast", (), {})(),
    "an evil class": lambda: Boasting("Boast<script>", (), {}),
    "an evil list": lambda: _own(list, [1, SCRIPT]),
    "an evil dict": lambda: _own(dict, {"a": SCRIPT}),
    "an evil text": lambda: _own(str, SCRIPT),
    "an evil number": lambda: [_own(int, 7), _own(float, 1.5), _own(bytes, b"x"), _own(tuple, (1, 2)), _own(set, {1})],
    "a moment of an evil zone": lambda: [datetime.datetime(2026, 1, 1, tzinfo=Zone()), datetime.time(1, tzinfo=Zone())],
    "records": lambda: [Record(), _without_a_field(), Pair(SCRIPT, Record), Colour.RED, Colour],
    "what lives": lambda: [open, print, (one for one in ()), lambda: 1, ..., NotImplemented, type, collections],
    "odd ones": lambda: [fractions.Fraction(1, 3), 1 + 2j, range(10**9), uuid.UUID(int=7), collections.deque([1]),
                         memoryview(b"x"), object(), collections.ChainMap({}), decimal.Decimal("sNaN")],
}  # fmt: skip
