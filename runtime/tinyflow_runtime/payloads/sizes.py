"""Sizes: how many bytes a message has on its way between processes, and how many it may have anywhere."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

import msgspec

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.payloads.optional import loaded
from tinyflow_runtime.payloads.records import is_pydantic
from tinyflow_runtime.payloads.shapes import Choice, OneOf, Record, Scalar, Shape, TupleOf

__all__ = ["ARRAY", "LIMIT", "always_small", "encoder", "is_large", "refuse_large"]

LIMIT = 1 << 20  # bytes of one message, in the kernel as between modules: a flow does not stop working on a cluster
ARRAY = 1  # MessagePack extension type of a numpy array

_SMALL = frozenset({int, float, bool, type(None), datetime.datetime, datetime.date, datetime.time, datetime.timedelta})
_FEW = 1_000  # parts that are small each are small together


def _plain(value: Any) -> Any:
    if is_pydantic(type(value)):
        return value.model_dump()
    if isinstance(value, pathlib.PurePath):
        return str(value)
    base: Any  # every one of these makes itself of its subclass
    for base in (int, float, str, bytes, dict, list, tuple, set, frozenset):
        if isinstance(value, base):
            return base(value)
    numpy = loaded("numpy")  # optional: nobody has an array who has not imported it
    if numpy is not None and isinstance(value, numpy.ndarray) and not value.dtype.hasobject:
        return msgspec.msgpack.Ext(ARRAY, _array_bytes(value))
    if numpy is not None and isinstance(value, (numpy.number, numpy.bool_)):
        return value.item()
    raise TypeError(f"{type(value).__qualname__} cannot be encoded")


def _array_bytes(array: Any) -> bytes:
    import io

    import numpy

    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=False)
    return file.getvalue()


encoder = msgspec.msgpack.Encoder(enc_hook=_plain)


def is_large(value: Any) -> bool:
    """Whether a value has more bytes than a message may have; for most it is known without counting them."""
    tp = type(value)
    if tp in _SMALL or ((tp is str or tp is bytes) and len(value) <= LIMIT // 4):
        return False
    if tp is dict or tp is list:
        if len(value) <= _FEW and _SMALL.issuperset(map(type, value.values() if tp is dict else value)):
            return False
    return _size(value) > LIMIT


def refuse_large(value: Any) -> None:
    """Let a value pass that is small enough for a message.

    Raises:
        PayloadError: TF-121, it is too large; names its size and the part that makes it so.
    """
    if not is_large(value):
        return
    path, size = _largest_part(value)
    of_it = f" (largest part: {path}, {_mebibytes(size)})" if path != "message" else ""
    raise PayloadError(
        "TF-121",
        f"A message of {_mebibytes(_size(value))} is too large; the limit is {_mebibytes(LIMIT)}{of_it}.",
        "Send it in pieces, or send where it lies: a path or a URL.",
    )


def always_small(shape: Shape, above: frozenset[type] = frozenset()) -> bool:
    """Whether no value of a shape can be too large."""
    match shape:
        case Scalar():
            return shape.type in _SMALL
        case Choice():
            return True
        case TupleOf():
            return all(always_small(item, above) for item in shape.items)
        case OneOf():
            return all(always_small(option, above) for option in shape.options)
        case Record():
            inside = above | {shape.type}
            return shape.type not in above and all(always_small(field.shape, inside) for field in shape.fields)
    return False


def _largest_part(value: Any) -> tuple[str, int]:
    """The way to the smallest part that holds more than half of it all, and its size."""
    from tinyflow_runtime.payloads.sendable import parts  # it stands on the snapshots, which look at sizes

    path, half = "message", _size(value) / 2
    while True:
        if isinstance(value, (dict, list, tuple, set, frozenset)) and len(value) > _FEW:
            return path, _size(value)  # it is the many that are too large, and to weigh each would take seconds
        sized = [(_size(part), step, part) for step, part in parts(value)]
        size, step, part = max(sized, default=(0, "", None), key=lambda each: each[0])
        if size <= half:
            return path, _size(value)
        path, value = path + step, part


def _size(value: Any) -> int:
    try:
        return len(encoder.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return 0  # it cannot be sent at all, which is said by others


def _mebibytes(size: int) -> str:
    return f"{round(size / (1 << 20), 2):g} MiB"
