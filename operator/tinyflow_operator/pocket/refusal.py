"""A request that is refused, in Kubernetes' own words: clients, kubectl and people know them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinyflow_operator.kinds import Document

if TYPE_CHECKING:
    from tinyflow_operator.pocket.resources import Resource


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is not as it must be.

    Attributes:
        reason: ``"FieldValueRequired"``: a word for programs.
        message: ``"Required value"``: without the field.
        field: ``"spec.ports[0].name"``.
    """

    reason: str
    message: str
    field: str


class Refusal(Exception):
    """The answer is no.

    Args:
        code: The HTTP status.
        reason: A word for programs: ``"NotFound"``.
        message: For people.
        details: What it is about, as a Status has it.
    """

    def __init__(self, code: int, reason: str, message: str, details: Document | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details
        self.more: Document = {}  # of the Status' metadata

    @property
    def document(self) -> Document:
        """The Status object that is sent."""
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.more,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": self.details} if self.details is not None else {}),
            "code": self.code,
        }


def bad_request(message: str) -> Refusal:
    """The request itself is wrong."""
    return Refusal(400, "BadRequest", message)


def unknown_path() -> Refusal:
    """Nothing is served under that path."""
    return Refusal(404, "NotFound", "the server could not find the requested resource", {})


def not_found(resource: Resource, name: str) -> Refusal:
    """There is no such object."""
    return Refusal(404, "NotFound", f'{resource.title} "{name}" not found', resource.details(name))


def already_exists(resource: Resource, name: str) -> Refusal:
    """There is one of that name."""
    return Refusal(409, "AlreadyExists", f'{resource.title} "{name}" already exists', resource.details(name))


def conflict(resource: Resource, name: str, why: str) -> Refusal:
    """It was written for another state of the object."""
    said = f'Operation cannot be fulfilled on {resource.title} "{name}": {why}'
    return Refusal(409, "Conflict", said, resource.details(name))


def modified(resource: Resource, name: str) -> Refusal:
    """Somebody wrote the object meanwhile."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> Refusal:
    """Some fields are not as they must be; all of them are told at once."""
    told = [f"{cause.field}: {cause.message}" for cause in causes]
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    listed = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    details: Document = {"name": name, **({"group": resource.group} if resource.group else {}), "kind": resource.kind}
    details["causes"] = [{"reason": cause.reason, "message": cause.message, "field": cause.field} for cause in causes]
    return Refusal(422, "Invalid", f'{kind} "{name}" is invalid: {listed}', details)


def expired(message: str) -> Refusal:
    """That is longer ago than is kept: list again."""
    return Refusal(410, "Expired", message)


def too_large_version(asked: int, current: int) -> Refusal:
    """That version is still to come."""
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
    said = f"Too large resource version: {asked}, current: {current}"
    return Refusal(504, "Timeout", f"Timeout: {said}", details | {"retryAfterSeconds": 1})
