"""A condition says how one thing about an object is, why, for which generation, and since when."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from tinyflow_operator.kinds import Document

TYPES = ("Accepted", "SourceVerified", "Ready", "Progressing", "Stalled", "Delivered")
LONGEST = 4_000  # letters of a message; what is longer is somebody's traceback, and its end says what happened


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing about an object.

    Attributes:
        type: What it is about; one of TYPES.
        status: Whether it is so; None when nobody knows yet.
        reason: For programs: one word of ours, in CamelCase, that stays the same over releases.
        message: For people: what is wrong and one way out.
    """

    type: str
    status: bool | None
    reason: str
    message: str


def status_of(old: Document, *, generation: int, conditions: Iterable[Condition], **more: object) -> Document:
    """A whole status. The same again is equal to the old one, so that nothing has to be written.

    Args:
        old: The object as it is: times are taken from it where a condition did not turn.
        generation: Of the spec that was looked at.
        conditions: All there are; those of the old status that are not among them go.
        more: Further fields; those that are None are left out.
    """
    was = {one["type"]: one for one in (old.get("status") or {}).get("conditions", [])}
    documents = [_document(one, was.get(one.type, {}), generation) for one in conditions]
    said = {name: value for name, value in more.items() if value is not None}
    return {"observedGeneration": generation, "conditions": documents, **said}


def condition_of(document: Document | None, kind: str) -> Document:
    """An object's condition as it stands in its status; empty when there is none."""
    found = ((document or {}).get("status") or {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind), {})


def is_true(document: Document, kind: str = "Ready") -> bool:
    """Whether a condition holds, for the generation that the object has now."""
    found = condition_of(document, kind)
    return bool(
        found.get("status") == "True" and found.get("observedGeneration", 0) >= document["metadata"]["generation"]
    )


def same(one: Document, other: Document) -> bool:
    """Whether two statuses say the same. Servers merge conditions in an order of their own, and others may add some."""
    return _comparable(one) == _comparable(other)


def now() -> str:
    """The time as Kubernetes writes it."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _comparable(status: Document) -> Document:
    ours = {each["type"]: each for each in status.get("conditions", []) if each["type"] in TYPES}
    return {**status, "conditions": ours}


def _document(condition: Condition, was: Document, generation: int) -> Document:
    status = "Unknown" if condition.status is None else str(condition.status)
    message = condition.message
    if len(message) > LONGEST:
        message = f"…{message[1 - LONGEST :]}"
    return {
        "type": condition.type,
        "status": status,
        "reason": condition.reason,
        # Never empty: the server-side apply of older Kubernetes makes null of it, which its own schema then refuses.
        "message": message or condition.reason,
        "observedGeneration": generation,
        # The time tells when it turned, not when we last looked.
        "lastTransitionTime": was.get("lastTransitionTime") if was.get("status") == status else now(),
    }
