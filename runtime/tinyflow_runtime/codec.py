"""The codec: payloads as MessagePack, the form they have between processes."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from tinyflow_runtime.conversion import convert
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.reading import shape_of
from tinyflow_runtime.records import is_pydantic
from tinyflow_runtime.sendable import refuse_unsendable
from tinyflow_runtime.shapes import Anything, DictOf, ListOf, Shape

__all__ = ["decode", "documents", "encode", "encode_all"]

_ARRAY = 1  # MessagePack extension type of a numpy array


def encode(value: Any) -> bytes:
    """A payload as MessagePack.

    Raises:
        PayloadError: TF-120, a part can be sent to nobody.
    """
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        refuse_unsendable(value)
        raise


def encode_all(values: Sequence[Any]) -> list[bytes]:
    """Payloads as MessagePack, at the price of one call.

    Raises:
        Exception: One of them cannot be sent; ``encode`` tells which and why.
    """
    return list(map(_encoder.encode, values))


def documents(batch: Sequence[bytes]) -> list[Any]:
    """What a batch of MessagePack holds, before it is made what a type says.

    Raises:
        PayloadError: TF-123, some of these are no bytes of ``encode``.
    """
    try:
        return list(map(_decoder.decode, batch))
    except (msgspec.DecodeError, ValueError) as error:
        raise PayloadError("TF-123", f"These bytes are no payload: {error}.", "Send what encode() made.") from None


def decode(data: bytes | memoryview, tp: Any = Any) -> Any:
    """A payload of ``tp`` from MessagePack; where the type says nothing, records arrive as dicts and tuples as lists.

    Raises:
        PayloadError: TF-123, the payload does not fit the type, or these are no bytes of ``encode``.
    """
    try:
        document = _decoder.decode(data)
    except (msgspec.DecodeError, ValueError) as error:
        raise PayloadError("TF-123", f"These bytes are no payload: {error}.", "Send what encode() made.") from None
    return document if _is_document(shape_of(tp)) else convert(document, tp)


def _is_document(shape: Shape) -> bool:
    return isinstance(shape, Anything) or shape == ListOf() or shape == DictOf()


def _plain(value: Any) -> Any:
    if is_pydantic(type(value)):
        return value.model_dump()
    if isinstance(value, pathlib.PurePath):
        return str(value)
    base: Any  # every one of these makes itself of its subclass
    for base in (int, float, str, bytes, dict, list, tuple, set, frozenset):
        if isinstance(value, base):
            return base(value)
    numpy = sys.modules.get("numpy")  # optional: nobody has an array who has not imported it
    if numpy is not None and isinstance(value, numpy.ndarray) and not value.dtype.hasobject:
        return msgspec.msgpack.Ext(_ARRAY, _array_bytes(value))
    if numpy is not None and isinstance(value, (numpy.number, numpy.bool_)):
        return value.item()
    raise TypeError(f"{type(value).__qualname__} cannot be encoded")


def _array_bytes(array: Any) -> bytes:
    import io

    import numpy

    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=False)
    return file.getvalue()


def _extension(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        raise ValueError(f"extension type {code} is not known")
    import io

    import numpy

    return numpy.load(io.BytesIO(data), allow_pickle=False)


_encoder = msgspec.msgpack.Encoder(enc_hook=_plain)
_decoder = msgspec.msgpack.Decoder(ext_hook=_extension)
