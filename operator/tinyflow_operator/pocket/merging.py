"""How values of several managers go together, after Kubernetes' structured-merge-diff: by shape, never by chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tinyflow_operator.pocket.equal import encode, same
from tinyflow_operator.pocket.fields import Fields
from tinyflow_operator.pocket.shape import ANY, MISSING, Shape


class Unmergeable(Exception):
    """A document that cannot be taken apart into fields; the text names the field."""


@dataclass(slots=True)
class Changes:
    """The fields in which a newer value differs from an older one."""

    added: Fields = field(default_factory=dict)
    modified: Fields = field(default_factory=dict)
    removed: Fields = field(default_factory=dict)


def fields_of(shape: Shape, value: Any, *, maps: bool = False) -> Fields:
    """The fields that a value says something about.

    Args:
        maps: Whether the maps and lists around fields count too, as they do for whoever created them.

    Raises:
        Unmergeable: A field has no place in the schema, or an item of a list has no key.
    """
    found: Fields = {}
    if isinstance(value, dict):
        if shape.atomic:
            return found
        fields, others = shape.fields, shape.others
        for name, inner in value.items():
            part = fields.get(name)
            declared = part is not None
            part = part or others
            if part is None:
                raise Unmergeable(f".{name}: field not declared in schema")
            if not isinstance(inner, dict | list):
                found[f"f:{name}"] = {}
                continue
            try:
                node = fields_of(part, inner, maps=maps)
            except Unmergeable as error:
                raise Unmergeable(f".{name}{error}") from None
            if node and (maps or not declared) and "." not in node:
                node["."] = {}
            found[f"f:{name}"] = node
    elif isinstance(value, list) and (shape.keys or shape.unique):
        for mark, item in _items(shape, value, strict=True):
            try:
                node = fields_of(shape.items or ANY, item, maps=maps)
            except Unmergeable as error:
                raise Unmergeable(f"[{mark[2:]}]{error}") from None
            if node:
                node["."] = {}
            found[mark] = node
    if isinstance(value, dict | list) and shape.type not in ("", "object", "array"):
        raise Unmergeable(f": expected {shape.type}, got {'map' if isinstance(value, dict) else 'list'}")
    return found


def merge(shape: Shape, live: Any, sent: Any) -> Any:
    """The live value with everything that was sent in it. What came in is left as it is, and may be shared."""
    if isinstance(sent, dict) and isinstance(live, dict) and not shape.atomic:
        merged = dict(live)
        for name, inner in sent.items():
            merged[name] = merge(shape.child(name) or ANY, live[name], inner) if name in live else inner
        return merged
    if isinstance(sent, list) and isinstance(live, list) and (shape.keys or shape.unique):
        return _merge_lists(shape, live, sent)
    return sent


def _merge_lists(shape: Shape, live: list[Any], sent: list[Any]) -> list[Any]:
    items = shape.items or ANY
    before, after = dict(_items(shape, live)), dict(_items(shape, sent))
    merged, rest = [], iter(after.items())
    for mark, item in before.items():
        if mark not in after:
            merged.append(item)
            continue
        # Whoever applies says the order of the items it applies; those of others keep their places between them.
        for there, value in rest:
            merged.append(merge(items, before[there], value) if there in before else value)
            if there in before:
                break
    merged += [merge(items, before[there], value) if there in before else value for there, value in rest]
    return merged


def compare(shape: Shape, old: Any, new: Any) -> Changes:
    """What changed from an older document to a newer one."""
    changes = Changes()
    _compare(shape, old, new, changes.added, changes.modified, changes.removed)
    return changes


def _compare(shape: Shape, old: Any, new: Any, added: Fields, modified: Fields, removed: Fields) -> bool:
    """Note what changed below a field; answers whether the field itself was replaced."""
    if same(old, new):
        return False
    if isinstance(old, dict) and isinstance(new, dict) and not shape.atomic:
        before = {f"f:{name}": (value, shape.child(name) or ANY) for name, value in old.items()}
        after = {f"f:{name}": (value, shape.child(name) or ANY) for name, value in new.items()}
    elif isinstance(old, list) and isinstance(new, list) and (shape.keys or shape.unique):
        items = shape.items or ANY
        before = {mark: (value, items) for mark, value in _items(shape, old)}
        after = {mark: (value, items) for mark, value in _items(shape, new)}
    else:
        return True
    for mark, (value, part) in before.items():
        if mark not in after:
            removed[mark] = _all_of(part, value)
            continue
        more: Fields = {}
        changed: Fields = {}
        less: Fields = {}
        if _compare(part, value, after[mark][0], more, changed, less):
            modified[mark] = {}
        for below, all_of_it in ((more, added), (changed, modified), (less, removed)):
            if below:
                all_of_it[mark] = below
    for mark, (value, part) in after.items():
        if mark not in before:
            added[mark] = _all_of(part, value)
    return False


def _all_of(shape: Shape, value: Any) -> Fields:
    try:
        node = fields_of(shape, value, maps=True)
    except Unmergeable:
        return {}
    return {**node, ".": {}} if node else {}


def without(shape: Shape, value: Any, last: Fields, owned: Fields) -> Any:
    """The value without the fields that its manager applied last time and nobody owns any more."""
    if isinstance(value, dict) and not shape.atomic:
        kept = {}
        for name, inner in value.items():
            mark = f"f:{name}"
            if mark in last:
                if _inside(shape, name, last[mark]) and not (mark in owned and _inside(shape, name, owned[mark])):
                    continue
                inner = without(shape.child(name) or ANY, inner, last[mark], owned.get(mark, {}))
            kept[name] = inner
        return kept
    if isinstance(value, list) and (shape.keys or shape.unique):
        items: list[Any] = []
        for mark, item in _items(shape, value):
            if mark in last:
                if mark not in owned:
                    continue
                item = without(shape.items or ANY, item, last[mark], owned[mark])
            items.append(item)
        return items
    return value


def _inside(shape: Shape, name: str, node: Fields) -> bool:
    """Whether a field is in a set; one that the schema declares is there with whatever is below it."""
    return name in shape.fields or not node or "." in node


def _items(shape: Shape, value: list[Any], *, strict: bool = False) -> Iterator[tuple[str, Any]]:
    """A list's items, each with the mark that tells it from the others."""
    seen = set()
    for item in value:
        mark = f"k:{encode(_key(shape, item)).decode()}" if shape.keys else f"v:{encode(item).decode()}"
        if strict and mark in seen:
            readable = mark[2:]
            if shape.keys:
                readable = ",".join(f"{name}={encode(one).decode()}" for name, one in _key(shape, item).items())
            raise Unmergeable(f": duplicate entries for key [{readable}]")
        seen.add(mark)
        yield mark, item


def _key(shape: Shape, item: Any) -> dict[str, Any]:
    items = shape.items or ANY
    if not isinstance(item, dict):
        raise Unmergeable(": associative list with keys may not have non-map elements")
    key = {}
    for name in shape.keys:
        value = item.get(name, MISSING)
        if value is MISSING and name in items.fields:
            value = items.fields[name].default
        if value is MISSING:
            said = f'associative list with keys has an element that omits key field "{name}"'
            raise Unmergeable(f": {said} (and doesn't have default value)")
        key[name] = value
    return key
