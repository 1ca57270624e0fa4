"""Pictures and tables among payloads: what the browser may draw, after its first bytes were looked at."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Callable
from typing import Any

from .parts import is_a, library, name_of

__all__ = ["LARGEST", "data_url", "picture_of", "table_of"]

# Any: payloads, and what libraries that need not be installed make of them.

LARGEST = 1 << 20  # bytes of a picture that is sent to the browser; a message has no more
PIXELS = 16_000_000  # of a picture that is made anew: more would hold up the kernel
ROWS, COLUMNS = 20, 12  # of a small table
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def picture_of(value: Any, room: int) -> dict[str, Any] | None:
    """A picture as the browser is told of it, with its data where there is room; None for what is none."""
    data = _bytes_of(value)
    mime = _mime(data)
    if data is None or not mime:
        return None
    told: dict[str, Any] = {"t": mime}
    if mime == "image/png" and len(data) >= 24:
        told["size"] = [int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")]
    if len(data) * 4 // 3 + 100 <= room:
        told["url"] = _url(mime, data)
    return told


def data_url(value: Any) -> str:
    """A picture as a ``data:`` URL; empty for what is none, or too large."""
    data = _bytes_of(value)
    mime = _mime(data)
    return _url(mime, data) if data is not None and mime and len(data) <= LARGEST else ""


def _url(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def _mime(data: bytes | None) -> str:
    """By its first bytes; SVG is none of ours, for it can hold scripts."""
    return next((mime for magic, mime in _MAGIC if data is not None and data.startswith(magic)), "")


def _bytes_of(value: Any) -> bytes | None:
    tp = type(value)
    for base in (bytes, bytearray):
        if is_a(tp, base):
            return bytes(base.__getitem__(value, slice(None)))
    try:
        return _drawn(value, tp)
    except Exception:  # a library that cannot draw it: then it is no picture
        return None


def _drawn(value: Any, tp: type) -> bytes | None:
    file = io.BytesIO()
    pil = sys.modules.get("PIL.Image")
    if pil is not None and is_a(tp, pil.Image) and library(tp) == "PIL":
        if value.width * value.height > PIXELS:
            return None
        value.copy().save(file, "PNG")
        return file.getvalue()
    figure = sys.modules.get("matplotlib.figure")
    if figure is not None and tp is figure.Figure:
        value.savefig(file, format="png", dpi=72)
        return file.getvalue()
    return None


def table_of(value: Any, cell: Callable[[Any], str]) -> dict[str, Any] | None:
    """The beginning of a data frame or an array; None for what is neither.

    Args:
        value: A payload.
        cell: Writes one value.
    """
    tp = type(value)
    try:
        if library(tp) == "numpy" and name_of(tp) == "ndarray":
            return _array(value, cell)
        if library(tp) == "pandas" and name_of(tp) in ("DataFrame", "Series"):
            return _frame(value if name_of(tp) == "DataFrame" else value.to_frame(), cell)
    except Exception:  # a library that cannot read it: then it is shown as any object
        return None
    return None


def _array(value: Any, cell: Callable[[Any], str]) -> dict[str, Any]:
    told = {"shape": list(value.shape), "dtype": str(value.dtype)[:40], "bytes": int(value.nbytes)}
    if value.ndim == 0:
        return {**told, "columns": [""], "rows": [["", cell(value.item())]]}
    plane = value
    while plane.ndim > 2:
        plane = plane[0]
    if plane.ndim == 1:
        rows = [[str(index), cell(one)] for index, one in enumerate(plane[:ROWS].tolist())]
        return {**told, "columns": [""], "rows": rows}
    part = plane[:ROWS, :COLUMNS]
    rows = [[str(index), *map(cell, row)] for index, row in enumerate(part.tolist())]
    return {**told, "columns": [str(index) for index in range(part.shape[1])], "rows": rows}


def _frame(value: Any, cell: Callable[[Any], str]) -> dict[str, Any]:
    part = value.iloc[:ROWS, :COLUMNS]
    columns = [cell(name) for name in part.columns]
    made = [part.iloc[:, index].tolist() for index in range(len(columns))]
    labels = part.index.tolist()
    rows = [[_label(labels[row], cell), *(_label(column[row], cell) for column in made)] for row in range(len(part))]
    return {"shape": list(value.shape), "dtype": "", "columns": columns, "rows": rows}


def _label(value: Any, cell: Callable[[Any], str]) -> str:
    """Pandas' own moments say themselves best."""
    return str(value) if library(type(value)) == "pandas" else cell(value)
