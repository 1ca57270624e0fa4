"""The structure of a flow as the browser draws it: its nodes with their places and ports, and its edges."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tinyflow_jupyter._boxes import Box, Point
from tinyflow_jupyter._card import Card
from tinyflow_jupyter._families import family
from tinyflow_jupyter._layout import arrange
from tinyflow_jupyter._svg import wire_of
from tinyflow_jupyter._text import fit

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port
    from tinyflow_runtime.flow import Edge, Flow, Node

    from .port_types import Types

GAP = 60.0  # between a node that has come and what it is put beside
FOLD_GAP = 26.0  # between two nodes of a column
SHAPE = 1.9  # how many times wider than high a large flow is made
TALL = 900.0  # a column up to twice as high as this is left alone
LABEL = 26  # letters of a condition or mapping that are drawn on an edge; the whole of it is in the inspector
ROOM_FOR_A_VALUE = "-0.000000"  # a status value changes, and its card must not change its size with it

Json = dict[str, Any]  # what JSON can hold


@dataclass(slots=True)
class Structure:
    """What is drawn, by the names that changes are told by."""

    nodes: dict[str, Json] = field(default_factory=dict)
    edges: dict[str, Json] = field(default_factory=dict)

    def since(self, old: Structure) -> Json:
        """What has to be put and dropped to come from an older one to this one."""
        return {
            "put": {"nodes": _new(self.nodes, old.nodes), "edges": _new(self.edges, old.edges)},
            "drop": {
                "nodes": [name for name in old.nodes if name not in self.nodes],
                "edges": [name for name in old.edges if name not in self.edges],
            },
        }


def _new(now: Mapping[str, Json], old: Mapping[str, Json]) -> list[Json]:
    return [one for name, one in now.items() if old.get(name) != one]


class Places:
    """Where the nodes of one flow stand: as a person placed them, else as they were laid out when first seen.

    All views of a flow share one, so that they are alike.
    """

    def __init__(self) -> None:
        self._corners: dict[str, Point] = {}
        self._lock = threading.Lock()

    def forget(self, names: set[str] | None = None) -> None:
        """Lay out anew, everything or some."""
        with self._lock:
            for name in list(self._corners if names is None else names):
                self._corners.pop(name, None)

    def of(self, flow: Flow, cards: Mapping[str, Card]) -> dict[str, Point]:
        """The top left corner of every node's card."""
        with self._lock:
            placed = {name: node.position for name, node in flow.nodes.items() if node.position is not None}
            known = {name: self._corners[name] for name in cards if name in self._corners} | placed
            missing = [name for name in cards if name not in known]
            if missing:
                known |= _fresh(flow, cards, known, missing)
            self._corners = known
            return dict(known)


def laid_out(edges: Iterable[Edge], cards: Mapping[str, Card]) -> dict[str, Point]:
    """Corners for cards and the edges among them, whatever places they had."""
    wires = [wire_of(edge, cards) for edge in edges if edge.source.node in cards and edge.target.node in cards]
    return folded(arrange([card.box for card in cards.values()], wires).corners, cards)


def _fresh(flow: Flow, cards: Mapping[str, Card], known: Mapping[str, Point], missing: list[str]) -> dict[str, Point]:
    """Places for nodes that have none: a layout where most are new, else beside those that they are connected with."""
    if len(missing) * 2 > len(cards):
        corners = laid_out(list(flow.edges.values()), cards)
        below = max((y + cards[name].box.height + GAP for name, (_, y) in known.items()), default=0.0)
        return {name: (corners[name][0], corners[name][1] + below) for name in missing}
    found: dict[str, Point] = {}
    for name in missing:
        found[name] = _free(_wish(flow, cards, {**known, **found}, name), name, cards, {**known, **found})
    return found


