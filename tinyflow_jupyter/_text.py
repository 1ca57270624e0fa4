"""Text in a drawing: how wide it will be, what to show of it when there is less room, and its safe form."""

from __future__ import annotations

import html
import re
import unicodedata

# Widths in em of the sans-serif faces that the drawing asks for (Helvetica and what is measured like it), rounded up.
_WIDTHS = {
    char: width
    for chars, width in (
        ("ijl'|", 0.27),
        ('frtI!"(),-./:;[\\]`{} ', 0.36),
        ("cksvxyzJ^*", 0.52),
        ("abdeghnopquFLTZ0123456789#$+<=>?_~", 0.6),
        ("wABCDEHKNPRSUVXY&", 0.74),
        ("mGMOQ", 0.86),
        ("W%@", 1.0),
    )
    for char in chars
}
MONO = 0.605  # every character of a monospaced face
BOLD = 1.06
ROUNDING = 0.01  # a text fits the room that was made for it, whatever sums and differences it went through

# What XML cannot hold (controls, lone surrogates, non-characters), and what would turn the direction of text around it.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_BLANKS = re.compile(r"\s+")


def width(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
    """About how wide a text will be, in the units of its size; rather too wide than too narrow."""
    em = sum(_em(char, mono) for char in text)
    return em * size * (BOLD if bold else 1.0)


def _em(char: str, mono: bool) -> float:
    if char in _WIDTHS:
        return MONO if mono else _WIDTHS[char]
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cf", "Mn", "Me"):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(char) in "WF" or ord(char) > 0xFFFF else 0.66


def fit(text: str, size: float, room: float, *, bold: bool = False, mono: bool = False) -> str:
    """The text on one line, cut with an ellipsis where it would be wider than the room."""
    text = _BLANKS.sub(" ", text[:400]).strip()
    if width(text, size, bold=bold, mono=mono) <= room + ROUNDING:
        return text
    used, ellipsis = 0.0, width("…", size, bold=bold, mono=mono)
    for place, char in enumerate(text):
        used += width(char, size, bold=bold, mono=mono)
        if used + ellipsis > room:
            return text[:place].rstrip() + "…"
    return text


def safe(text: str) -> str:
    """The text as XML and HTML both read it: as text, whatever is in it."""
    return html.escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text), quote=True)


def plain(text: str) -> str:
    """The text on one line, without what would turn or break the line it is drawn on."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", _BLANKS.sub(" ", text))
