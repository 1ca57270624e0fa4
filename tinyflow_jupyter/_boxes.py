"""Boxes and wires: what a drawing is made of before it is drawn, by size and by place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right", "top", "bottom"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """One rectangle, by size."""

    name: str
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place on a box, measured from its top left corner."""

    x: float
    y: float
    side: Side


@dataclass(frozen=True, slots=True)
class Wire:
    """An edge to draw; ``room`` is the width of its text."""

    source: str
    start: Anchor
    target: str
    end: Anchor
    loop: bool = False
    room: float = 0.0


@dataclass(frozen=True, slots=True)
class Way:
    """The way of one wire: its points, and whether it is a street with round corners instead of a curve."""

    points: tuple[Point, ...]
    start: Side
    end: Side
    back: bool = False


def at(corner: Point, anchor: Anchor) -> Point:
    return corner[0] + anchor.x, corner[1] + anchor.y
