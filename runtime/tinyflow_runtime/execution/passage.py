"""A passage is the function by which messages go along a stretch: its nodes' functions, called one after the other.

It is written for the shape of a stretch, once for all stretches of that shape. Between two calls stands nothing but
the look at what the first one returned.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any, NamedTuple

from tinyflow_runtime.payloads.shapes import INT_MAX, INT_MIN

LONGEST = 64  # nodes: twice as many are no faster, and take twice as long to compile

# What stands after the call of a stage's function, by how its results are known to be of the port's type at a glance.
_OUTSIDE = f"(type(m) is not int or not {INT_MIN} <= m <= {INT_MAX})"
LOOKS = {
    "class": "if type(m) is not kind{i}: m = odd({i}, m)",
    "classes": "if type(m) not in kind{i}: m = odd({i}, m)",
    "int": f"if {_OUTSIDE}: m = odd({{i}}, m)",
    "any": f"if type(m) not in kind{{i}} and {_OUTSIDE}: m = odd({{i}}, m)",
    "": "pass",
}
# Beside our own files, so that no traceback sends a person there.
_FILE = os.path.join(os.path.dirname(__file__), "<stretch>")


class Stage(NamedTuple):
    """What a passage is written from: one node of a stretch.

    Attributes:
        look: How its results are looked at, a key of ``LOOKS``; empty where it sends nothing.
        copied: Whether somebody could change its results, so that a snapshot must be a copy.
    """

    look: str
    copied: bool


class Passage(NamedTuple):
    """Two functions and how to find one's way in them.

    Attributes:
        many: Takes messages and what is done with the last result of each; returns at the first that is lost.
        one: Takes a message and what is shown its result at every stage; returns the last, or None.
    """

    many: Callable[[Any, Callable[[Any], object]], None]
    one: Callable[[Any, Callable[[Any], object]], Any]

    def stage(self, code: CodeType, line: int) -> int:
        """Which stage a line of one of the two belongs to; -1 when the code is of neither."""
        if code is self.many.__code__:
            return (line - code.co_firstlineno - 3) // 3
        return (line - code.co_firstlineno - 2) // 3 if code is self.one.__code__ else -1


def passage(
    stages: tuple[Stage, ...],
    functions: Sequence[Callable[[Any], Any]],
    kinds: Sequence[Any],
    *,
    snapshot: Callable[[Any], Any],
    odd: Callable[[int, Any], Any],
    lost: Callable[[BaseException, dict[str, Any]], None],
) -> Passage:
    """The passage for these functions.

    Args:
        stages: The shape.
        functions: One for each stage.
        kinds: The class, or the classes, that each stage's look compares with.
        snapshot: Copies what can change.
        odd: Given a stage and a result that is not settled at a glance, returns what is sent, or raises.
        lost: Told what was raised, with the local variables; ``m0`` is the message, ``m1`` the first stage's result.
    """
    many, one = _written(stages)(functions, kinds, snapshot, odd, lost)
    return Passage(many, one)


@functools.lru_cache(maxsize=256)
def _written(stages: tuple[Stage, ...]) -> Callable[..., tuple[Any, Any]]:
    numbers = range(len(stages))
    last = f"m{len(stages)}"
    sends = bool(stages[-1].look)
    many = ["  def many(messages, put):", "    for m0 in messages:", "      try:"]
    one = ["  def one(m0, show):", "    try:"]
    for i, stage in enumerate(stages):
        call, look = f"m = call{i}(m{i})", LOOKS[stage.look].format(i=i)
        shown = "snapshot(m)" if stage.copied else "m"
        # Only what was looked at gets the name by which it is found when a later message is lost.
        many += [f"        {call}", f"        {look}", f"        m{i + 1} = m"]
        one += [f"      {call}", f"      {look}", f"      show({shown}); m{i + 1} = m" if stage.look else "      pass"]
    many += ["      except BaseException as error:", "        return lost(error, locals())"]
    one += ["    except BaseException as error:", "      return lost(error, locals())"]
    if sends:
        many.append(f"      put({last})")
        one.append(f"    return {last}")
    head = [
        "def make(functions, kinds, snapshot, odd, lost):",
        f"  {''.join(f'call{i}, ' for i in numbers)} = functions",
        f"  {''.join(f'kind{i}, ' for i in numbers)} = kinds",
    ]
    scope: dict[str, Any] = {}
    exec(compile("\n".join([*head, *many, *one, "  return many, one"]), _FILE, "exec"), scope)
    made: Callable[..., tuple[Any, Any]] = scope["make"]
    return made
