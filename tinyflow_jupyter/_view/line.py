"""A line is a payload as a card, a table or a drawing has room for it: short, masked, and without running its code."""

from __future__ import annotations

import functools
from typing import Any

from tinyflow_runtime.redaction import MASK, Redactor, is_secret_name

from tinyflow_jupyter._text import plain

from .parts import Seen, is_a, library, look, name_of

__all__ = ["line"]

# Any: a payload is whatever a component sends.

LETTERS = 400  # of a line: nothing that shows one is wider
PARTS = 8  # of a list or a mapping
LEVELS = 4
KEYS = 200  # letters of a key that are looked at
_is_secret = functools.lru_cache(1_024)(is_secret_name)  # the same few keys come again and again
BYTES, SHOWN = 2_000, 64  # of binary data: those that are looked at for a secret, and those that are written
_BRACKETS = {"list": ("[", "]"), "tuple": ("(", ")"), "set": ("{", "}"), "dict": ("{", "}")}
_LIBRARIES = ("numpy", "pandas", "PIL", "matplotlib")  # what their objects consist of says nothing to anybody


def line(value: Any, redactor: Redactor, *, name: str = "") -> str:
    """A payload on one line: a text as it is, anything else about as Python writes it.

    Args:
        value: The payload.
        redactor: Masks what is secret.
        name: What it is called: a secret's text is masked.
    """
    seen, named = look(value), is_secret_name(name)
    if seen.kind == "str" and not named:
        return plain(redactor.text(seen.text)[:LETTERS])
    return plain(_Writing(redactor).of(value, seen, named=named, levels=LEVELS)[:LETTERS])


class _Writing:
    """Writes one payload until its line is full."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._room = LETTERS

    def of(self, value: Any, seen: Seen, *, named: bool, levels: int) -> str:
        if seen.kind in ("str", "bytes"):
            text = MASK if named and seen.count else self._quoted(value, seen)
        elif seen.sequence is not None or seen.parts is not None:
            return self._parts(value, seen, named=named, levels=levels)
        else:
            text = self._redactor.text(seen.text)
        self._room -= len(text)
        return text

    def _quoted(self, value: Any, seen: Seen) -> str:
        if seen.kind == "str":
            return repr(self._redactor.text(seen.text)[: max(self._room, 0)])
        tp = bytes if is_a(type(value), bytes) else bytearray
        raw = bytes(tp.__getitem__(value, slice(0, BYTES)))
        text = raw.decode("latin-1")
        masked = self._redactor.text(text)
        return repr(raw[:SHOWN]) if masked == text else f"b{masked[:SHOWN]!r}"

    def _parts(self, value: Any, seen: Seen, *, named: bool, levels: int) -> str:
        opening, closing = _BRACKETS.get(seen.kind, ("(", ")"))
        if seen.kind == "object" and (whole := _whole(value, seen)):
            self._room -= len(whole)
            return whole
        self._room -= len(seen.text) + 2
        told: list[str] = []
        try:
            for key, part in seen.children(0):
                if len(told) == PARTS or self._room <= 0 or not levels:
                    break
                told.append(self._part(seen, key, part, named=named, levels=levels - 1))
        except RuntimeError:  # somebody changes it while it is read
            pass
        rest = ["…"] if len(told) < (seen.count or 0) else []
        only = "," if seen.kind == "tuple" and seen.count == 1 else ""
        return f"{seen.text}{opening}{', '.join([*told, *rest])}{only}{closing}"

    def _part(self, seen: Seen, key: Any, part: Any, *, named: bool, levels: int) -> str:
        if seen.kind in ("list", "tuple", "set"):
            return self.of(part, look(part), named=named, levels=levels)
        name = self._redactor.text(key[:KEYS]) if type(key) is str else ""
        named = named or (type(key) is str and _is_secret(key[:KEYS]))
        if seen.kind != "dict":
            told = f"{name}="
        elif type(key) is str:
            told = f"{name!r}: "
        else:
            told = f"{self.of(key, look(key), named=False, levels=0)}: "
        self._room -= len(name) + 2
        return told + self.of(part, look(part), named=named, levels=levels)


def _whole(value: Any, seen: Seen) -> str:
    """An object whose parts say nothing: what has none, and what belongs to a library; empty for others."""
    tp = type(value)
    of, name = library(tp), name_of(tp)
    if of in ("numpy", "pandas") and name in ("ndarray", "DataFrame", "Series"):
        return f"<{name} {tuple(value.shape)}>"
    return f"<{name}>" if not seen.count or of in _LIBRARIES else ""
