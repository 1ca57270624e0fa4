"""The language of ``when`` and ``map``: everything an expression over ``msg`` may say.

What is not listed here is refused when the edge is made::

    msg                       the payload
    msg.temp                  a field of a dataclass, TypedDict, NamedTuple, Struct or pydantic model; a key of a dict
    msg["temp"]  msg[0]       a key or an item;  msg[1:5]  a slice
    + - * / // % **           arithmetic;  & | ^ >> ~  on bits
    == != < <= > >=           comparisons, also chained;  in, not in;  is None, is not None
    and or not                conditions;  a if condition else b
    1  2.5  "text"  b"bytes"  True  False  None  f"{msg.name}: {msg.temp:.1f}"
    [a, b]  (a, b)  {"key": a}  {**msg, "key": a}  {a, b}
    [r.temp for r in msg.rows if r.temp > 3]     comprehensions, at most two ``for`` deep, over parts of msg
    FUNCTIONS                 len, min, max, ...
    METHODS                   msg.name.upper(), msg.tags.count("x"), msg.get("key", 0), ...

Nothing in it changes a payload, and nothing reaches outside it: there are no other names, no ``_private`` or dunder
fields, no calls of anything else, no ``str.format``, no assignment, no lambda.
"""

from __future__ import annotations

import ast
import datetime
import decimal
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

MAX_TEXT = 2000  # an expression longer than a screen is a component; it also bounds the parser's recursion
MAX_DEPTH = 50  # the same, for brackets in brackets
MAX_FOR = 2  # a third nested loop over a payload blocks every node of the module
MAX_BITS = 4096  # of a power; a payload's integers have 64
MAX_LENGTH = 1 << 20  # of a repeated text or list: a message is no longer than 1 MiB either

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (abs, all, any, bool, float, int, len, max, min, round, sorted, str, sum)
}
KEYWORDS: Mapping[str, frozenset[str]] = {
    "max": frozenset({"default"}),
    "min": frozenset({"default"}),
    "sorted": frozenset({"reverse"}),
}

# What a method gives: a type, or "item"/"key"/"value" of what it is called on.
METHODS: Mapping[type, Mapping[str, Any]] = {
    str: {
        **dict.fromkeys(
            ("capitalize", "casefold", "lower", "lstrip", "removeprefix", "removesuffix", "replace", "rstrip", "strip",
             "swapcase", "title", "upper"),
            str,
        ),
        **dict.fromkeys(("rsplit", "split", "splitlines"), list[str]),
        **dict.fromkeys(
            ("endswith", "isalnum", "isalpha", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "isupper",
             "startswith"),
            bool,
        ),
        **dict.fromkeys(("count", "find", "index", "rfind"), int),
        "join": str,
    },
    bytes: {"hex": str, "decode": str, "startswith": bool, "endswith": bool},
    list: {"count": int, "index": int},
    tuple: {"count": int, "index": int},
    dict: {"get": "value", "items": "items", "keys": "keys", "values": "values"},
    datetime.date: {"isoformat": str, "weekday": int},
    datetime.datetime: {"isoformat": str, "timestamp": float, "weekday": int},
    datetime.time: {"isoformat": str},
    datetime.timedelta: {"total_seconds": float},
}  # fmt: skip

# Attributes of builtin types that hold data as fields do.
FIELDS: Mapping[type, Mapping[str, Any]] = {
    datetime.datetime: dict.fromkeys(("year", "month", "day", "hour", "minute", "second", "microsecond"), int),
    datetime.date: dict.fromkeys(("year", "month", "day"), int),
    datetime.time: dict.fromkeys(("hour", "minute", "second", "microsecond"), int),
    datetime.timedelta: dict.fromkeys(("days", "seconds", "microseconds"), int),
}

# Operators: the function that tells, on samples, whether two types go together, and the method a class would need.
OPERATORS: Mapping[type[ast.AST], tuple[str, Callable[..., Any], str]] = {
    ast.Add: ("+", operator.add, "add"),
    ast.Sub: ("-", operator.sub, "sub"),
    ast.Mult: ("*", operator.mul, "mul"),
    ast.Div: ("/", operator.truediv, "truediv"),
    ast.FloorDiv: ("//", operator.floordiv, "floordiv"),
    ast.Mod: ("%", operator.mod, "mod"),
    ast.Pow: ("**", operator.pow, "pow"),
    ast.BitAnd: ("&", operator.and_, "and"),
    ast.BitOr: ("|", operator.or_, "or"),
    ast.BitXor: ("^", operator.xor, "xor"),
    ast.RShift: (">>", operator.rshift, "rshift"),
    ast.USub: ("-", operator.neg, "neg"),
    ast.UAdd: ("+", operator.pos, "pos"),
    ast.Invert: ("~", operator.invert, "invert"),
    ast.Lt: ("<", operator.lt, "lt"),
    ast.LtE: ("<=", operator.le, "le"),
    ast.Gt: (">", operator.gt, "gt"),
    ast.GtE: (">=", operator.ge, "ge"),
}

# One value of each builtin type. Operators and functions are tried on them, so that Python itself says what fits.
SAMPLES: Mapping[type, Any] = {
    type(None): None,
    bool: True,
    int: 3,
    float: 2.5,
    str: "a",
    bytes: b"a",
    list: [3],
    tuple: (3,),
    dict: {"a": 3},
    set: {3},
    frozenset: frozenset({3}),
    datetime.date: datetime.date(2024, 1, 1),
    datetime.datetime: datetime.datetime(2024, 1, 1),
    datetime.time: datetime.time(1),
    datetime.timedelta: datetime.timedelta(1),
    decimal.Decimal: decimal.Decimal(3),
}


def field(value: Any, name: str) -> Any:
    """``value.name`` where the type was not known: a key of a dict, else an attribute that holds data."""
    if isinstance(value, dict):
        return value[name]
    found = getattr(value, name)
    if callable(found):
        raise AttributeError(f"{type(value).__name__!r} object has no field {name!r}")
    return found


def method(value: Any, name: str, *arguments: Any) -> Any:
    """``value.name(...)`` where the type was not known."""
    for kind, methods in METHODS.items():
        if name in methods and isinstance(value, kind):
            result = getattr(value, name)(*arguments)
            return list(result) if kind is dict and name != "get" else result
    raise AttributeError(f"{type(value).__name__!r} object has no method {name!r} in an expression")


def power(base: Any, exponent: Any) -> Any:
    """``base ** exponent``, unless the result would fill the memory."""
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * exponent > MAX_BITS:
        raise OverflowError(f"{base} ** {exponent} is too large")
    return base**exponent


def times(left: Any, right: Any) -> Any:
    """``left * right``, unless the result would fill the memory."""
    for many, count in ((left, right), (right, left)):
        if isinstance(many, (str, bytes, list, tuple)) and isinstance(count, int) and len(many) * count > MAX_LENGTH:
            raise OverflowError(f"{len(many)} * {count} items are too many")
    return left * right


def remainder(left: Any, right: Any) -> Any:
    """``left % right`` of numbers; the other ``%``, of texts, is a way to ask for any width."""
    if isinstance(left, (str, bytes)):
        raise TypeError("% formats no text in an expression; write an f-string")
    return left % right


def wide(format_spec: str) -> bool:
    """Whether a format such as ``">10.2f"`` asks for more than 999 characters."""
    return re.search(r"\d{4}", format_spec) is not None
