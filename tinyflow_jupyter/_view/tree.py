"""A payload becomes a tree of JSON: bounded in size and in what is visited, masked, and made of nothing but text.

A node of it is ``{k, t, n, c, …}``: its kind, what is written of it, how much there is, and the first parts as pairs
of key and node. Where ``n`` is more than there are parts (or letters), the rest can be asked for by its path.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tinyflow_runtime.redaction import MASK, Redactor, is_secret_name

from .parts import Seen, look
from .pictures import picture_of, table_of

__all__ = ["ROOM", "Tree", "branch", "cost"]

Json = dict[str, Any]  # what JSON can hold

ROOM = 30 * 1024  # bytes of the JSON of one tree; a row holds a little more
VISITS = 2_000  # parts of a payload that are looked at for one tree, however large it is
WIDTH = 100  # parts of one part that are told at once
DEPTH = 40  # levels; what lies deeper is asked for, for a browser's own reader of JSON has a depth that it ends at
BETWEEN = 12  # bytes around an entry: what a part of its own adds
KEYS = 200  # letters of a key
HARD = 6_000  # bytes that one text may take; what takes more is cut again
SHORT = 480  # letters that take fewer, whatever they are
_LONE = re.compile("[\ud800-\udfff]")  # half a character: no encoding has a place for it


@dataclass(slots=True)
class _Waiting:
    """A part whose parts are not told yet.

    Attributes:
        above: What it lies in, as a chain of ids: a part that is one of them is a cycle.
        named: Whether it is called like a secret, or lies in what is.
        level: How deep it lies.
    """

    node: Json
    seen: Seen
    above: Any
    named: bool
    level: int


@dataclass(slots=True)
class Tree:
    """A tree that grows until its room is used up; the upper levels come first.

    Attributes:
        redactor: Masks what is secret; None where that was done already.
        room: Bytes that are left.
        visited: Parts that were looked at.
        whole: Whether all parts were looked at; then the size is that of all of the payload.
        size: Bytes that what was looked at takes as a message, about.
    """

    redactor: Redactor | None = None
    room: int = ROOM
    visited: int = 0
    whole: bool = True
    size: int = 0

    def of(self, value: Any, *, name: str = "", start: int = 0) -> Json:  # Any: a payload
        """The tree of a payload.

        Args:
            value: The payload.
            name: What it is called: a secret's is masked.
            start: The number of the first part to tell.
        """
        named = is_secret_name(name)
        root, seen = self._node(value, named=named)
        self.room -= cost(root)
        waiting = deque([_Waiting(root, seen, (id(value), None), named, 1)])
        while waiting:
            one = waiting.popleft()
            try:
                waiting.extend(self._grow(one, start if one.node is root else 0))
            except RuntimeError:  # somebody changes it while it is read
                self.whole = False
        return root

    def _grow(self, one: _Waiting, start: int) -> list[_Waiting]:
        """Tell the parts of one part; returns those that may have parts of their own."""
        node, seen, above = one.node, one.seen, one.above
        if not seen.count or (seen.sequence is None and seen.parts is None):
            return []
        if one.level > DEPTH:
            self.whole = False
            return []
        told: list[list[Any]] = []
        deeper = []
        for key, value in seen.children(start):
            if len(told) >= WIDTH or self.visited >= VISITS or self.room <= 0:
                break
            secret = one.named or (type(key) is str and is_secret_name(key[:KEYS]))
            child, inside = self._around(value, above, named=secret)
            entry = [self._key(key), child]
            size = cost(entry) + BETWEEN
            if size > self.room:
                self.room = 0
                break
            self.room -= size
            told.append(entry)
            deeper.append(_Waiting(child, inside, (id(value), above), secret, one.level + 1))
        node["c"] = told
        if start:
            node["s"] = start
        if start + len(told) < seen.count:
            self.whole = False
        return deeper

    def _around(self, value: Any, above: Any, *, named: bool) -> tuple[Json, Seen]:
        node, seen = self._node(value, named=named)
        if seen.count is not None and (seen.sequence is not None or seen.parts is not None):
            mine, levels = id(value), 0
            while above is not None:
                if above[0] == mine:
                    return {"k": "cycle", "t": "itself" if not levels else f"{levels} above"}, Seen("cycle")
                above, levels = above[1], levels + 1
        return node, seen

    def _node(self, value: Any, *, named: bool) -> tuple[Json, Seen]:
        self.visited += 1
        seen = look(value)
        self.size += _weight(seen)
        if seen.kind in ("str", "bytes") and named and seen.count:
            return {"k": "masked", "t": MASK}, Seen("masked")
        if seen.kind == "bytes" and (picture := picture_of(value, min(self.room, ROOM) // 2)) is not None:
            return {"k": "image", "n": seen.count, **picture}, Seen("image")
        if seen.kind == "object" and (told := picture_of(value, self.room // 2) or table_of(value, self._cell)):
            self.whole = "bytes" in told
            self.size += told.pop("bytes", 0)
            return {"k": "table" if "rows" in told else "image", "t": seen.text, **told}, Seen("table")
        text = self.text(seen.text)
        node: Json = {"k": seen.kind}
        if text:
            node["t"] = text
        if seen.count is not None:
            node["n"] = seen.count
        if seen.kind == "str" and seen.count is not None and len(text) >= seen.count and text == seen.text:
            del node["n"]
        return node, seen

    def _key(self, key: Any) -> Any:
        self.size += len(key) + 1 if type(key) is str else 0
        if type(key) is int:
            return key if abs(key) < 1 << 53 else str(look(key).text)
        if type(key) is str:
            text = self.text(key[:KEYS])
            return text if len(key) <= KEYS else text + "…"
        return {"t": self._cell(key)}

    def _cell(self, value: Any) -> str:
        """A value on one line of a table, or as a key: its text, or what it is."""
        self.visited += 1
        seen = look(value)
        if seen.kind in ("tuple", "list", "set") and seen.count is not None and seen.count <= 4:
            parts = [self.text(look(part).text or look(part).kind)[:40] for _, part in seen.children(0)]
            return f"({', '.join(parts)})"
        if seen.count is not None and seen.kind not in ("str", "bytes"):
            return f"{seen.text or seen.kind} ({seen.count:,})"[:KEYS]
        return self.text(seen.text[:KEYS])

    def text(self, text: str) -> str:
        """A text, masked and cut so that its JSON stays small; what no encoding has is replaced."""
        if self.redactor is not None:
            text = self.redactor.text(text)
        text = _LONE.sub("\N{REPLACEMENT CHARACTER}", text)
        return text if len(text) <= SHORT or cost(text) <= HARD else text[:SHORT]


def _weight(seen: Seen) -> int:
    """Bytes as MessagePack, without the parts."""
    if seen.kind == "str":
        short = seen.count is not None and len(seen.text) >= seen.count
        size = len(seen.text.encode("utf-8", "replace")) if short else seen.count or 0
        return size + (1 if size < 32 else 3)
    if seen.kind == "bytes":
        return (seen.count or 0) + 2
    if seen.kind == "int":
        return 1 if len(seen.text) < 3 else 3 if len(seen.text) < 5 else 5 if len(seen.text) < 10 else 9
    return {"float": 9, "other": 12, "null": 1, "bool": 1}.get(seen.kind, 1 if (seen.count or 0) < 16 else 3)


def branch(value: Any, path: Iterable[int]) -> tuple[Any, bool]:
    """The part at the end of a path of numbers, and whether a key on the way is called like a secret.

    Raises:
        LookupError: There is no such part.
    """
    named = False
    for number in path:
        found = next(look(value).children(max(0, int(number))), None)
        if found is None:
            raise LookupError(number)
        named = named or (type(found[0]) is str and is_secret_name(found[0][:KEYS]))
        value = found[1]
    return value, named


def cost(told: Any) -> int:  # Any: what JSON can hold
    """Bytes that it takes as JSON, at most."""
    return len(json.dumps(told))