def folded(corners: Mapping[str, Point], cards: Mapping[str, Card]) -> dict[str, Point]:
    """The layout, its tall columns broken into several: a screen is wider than high, five hundred leaves are not."""
    columns: dict[float, list[str]] = {}
    for name, (x, _) in corners.items():
        columns.setdefault(round(x + cards[name].box.width / 2), []).append(name)
    area = sum((card.box.width + GAP) * (card.box.height + FOLD_GAP) for card in cards.values())
    limit = max((area / SHAPE) ** 0.5, TALL)
    if max((y for _, y in corners.values()), default=0.0) <= 2 * limit:
        return dict(corners)
    found, left = dict[str, Point](), 0.0
    for middle in sorted(columns):
        names = sorted(columns[middle], key=lambda name: corners[name][1])
        high = sum(cards[name].box.height + FOLD_GAP for name in names)
        parts = max(1, round(high / limit + 0.3))
        each = -(-len(names) // parts)
        for start in range(0, len(names), each):
            part = names[start : start + each]
            top = -sum(cards[name].box.height + FOLD_GAP for name in part) / 2
            for name in part:
                found[name] = left, top
                top += cards[name].box.height + FOLD_GAP
            left += max(cards[name].box.width for name in part) + GAP
        left += GAP
    return found


def _wish(flow: Flow, cards: Mapping[str, Card], known: Mapping[str, Point], name: str) -> Point:
    for edge in flow.incoming(name):
        if edge.source.node in known:
            x, y = known[edge.source.node]
            return x + cards[edge.source.node].box.width + GAP, y
    for edge in flow.outgoing(name):
        if edge.target.node in known:
            x, y = known[edge.target.node]
            return x - cards[name].box.width - GAP, y
    left = min((x for x, _ in known.values()), default=0.0)
    return left, max((y + cards[other].box.height + GAP for other, (_, y) in known.items()), default=0.0)


def _free(wish: Point, name: str, cards: Mapping[str, Card], known: Mapping[str, Point]) -> Point:
    """The wish, moved down until nothing lies there."""
    x, y = wish
    mine = cards[name].box
    while blocking := [
        top + cards[other].box.height
        for other, (left, top) in known.items()
        if left < x + mine.width
        and x < left + cards[other].box.width
        and top < y + mine.height
        and y < top + cards[other].box.height
    ]:
        y = max(blocking) + GAP / 3
    return x, y


_places: weakref.WeakKeyDictionary[Any, Places] = weakref.WeakKeyDictionary()  # Any: whatever shows itself as a flow


def places_of(flow: object) -> Places:
    """The places that all views of a flow share."""
    found = _places.get(flow)
    if found is None:
        found = _places[flow] = Places()
    return found


def cards_of(flow: Flow) -> dict[str, Card]:
    """The geometry of every node."""
    connected: dict[str, set[str]] = {}
    for edge in list(flow.edges.values()):
        for end in (edge.source, edge.target):
            connected.setdefault(end.node, set()).add(end.port)
    return {name: _card(node, connected.get(name, set())) for name, node in list(flow.nodes.items())}


def _card(node: Node, connected: set[str]) -> Card:
    return Card(node, connected, values={port.name: ROOM_FOR_A_VALUE for port in node.ports.values() if port.status})


def structure_of(flow: Flow, places: Places, types: Types) -> Structure:
    """A flow as it is now. Positions are middles here; a flow keeps corners."""
    cards = cards_of(flow)
    corners = places.of(flow, cards)
    with types.used("drawn"):
        nodes = {name: _node(card, corners[name], types) for name, card in cards.items()}
    edges = {one["id"]: one for edge in list(flow.edges.values()) if (one := _edge(edge, cards)) is not None}
    return Structure(nodes, edges)


def middle(corner: Point, box: Box) -> Point:
    """Of a card with this corner."""
    return corner[0] + box.width / 2, corner[1] + box.height / 2


def _node(card: Card, corner: Point, types: Types) -> Json:
    node, box = card.node, card.box
    x, y = middle(corner, box)
    return {
        "id": node.name,
        "component": node.component.name,
        "module": node.component.module,
        "description": node.component.info().description.strip().partition("\n")[0][:200],
        "note": fit(card.note, 10, box.width - 24, mono=True),
        "x": round(x, 1),
        "y": round(y, 1),
        "w": round(box.width, 1),
        "h": box.height,
        "placed": node.position is not None,
        "top": card.top,
        "head": card.head,
        "ports": [
            _port(port, side, card, types) for side, ports in card.ports.items() for port in ports
        ],
    }  # fmt: skip


def _port(port: Port, side: str, card: Card, types: Types) -> Json:
    anchor, box = card.anchors[port.name], card.box
    return {
        **port_document(port, types),
        "side": side,
        "dx": round(anchor.x - box.width / 2, 1),
        "dy": round(anchor.y - box.height / 2, 1),
    }


def port_document(port: Port, types: Types) -> Json:
    """A port without a place."""
    failing = port.name == "error" and port.direction == "out"
    return {
        "name": port.name,
        "label": port.label or port.name,
        "dir": port.direction,
        "side": port.position,
        "kind": "error" if failing else "settings" if port.settings else "status" if port.status else "data",
        "type": types.number(port.type),
        "family": "bad" if failing else family(port.type),
    }


def edge_id(source: object, target: object) -> str:
    """How the browser calls an edge."""
    return f"{source}>{target}"


def _edge(edge: Edge, cards: Mapping[str, Card]) -> Json | None:
    if edge.source.node not in cards or edge.target.node not in cards:  # a cell is just removing one of them
        return None
    port = cards[edge.source.node].node.ports.get(edge.source.port)
    said = (("when", edge.when), ("map", edge.map))
    return {
        "id": edge_id(edge.source, edge.target),
        "source": edge.source.node,
        "sourcePort": edge.source.port,
        "target": edge.target.node,
        "targetPort": edge.target.port,
        "when": edge.when.text if edge.when else None,
        "map": edge.map.text if edge.map else None,
        "label": "  ".join(f"{word} {_short(one.text)}" for word, one in said if one is not None),
        "loop": edge.loop,
        "capacity": edge.capacity,
        "family": "bad" if edge.source.port == "error" else family(port.type) if port is not None else "any",
    }


def _short(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"
