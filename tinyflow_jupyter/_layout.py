"""A layout: where the boxes of a drawing stand, and the way of every wire between them.

Parts that nothing connects are laid out alone and set beside and below each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ._boxes import Box, Point, Way, Wire, at
from ._part import Part

PART_GAP = 34.0


@dataclass(slots=True)
class Layout:
    """Corners of the boxes, ways of the wires in their order, and the size of the whole, all from 0 on."""

    corners: dict[str, Point] = field(default_factory=dict)
    ways: list[Way] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0


def arrange(boxes: Sequence[Box], wires: Sequence[Wire]) -> Layout:
    """Lay out boxes and wires, the flow running from left to right."""
    layout, ways = Layout(), dict[int, Way]()
    parts = [Part(members, numbered) for members, numbered in _parts(boxes, wires)]
    widest = max((part.width for part in parts), default=0.0)
    area = sum((part.width + PART_GAP) * (part.height + PART_GAP) for part in parts)
    limit = max(widest, (1.8 * area) ** 0.5)  # a page somewhat wider than high
    x = y = shelf = 0.0
    for part in parts:
        if x and x + part.width > limit:
            x, y, shelf = 0.0, y + shelf + PART_GAP, 0.0
        for name, (left, top) in part.corners.items():
            layout.corners[name] = (left + x, top + y)
        for number, way in part.ways.items():
            moved = tuple((left + x, top + y) for left, top in way.points)
            ways[number] = Way(moved, way.start, way.end, way.back)
        layout.width, layout.height = max(layout.width, x + part.width), max(layout.height, y + part.height)
        x, shelf = x + part.width + PART_GAP, max(shelf, part.height)
    layout.ways = [ways[number] for number in range(len(wires))]
    return layout


def place(boxes: Sequence[Box], wires: Sequence[Wire], corners: Mapping[str, Point]) -> Layout:
    """Keep the places that a person gave to the boxes; only the ways of the wires are found here."""
    left = min((x for x, _ in corners.values()), default=0.0)
    top = min((y for _, y in corners.values()), default=0.0)
    layout = Layout({box.name: (corners[box.name][0] - left, corners[box.name][1] - top) for box in boxes})
    layout.width = max((layout.corners[box.name][0] + box.width for box in boxes), default=0.0)
    layout.height = max((layout.corners[box.name][1] + box.height for box in boxes), default=0.0)
    for wire in wires:
        start, end = at(layout.corners[wire.source], wire.start), at(layout.corners[wire.target], wire.end)
        layout.ways.append(Way((start, end), wire.start.side, wire.end.side))
    return layout


def _parts(boxes: Sequence[Box], wires: Sequence[Wire]) -> Iterable[tuple[list[Box], list[tuple[int, Wire]]]]:
    """The connected parts, in the order of their first boxes."""
    root = {box.name: box.name for box in boxes}

    def find(name: str) -> str:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    for wire in wires:
        root[find(wire.source)] = find(wire.target)
    found: dict[str, tuple[list[Box], list[tuple[int, Wire]]]] = {}
    for box in boxes:
        found.setdefault(find(box.name), ([], []))[0].append(box)
    for number, wire in enumerate(wires):
        found[find(wire.source)][1].append((number, wire))
    return found.values()
