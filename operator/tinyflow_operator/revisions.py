"""A module's revisions: the sources that are kept to go back to. Pure: what was, and what is, in; what stays, out."""

from __future__ import annotations

from tinyflow_operator.conditions import now
from tinyflow_operator.kinds import Document
from tinyflow_operator.schemas import REVISIONS

SHORT = 12  # digits of a hash that people are shown


def kept(
    old: list[Document], *, wanted: str, serving: str, config_map: str, outcome: str, message: str
) -> list[Document]:
    """The newest revisions, the wanted one first. The one that serves stays, however many broken ones came after it.

    Args:
        old: As the status has them.
        wanted: The hash in the spec.
        serving: The hash of what runs; empty when nothing does.
        config_map: Where the wanted one is.
        outcome: Of the wanted one: Serving, Loading or Failed.
        message: Why it failed; empty when it did not.
    """
    known = {one["sha256"]: one for one in old}
    first = {
        "sha256": wanted,
        "configMap": config_map,
        "time": known.get(wanted, {}).get("time") or now(),
        "outcome": outcome,
        **({"message": message[-1000:]} if message else {}),
    }
    rest = [_before(one, serving) for one in old if one["sha256"] != wanted]
    vital = [one for one in rest if one["sha256"] == serving]
    others = [one for one in rest if one["sha256"] != serving][: REVISIONS - 1 - len(vital)]
    stay = {one["sha256"] for one in vital + others}
    return [first, *(one for one in rest if one["sha256"] in stay)]


def _before(one: Document, serving: str) -> Document:
    if one["sha256"] == serving:
        return {**{name: part for name, part in one.items() if name != "message"}, "outcome": "Serving"}
    return {**one, "outcome": "Failed" if one.get("outcome") == "Failed" else "Served"}
