"""The codec: payloads as MessagePack, the form they have between processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.payloads.conversion import convert
from tinyflow_runtime.payloads.reading import shape_of
from tinyflow_runtime.payloads.sendable import refuse_unsendable
from tinyflow_runtime.payloads.shapes import Anything, DictOf, ListOf, Shape
from tinyflow_runtime.payloads.sizes import ARRAY, encoder

__all__ = ["decode", "documents", "encode", "encode_all"]


def encode(value: Any) -> bytes:
    """A payload as MessagePack.

    Raises:
        PayloadError: TF-120, a part can be sent to nobody.
    """
    try:
        return encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        refuse_unsendable(value)
        raise


def encode_all(values: Sequence[Any]) -> list[bytes]:
    """Payloads as MessagePack, at the price of one call.

    Raises:
        Exception: One of them cannot be sent; ``encode`` tells which and why.
    """
    return list(map(encoder.encode, values))


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


def _extension(code: int, data: memoryview) -> Any:
    if code != ARRAY:
        raise ValueError(f"extension type {code} is not known")
    import io

    import numpy

    return numpy.load(io.BytesIO(data), allow_pickle=False)


_decoder = msgspec.msgpack.Decoder(ext_hook=_extension)
