"""An envelope carries an error of ours over the wire, so that it is raised elsewhere as it was raised here."""

from __future__ import annotations

import msgspec

from tinyflow_runtime import errors
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError

__all__ = ["open_envelope", "seal"]


def seal(error: TinyFlowError) -> bytes:
    """The error as MessagePack: ``[kind, code, what, [way out, …], where]``, cut where it would not fit 8 KiB."""
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in errors.__all__)
    way_out = [sentence[:1000] for sentence in error.way_out[:3]]
    return msgspec.msgpack.encode([kind, error.code, error.what[:2000], way_out, error.where[:500]])


def open_envelope(carried: bytes) -> TinyFlowError:
    """The error that was sealed; of a kind that is not known here, its nearest."""
    try:
        kind, code, what, way_out, where = msgspec.msgpack.decode(carried, type=tuple[str, str, str, list[str], str])
    except msgspec.DecodeError as error:
        return ModuleUnavailable("TF-152", f"A module sent an error that cannot be read: {error}.", "Look at its log.")
    known = kind in errors.__all__ and isinstance(getattr(errors, kind), type)
    made: TinyFlowError = getattr(errors, kind if known else "TinyFlowError")(code, what, *way_out, where=where)
    return made
