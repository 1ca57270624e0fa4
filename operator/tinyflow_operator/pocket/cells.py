"""Cells of the tables that kubectl draws: what a path finds, and how long ago something was."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

from tinyflow_operator.kinds import Document

PIECE = re.compile(
    r"""\.(?P<name>(?:\\.|[^.\[\]\\])+)          # .spec, .metadata.annotations.tinyflow\.dev/x
      | \[\?\(@\.(?P<field>[\w.]+)\s*==\s*(?P<quote>['"])(?P<value>.*?)(?P=quote)\)\]  # [?(@.type=='Ready')]
      | \[(?P<number>\d+)\]
      | \[['"](?P<key>[^'"]+)['"]\]""",
    re.VERBOSE,
)


def at_path(path: str) -> Callable[[Document], Any]:
    """What a JSONPath finds first, of the kind that printer columns use; None when it finds nothing."""
    pieces = [match.groupdict() for match in PIECE.finditer(path)]

    def cell(document: Document) -> Any:
        found: Any = document
        for piece in pieces:
            found = _follow(found, piece)
            if found is None:
                return None
        return found

    return cell


def age(path: str) -> Callable[[Document], str | None]:
    """How long ago the time at a path was, as people say it."""
    look = at_path(path)

    def cell(document: Document) -> str | None:
        said = look(document)
        return None if said is None else since(said)

    return cell


def since(time: str) -> str:
    """``"5s"``, ``"3m12s"``, ``"2d"``: coarser the longer ago."""
    try:
        then = datetime.datetime.fromisoformat(time)
    except ValueError:
        return "<invalid>"
    seconds = int((datetime.datetime.now(datetime.UTC) - then).total_seconds())
    if seconds < -1:
        return "<invalid>"
    seconds = max(seconds, 0)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 2:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if hours < 3:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d" if days < 730 else f"{days // 365}y{days % 365}d"


def _follow(found: Any, piece: dict[str, str | None]) -> Any:
    if (name := piece["name"] or piece["key"]) is not None:
        return found.get(name.replace("\\", "")) if isinstance(found, dict) else None
    if not isinstance(found, list):
        return None
    if piece["number"] is not None:
        number = int(piece["number"])
        return found[number] if number < len(found) else None
    field = at_path(f".{piece['field']}")
    return next((item for item in found if isinstance(item, dict) and field(item) == piece["value"]), None)
