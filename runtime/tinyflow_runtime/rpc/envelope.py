"""An envelope carries an error of ours over the wire, so that it is raised elsewhere as it was raised here."""

from __future__ import annotations

import msgspec

from tinyflow_runtime import errors
from tinyflow_runtime.errors import Busy, DefinitionError, DeliveryError, ModuleUnavailable, TinyFlowError, WaitTimeout
from tinyflow_runtime.rpc.identity import REFUSED

__all__ = ["error_of_call", "name_of", "named", "open_envelope", "seal", "status_of"]


def name_of(error: TinyFlowError) -> str:
    """The kind of an error, as every TinyFlow knows it."""
    return next(kind.__name__ for kind in type(error).__mro__ if kind.__name__ in errors.__all__)


def named(kind: str) -> type[TinyFlowError] | None:
    """The kind of errors of that name; None where it is not known."""
    found = getattr(errors, kind, None) if kind in errors.__all__ else None
    return found if isinstance(found, type) and issubclass(found, TinyFlowError) else None


def seal(error: TinyFlowError) -> bytes:
    """The error as MessagePack: ``[kind, code, what, [way out, …], where]``, cut where it would not fit 8 KiB."""
    way_out = [sentence[:1000] for sentence in error.way_out[:3]]
    return msgspec.msgpack.encode([name_of(error), error.code, error.what[:2000], way_out, error.where[:500]])


def open_envelope(carried: bytes) -> TinyFlowError:
    """The error that was sealed; of a kind that is not known here, its nearest."""
    try:
        kind, code, what, way_out, where = msgspec.msgpack.decode(carried, type=tuple[str, str, str, list[str], str])
    except msgspec.DecodeError as error:
        return ModuleUnavailable("TF-152", f"A module sent an error that cannot be read: {error}.", "Look at its log.")
    return (named(kind) or TinyFlowError)(code, what, *way_out, where=where)


def error_of_call(
    carried: bytes | None, status: str, details: str, address: str, name: str, timeout: float | None
) -> TinyFlowError:
    """What it means that a call has failed: the error that was raised there, or what gRPC's status says.

    Args:
        carried: What ``seal`` made, if the module has raised an error of ours.
        status: The name of gRPC's status code.
        details: What gRPC says about it.
        address: Of the module.
        name: Of the method.
        timeout: Seconds that the call was given.
    """
    if carried:
        return open_envelope(carried)
    if status == "DEADLINE_EXCEEDED" and name in ("Send", "Replay"):
        return Busy("TF-134", f"The module at {address} found no room in time.", "Send again later.")
    if status == "DEADLINE_EXCEEDED" and name == "Hold":  # asked for again, a step would be another one
        what = f"The message of a step was not handled within {timeout:g} s."
        return WaitTimeout("TF-138", what, "It still may be: look at what its node does.")
    if status == "DEADLINE_EXCEEDED":
        what = f"The module at {address} did not answer {name} within {timeout:g} s."
        return ModuleUnavailable("TF-163", what, "Look whether its process runs, and what it does.")
    if status == "UNIMPLEMENTED":
        what = f"The module at {address} does not know {name}."
        return ModuleUnavailable("TF-151", what, "It is of an older TinyFlow, or no module: start it anew.")
    what = f"The module at {address} cannot be reached: {details or status}."
    return ModuleUnavailable("TF-163", what, "Look whether its process runs.")


def status_of(error: TinyFlowError) -> str:
    """The name of gRPC's status code for an error."""
    if error.code in REFUSED:
        return REFUSED[error.code]
    if isinstance(error, DefinitionError):
        return "NOT_FOUND" if error.code == "TF-107" else "INVALID_ARGUMENT"
    if isinstance(error, Busy):
        return "RESOURCE_EXHAUSTED"
    return "UNAVAILABLE" if isinstance(error, DeliveryError) else "FAILED_PRECONDITION"
