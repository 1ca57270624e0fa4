"""A misfit: a value that is not what a type asks for, and the way to the part that is to blame."""

from __future__ import annotations

from collections.abc import Iterable

from tinyflow_runtime.errors import PayloadError, did_you_mean

__all__ = ["Misfit", "payload_error"]


class Misfit(Exception):  # never leaves this package: callers turn it into an error with a code
    """A value does not fit; ``path`` leads from the whole value to the part that does not.

    Attributes:
        kind: ``"value"`` (wrong type or out of bounds), ``"missing"`` or ``"unknown"`` (a field).
        name: Of the missing or unknown field.
        known: The fields there are, when one is unknown.
        what: A clause such as ``"is 'high' (str), not float"``.
    """

    def __init__(self, what: str, *, kind: str = "value", name: str = "", known: Iterable[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        self.path = ""

    def under(self, step: str) -> Misfit:
        """The same, seen from one level further out."""
        self.path = step + (f".{self.path}" if self.path and not self.path.startswith("[") else self.path)
        return self


def payload_error(misfit: Misfit, *, path: str = "") -> PayloadError:
    """The error of a payload that does not fit its port."""
    whole = path or ("message" if misfit.path else "The message")
    at = whole + (f".{misfit.path}" if misfit.path and not misfit.path.startswith("[") else misfit.path)
    if misfit.kind == "unknown":
        fields = f"Its fields: {', '.join(misfit.known)}." if misfit.known else ""
        return PayloadError("TF-123", f"{at} {misfit.what}.", did_you_mean(misfit.name, misfit.known), fields)
    if misfit.kind == "missing":
        return PayloadError("TF-123", f"{at} {misfit.what}.", f"Add {misfit.name!r}, or give the field a default.")
    hint = did_you_mean(misfit.name, misfit.known)
    way_out = "Send what the port takes, or change the type of the port."
    return PayloadError("TF-123", f"{at} {misfit.what}.", hint, way_out)
