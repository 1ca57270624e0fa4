"""Telling what a push changes in one object: its fields, and the lines of a module's text, as a person reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from tinyflow_runtime.redaction import Redactor
from tinyflow_runtime.resources.labels import IMPORT, NODES_SHA256, NOTES, POSITION, PROJECT_LABEL, PUSHED_BY

from tinyflow_jupyter._text import fit
from tinyflow_jupyter._view.line import line

from .difference import MISSING, Field

ROOM = 260.0  # the widest a value may be
SOURCE = ("spec", "source")
HASH = (*SOURCE, "sha256")
OWNER = ("metadata", "ownerReferences")  # of a node: what makes it go with its flow
WORDS = {
    IMPORT: "import path",
    NOTES: "notes",
    POSITION: "place on the canvas",
    PROJECT_LABEL: "project",
    PUSHED_BY: "pushed by",
}
_edge = re.compile(r"edges\[(.*)\]").fullmatch


def told(fields: Iterable[Field]) -> list[str]:
    """What differs, one by one."""
    fields = list(fields)
    hashed = any(field.path == HASH for field in fields)
    return [
        _told(field)
        for field in fields
        # With another hash everything of a source is another.
        if field.path[-1] != NODES_SHA256 and not (hashed and field.path[:2] == SOURCE and field.path != HASH)
    ]


def _told(field: Field) -> str:
    if field.path == OWNER:
        return "made anew, for its flow was deleted" if field.before else "goes with its flow from now on"
    who = f" (set by {field.by})" if field.by else ""
    if field.path == HASH:
        return f"source {str(field.before)[:12]} → {str(field.after)[:12]}{who}"
    if field.path[:2] == SOURCE:
        return f"source{who}"
    edge, rest = _edge_of(field)
    if edge and not rest:
        return f"{edge} {'added' if field.before is MISSING else 'taken away'}{who}"
    name, redactor = field.path[-1], Redactor(os.environ)
    before, after = (
        "none" if value is MISSING else fit(line(value, redactor, name=name), 10, ROOM, mono=True)
        for value in (field.before, field.after)
    )
    what = f"{edge}, {rest}" if edge else WORDS.get(name, field.name)
    return f"{what}: {before} → {after}{who}"


def _edge_of(field: Field) -> tuple[str, str]:
    """The edge that a field is of, and which one of it; empty where it is of none, or is the whole edge."""
    for place, part in enumerate(field.path):
        if found := _edge(part):
            ends = found[1].split(".")  # no name has a dot
            name = "{}:{} to {}:{}".format(*ends) if len(ends) == 4 else found[1]
            return f"edge {name}", ".".join(field.path[place + 1 :])
    return "", ""


def lines_told(text: str) -> str:
    """How many lines that say something differ, by ``diff -u``: those in whose place others stand have changed."""
    changed = added = removed = 0
    for more, fewer in _runs(text.split("\n")):
        same = min(more, fewer)
        changed, added, removed = changed + same, added + more - same, removed + fewer - same
    counts = [(changed, "changed"), (added, "added"), (removed, "removed")]
    parts = [f"{count} {word}" for count, word in counts if count]
    if not parts:
        return ""
    number, _, rest = parts[0].partition(" ")
    return ", ".join([f"{number} line{'' if number == '1' else 's'} {rest}", *parts[1:]])


def _runs(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Of each group of lines that differ, with none between that does not: how many more and how many fewer."""
    more = fewer = 0
    for place, text in enumerate(lines):
        head = [each[:3] for each in lines[place : place + 3]] == ["---", "+++", "@@ "]
        head |= [each[:3] for each in lines[max(0, place - 1) : place + 2]] == ["---", "+++", "@@ "]
        if text[:1] not in ("+", "-") or head:
            yield more, fewer
            more = fewer = 0
            continue
        if text[1:].strip():
            more, fewer = more + (text[0] == "+"), fewer + (text[0] == "-")
    yield more, fewer
