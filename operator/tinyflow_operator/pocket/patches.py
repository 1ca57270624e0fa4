"""Patches: JSON merge patch (RFC 7396), JSON patch (RFC 6902), and Kubernetes' strategic merge."""

from __future__ import annotations

import copy
from typing import Any

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.equal import same
from tinyflow_operator.pocket.refusal import Refusal, bad_request
from tinyflow_operator.pocket.shape import ANY, Shape

MOST_OPERATIONS = 10_000  # of a JSON patch, as Kubernetes has it


def merge_patch(document: Any, patch: Any) -> Any:
    """The document with a JSON merge patch in it; both stay as they are."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


def json_patch(document: Document, operations: Any) -> Document:
    """The document with a JSON patch's operations done, all of them.

    Raises:
        Refusal: One of them cannot be done.
    """
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise bad_request("a JSON patch is a list of operations")
    if len(operations) > MOST_OPERATIONS:
        raise Refusal(413, "RequestEntityTooLarge", f"The allowed maximum operations is {MOST_OPERATIONS}")
    root = {"": copy.deepcopy(document)}
    for operation in operations:
        try:
            _operate(root, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            said = "the server rejected our request due to an error in our request"
            raise Refusal(422, "Invalid", said, {"causes": [{"message": f"{operation}: {error}"}]}) from error
    patched = root[""]
    if not isinstance(patched, dict):
        raise bad_request("a JSON patch cannot replace the object by something else")
    return patched


def _operate(root: Any, operation: Document) -> None:
    what, path = operation["op"], operation["path"]
    if what == "test":
        if not same(_look(root, path), operation.get("value")):
            raise ValueError("test failed")
    elif what == "remove":
        _take(root, path)
    elif what == "replace":
        _take(root, path)
        _put(root, path, operation["value"])
    elif what == "add":
        _put(root, path, operation["value"])
    elif what == "copy":
        _put(root, path, copy.deepcopy(_look(root, operation["from"])))
    elif what == "move":
        _put(root, path, _take(root, operation["from"]))
    else:
        raise ValueError(f"unknown operation {what!r}")


def _pieces(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise ValueError(f"{path!r} is no JSON pointer")
    return [piece.replace("~1", "/").replace("~0", "~") for piece in path.split("/")]


def _look(root: Any, path: str) -> Any:
    found = root
    for piece in _pieces(path):
        found = found[int(piece)] if isinstance(found, list) else found[piece]
    return found


def _around(root: Any, path: str) -> tuple[Any, str]:
    *before, last = _pieces(path)
    found = root
    for piece in before:
        found = found[int(piece)] if isinstance(found, list) else found[piece]
    return found, last


def _take(root: Any, path: str) -> Any:
    around, last = _around(root, path)
    return around.pop(int(last)) if isinstance(around, list) else around.pop(last)


def _put(root: Any, path: str, value: Any) -> None:
    around, last = _around(root, path)
    if not isinstance(around, list):
        around[last] = value
        return
    place = len(around) if last == "-" else int(last)
    if not 0 <= place <= len(around):
        raise IndexError(place)
    around.insert(place, value)


def strategic_patch(shape: Shape, document: Any, patch: Any) -> Any:
    """The document with a strategic merge patch in it: lists are merged by the first of their keys."""
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    merged = dict(document) if isinstance(document, dict) else {}
    kept = patch.get("$retainKeys")
    if kept is not None:
        merged = {name: value for name, value in merged.items() if name in kept}
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            listed = name.partition("/")[2]
            merged[listed] = [item for item in merged.get(listed) or [] if item not in value]
        elif name.startswith("$"):
            continue  # the order that kubectl asks for changes no meaning
        elif value is None or (isinstance(value, dict) and value.get("$patch") == "delete"):
            merged.pop(name, None)
        else:
            part = shape.child(name) or ANY
            merged[name] = _strategic(part, merged.get(name), value)
    return merged


def _strategic(shape: Shape, value: Any, patch: Any) -> Any:
    if not isinstance(patch, list) or not isinstance(value, list):
        if isinstance(patch, list) and shape.keys:
            return [item for item in patch if not (isinstance(item, dict) and "$patch" in item)]
        return strategic_patch(shape, value, patch)
    if shape.unique:
        return value + [item for item in patch if item not in value]
    if not shape.keys:
        return patch
    key = shape.keys[0]
    items = list(value)
    if any(item == {"$patch": "replace"} for item in patch):
        items, patch = [], [item for item in patch if item != {"$patch": "replace"}]
    for item in patch:
        places = [number for number, one in enumerate(items) if one.get(key) == item.get(key)]
        if item.get("$patch") == "delete":
            items = [one for one in items if one.get(key) != item.get(key)]
        elif places:
            items[places[0]] = strategic_patch(shape.items or ANY, items[places[0]], item)
        else:
            items.append(item)
    return items
