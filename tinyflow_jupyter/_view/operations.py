"""An operation is one thing that a person does to a flow on the canvas, as a document, and what it makes of a draft.

They are the methods of `Flow` where it has one, so that everything is checked there, and nowhere else.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from tinyflow_runtime.component import Component
from tinyflow_runtime.definition.edges import Edge
from tinyflow_runtime.embedded.draft import Draft
from tinyflow_runtime.errors import ComponentError, EdgeError, NodeError, TinyFlowError, did_you_mean
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import Module, find

from .clipboard import pasted

Operation = Mapping[str, Any]  # Any: what JSON can hold
FARTHEST = 1e7  # pixels from the origin; what lies further could not be found again
LONGEST = 63  # letters of a DNS label

_OPTIONS: dict[str, tuple[type, str]] = {
    "when": (str, "a text"),
    "map": (str, "a text"),
    "loop": (bool, "true or false"),
    "capacity": (int, "a number"),
}


def operate(draft: Draft, operation: Operation) -> Any:  # Any: what JSON can hold
    """Do one operation to a draft.

    Returns:
        The name of the node that it made or named; for a paste, the new names by the old ones; else None.

    Raises:
        DefinitionError: The flow refuses it, or the document is no operation; the draft may be half changed.
    """
    work = _OPERATIONS.get(str(operation.get("op"))) if isinstance(operation, Mapping) else None
    if work is None:
        raise _wrong(operation, "op", f"one of {', '.join(_OPERATIONS)}")
    return work(draft, operation)


def free_name(taken: Collection[str], wanted: str) -> str:
    """The name, or the first of ``name-2``, ``name-3``… that nothing is called yet."""
    stem, dash, number = wanted.rpartition("-")
    stem = stem if dash and number.isdecimal() and stem else wanted
    tries = itertools.chain([wanted], (f"{stem[: LONGEST - 7].rstrip('-')}-{n}" for n in itertools.count(2)))
    return next(name for name in tries if name not in taken)


def component_of(draft: Draft, named: object) -> Component:
    """The component of a ``[module, name]``: the newest of this process, else what the flow has already.

    Raises:
        ComponentError: TF-118.
    """
    if not (isinstance(named, Sequence) and len(named) == 2 and all(isinstance(part, str) for part in named)):
        raise NodeError(
            "TF-119", f"component is {named!r:.60}, not a module and a name.", 'Write ["notebook", "double"].'
        )
    module, name = named
    found = find(module, name)
    for node in draft.nodes.values():
        if found is None and (node.component.module, node.component.name) == (module, name):
            found = node.component
    if found is None:
        home = Module.all.get(module)
        raise ComponentError(
            "TF-118",
            f"There is no component {name!r} of module {module!r} here.",
            did_you_mean(name, home.components if home else ()),
            "Run the cell that defines it, or import its package, and then try again.",
        )
    return found


def _node(draft: Draft, operation: Operation) -> str:
    component = component_of(draft, operation.get("component"))
    name = _text(operation, "name") if operation.get("name") else free_name(draft.nodes, component.name)
    if name in draft.nodes:
        what = f"Node {name!r} already exists in flow {draft.name!r}."
        raise NodeError("TF-105", what, f"Take another name, for example {free_name(draft.nodes, str(name))!r}.")
    draft.node(name, component, **_settings(operation))
    if operation.get("position") is not None:
        draft.move(name, _point(operation, "position"))
    return name


def _edge(draft: Draft, operation: Operation) -> None:
    draft.edge(_text(operation, "source"), _text(operation, "target"), **_options(operation))


def _remove(draft: Draft, operation: Operation) -> None:
    draft.remove(*_texts(operation, "ends"))


def _move(draft: Draft, operation: Operation) -> None:
    positions = operation.get("positions")
    if not isinstance(positions, Mapping):
        raise _wrong(operation, "positions", "a place for each name")
    for name in positions:
        _known(draft, name)
        draft.move(name, None if positions[name] is None else _point(positions, name))


def _rename(draft: Draft, operation: Operation) -> str:
    to = _text(operation, "to")
    draft.rename(_text(operation, "name"), to)
    return to


def _configure(draft: Draft, operation: Operation) -> str:
    name = _known(draft, _text(operation, "name"))
    draft.node(name, draft.nodes[name].component, **_settings(operation))
    return name


def _paste(draft: Draft, operation: Operation) -> dict[str, str]:
    if "nodes" not in operation:
        operation = pasted(operation.get("offset"))
    nodes, edges = _documents(operation, "nodes"), _documents(operation, "edges")
    right, down = _point(operation, "offset") if operation.get("offset") is not None else (0.0, 0.0)
    names: dict[str, str] = {}
    for node in nodes:
        old = _text(node, "name")
        names[old] = new = free_name(draft.nodes, old)
        draft.node(new, component_of(draft, node.get("component")), **_settings(node))
        if node.get("position") is not None:
            x, y = _point(node, "position")
            draft.move(new, (x + right, y + down))
    for edge in edges:
        ends = [Address.parse(_text(edge, end)) for end in ("source", "target")]
        if all(end.node in names for end in ends):  # one that leads out of what was copied stays where it was
            source, target = (f"{names[end.node]}:{end.port}" for end in ends)
            draft.edge(source, target, **_options(edge))
    return names


def _insert(draft: Draft, operation: Operation) -> str:
    ends = _texts(operation, "edge")
    old = draft.edges.get((Address.parse(ends[0]), Address.parse(ends[1]))) if len(ends) == 2 else None
    if old is None:
        raise EdgeError(
            "TF-116", f"Flow {draft.name!r} has no edge {' → '.join(ends)} to put a node on.", "Look again."
        )
    if operation.get("component") is not None:
        name = _node(draft, operation)
    else:
        name = _known(draft, _text(operation, "node"))
        if operation.get("position") is not None:
            draft.move(name, _point(operation, "position"))
    draft.remove(*ends)
    _thread(draft, old, name)
    return name


def _thread(draft: Draft, old: Edge, name: str) -> None:
    """Lead an edge through a node, by the first ports that fit.

    Its condition stays where it was, and so does its mapping where the node takes what that makes.
    """
    ports = draft.nodes[name].ports.values()
    entries = [port for port in ports if port.direction == "in" and not port.settings]
    exits = [port for port in ports if port.direction == "out" and port.name != "error"]
    when, mapping = (each.text if each is not None else None for each in (old.when, old.map))
    halves: list[tuple[dict[str, Any], dict[str, Any]]] = [({"when": when, "map": mapping}, {})]
    if mapping is not None:
        halves.append(({"when": when}, {"map": mapping}))
    refusal: TinyFlowError | None = None
    exits.sort(key=lambda port: port.status)
    for (first, second), entry, leaving in itertools.product(halves, entries, exits):
        trial = Draft(draft)
        try:
            trial.edge(str(old.source), f"{name}:{entry.name}", capacity=old.capacity, **first)
            trial.edge(f"{name}:{leaving.name}", str(old.target), loop=old.loop, capacity=old.capacity, **second)
        except TinyFlowError as error:
            refusal = refusal or error
            continue
        trial.land(draft)
        return
    if refusal is not None:
        raise refusal
    lacking = "input" if not entries else "output"
    raise EdgeError("TF-101", f"{name!r} has no {lacking} for an edge to go through it.", "Connect it by hand.")


def _note(draft: Draft, operation: Operation) -> str:
    name = _text(operation, "name") if operation.get("name") else free_name(draft.notes, "note")
    old = draft.notes.get(name)
    if "text" in operation and operation["text"] is None:
        if old is None:
            hint = did_you_mean(str(name), draft.notes)
            raise NodeError("TF-116", f"Flow {draft.name!r} has no note {name!r} to remove.", hint or "Look again.")
        draft.note(name, None)
        return name
    given = {word: _point(operation, word) for word in ("position", "size") if operation.get(word) is not None}
    nodes = _texts(operation, "nodes") if "nodes" in operation else old.nodes if old else ()
    draft.note(name, _text(operation, "text") if "text" in operation or old is None else old.text, nodes=nodes, **given)
    return name


def _known(draft: Draft, name: str) -> str:
    if name not in draft.nodes:
        known = f"Nodes: {', '.join(list(draft.nodes)[:5]) or 'none'}{', …' if len(draft.nodes) > 5 else ''}."
        hint = did_you_mean(str(name), draft.nodes)
        raise NodeError("TF-107", f"Flow {draft.name!r} has no node {name!r}.", hint, known)
    return name


def _settings(operation: Operation) -> dict[str, Any]:
    found = operation.get("settings") or {}
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        raise _wrong(operation, "settings", "values by name")
    return dict(found)


def _options(operation: Operation) -> dict[str, Any]:
    found = {name: operation[name] for name in _OPTIONS if operation.get(name) is not None}
    for name, value in found.items():
        kind, called = _OPTIONS[name]
        if not isinstance(value, kind):
            raise _wrong(operation, name, called)
    return found


def _text(operation: Operation, name: str) -> str:
    found = operation.get(name)
    if not isinstance(found, str):
        raise _wrong(operation, name, "a text")
    return found


def _texts(operation: Operation, name: str) -> list[str]:
    found = operation.get(name)
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise _wrong(operation, name, "a list of texts")
    return list(found)


def _documents(operation: Operation, name: str) -> list[Operation]:
    found = operation.get(name, [])
    if not isinstance(found, list | tuple) or not all(isinstance(one, Mapping) for one in found):
        raise _wrong(operation, name, "a list of documents")
    return list(found)


def _point(operation: Operation, name: str) -> tuple[float, float]:
    found = operation.get(name)
    if isinstance(found, list | tuple) and len(found) == 2:
        x, y = found
        if all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in found):
            if max(abs(x), abs(y)) <= FARTHEST:
                return float(x), float(y)
    raise _wrong(operation, name, f"two numbers, each at most {FARTHEST:g}")


def _wrong(operation: object, name: str, wanted: str) -> NodeError:
    said = operation.get(name) if isinstance(operation, Mapping) else operation
    return NodeError("TF-119", f"{name} is {said!r:.60} in what was asked of the flow.", f"It has to be {wanted}.")


_OPERATIONS: dict[str, Callable[[Draft, Operation], Any]] = {
    "node": _node,
    "edge": _edge,
    "remove": _remove,
    "move": _move,
    "rename": _rename,
    "settings": _configure,
    "paste": _paste,
    "insert": _insert,
    "note": _note,
}
