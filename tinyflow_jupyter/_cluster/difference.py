"""The difference between a document that is wanted and the one that a cluster holds, by field, and who made it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tinyflow_runtime.resources.documents import Document

from .api import PUSH

MISSING = object()  # neither null nor empty: there is no such field

_KEYS = {"edges": "id", "ports": "name"}  # lists whose items have a name

Path = tuple[str, ...]
Owners = Mapping[Path, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One field that is not as it is wanted.

    Attributes:
        path: Its names from the top, ``("spec", "ports[settings]", "settings", "limit")``.
        before: What the cluster holds; MISSING for nothing.
        after: What is wanted.
        by: Who set it to that, if it was not a push.
    """

    path: Path
    before: Any  # Any: whatever a document holds
    after: Any
    by: str = ""

    @property
    def name(self) -> str:
        """The path as a person reads it: without the words that every document has."""
        parts = [part for part in self.path if part not in ("spec", "metadata", "ports[settings]")]
        return ".".join(parts) or "settings"


def difference(wanted: Document, there: Document) -> list[Field]:
    """What a push would change in a document: what is set otherwise, and what we set once and is no longer wanted."""
    found, more = list[Field](), list[tuple[str, str]]()
    for part in ("labels", "annotations"):
        ours = wanted["metadata"].get(part) or {}
        theirs = there["metadata"].get(part) or {}
        found += _fields((part,), ours, {key: theirs[key] for key in theirs if key in ours})
        more += [(part, key) for key in theirs.keys() - ours.keys()]
    for part in wanted.keys() - {"apiVersion", "kind", "metadata", "status"}:
        found += _fields((part,), wanted[part], there.get(part, MISSING))
    if not found and not more:
        return []  # mostly: who set what need not be read then
    owners = _owners(there)
    gone = [path for path in more if owners.get(("metadata", *path)) == PUSH]
    found += [Field((part, key), there["metadata"][part][key], MISSING) for part, key in gone]
    return [Field(one.path, one.before, one.after, _by(owners, one)) for one in found]


def _fields(path: Path, wanted: Any, there: Any) -> Iterator[Field]:
    if isinstance(wanted, Mapping) and isinstance(there, Mapping):
        for key in sorted(wanted.keys() | there.keys(), key=str):
            yield from _fields((*path, str(key)), wanted.get(key, MISSING), there.get(key, MISSING))
        return
    key = _KEYS.get(path[-1], "") if path else ""
    if key and _keyed(wanted, key) and _keyed(there, key):
        ours, theirs = _by_key(wanted, key), _by_key(there, key)
        for name in sorted(ours.keys() | theirs.keys()):
            item = (*path[:-1], f"{path[-1]}[{name}]")
            yield from _fields(item, ours.get(name, MISSING), theirs.get(name, MISSING))
        return
    if not same(wanted, there):
        yield Field(path, there, wanted)


def same(one: Any, other: Any) -> bool:
    """Whether two values are one in a document: a cluster returns 2.0 as 2, and may leave out what is null or empty."""
    if one is None or one is MISSING or other is None or other is MISSING:
        return all(each is None or each is MISSING or each == {} or each == [] for each in (one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(same(one.get(key), other.get(key)) for key in one.keys() | other.keys())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _keyed(value: Any, key: str) -> bool:
    return value is MISSING or (
        isinstance(value, list) and all(isinstance(item, Mapping) and key in item for item in value)
    )


def _by_key(items: Any, key: str) -> dict[str, Any]:
    return {} if items is MISSING else {str(item[key]): item for item in items}


def _by(owners: Owners, field: Field) -> str:
    path = ("metadata", *field.path) if field.path[0] in ("labels", "annotations") else field.path
    for length in range(len(path), 0, -1):
        owner = owners.get(path[:length])
        if owner is not None:
            return "" if owner == PUSH else owner
    # A list or a mapping that is wanted otherwise: whoever owns something inside it.
    inside = {owner for each, owner in owners.items() if each[: len(path)] == path} - {PUSH}
    return ", ".join(sorted(inside))


def _owners(document: Document) -> dict[Path, str]:
    """Who set each field, as the server has noted it; another than us where several did."""
    owners: dict[Path, str] = {}
    for entry in document["metadata"].get("managedFields") or ():
        if entry.get("subresource") or not isinstance(entry.get("fieldsV1"), Mapping):
            continue
        for path in _owned(entry["fieldsV1"], ()):
            if owners.get(path, PUSH) == PUSH:
                owners[path] = str(entry.get("manager", ""))
    return owners


def _owned(fields: Mapping[str, Any], path: Path) -> Iterator[Path]:
    """The paths in a server's notation: ``f:name`` is a field, ``k:{"name":"a"}`` an item of a list by its key."""
    for name, inside in fields.items():
        if name == ".":
            continue
        kind, _, rest = name.partition(":")
        if kind == "k" and path:
            here = (*path[:-1], f"{path[-1]}[{_key_of(rest)}]")
        elif kind == "f":
            here = (*path, rest)
        else:
            continue
        if inside and set(inside) - {"."}:
            yield from _owned(inside, here)
        else:
            yield here


def _key_of(text: str) -> str:
    import json

    try:
        return ",".join(str(value) for value in json.loads(text).values())
    except (ValueError, AttributeError):
        return text
