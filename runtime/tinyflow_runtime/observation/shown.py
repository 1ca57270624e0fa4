"""Shown payloads are kept encoded, and decoded when somebody looks at them, which mostly nobody does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.payloads.codec import decode, encode, encode_all

__all__ = ["Shown", "as_it_came", "encoded"]


class Shown(Sequence[Any]):
    """Encoded payloads, for whoever looks at a port: decoded when looked at."""

    __slots__ = ("_payloads", "_type")

    def __init__(self, payloads: Sequence[bytes], tp: Any) -> None:
        self._payloads = payloads
        self._type = tp

    def __len__(self) -> int:
        return len(self._payloads)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Shown(self._payloads[index], self._type)
        payload = self._payloads[index]
        try:
            return decode(payload, self._type)
        except PayloadError:
            return as_it_came(payload)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


def encoded(payloads: Sequence[Any]) -> Shown:
    """Snapshots of payloads, for who looks from another process: a large one costs a twentieth of a copy.

    They come back as documents, which is what they are on the wire.

    Raises:
        PayloadError: TF-120, one of them cannot be sent.
    """
    try:
        return Shown(encode_all(payloads), Any)
    except Exception:  # what encoding a person's own object raises
        return Shown(list(map(encode, payloads)), Any)


def as_it_came(payload: bytes) -> Any:
    """A payload of the wire as a document; as bytes where it is none."""
    try:
        return decode(payload)
    except PayloadError:
        return payload
