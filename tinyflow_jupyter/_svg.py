"""A drawing of a flow: one picture that stands alone, in a notebook, on a page and on paper."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tinyflow_runtime.schema import type_name

from ._boxes import Point, Side, Way, Wire
from ._card import Card, Counts
from ._families import LABELS, family
from ._layout import Layout, arrange, place
from ._text import fit, safe, width
from ._theme import STYLE

if TYPE_CHECKING:
    from tinyflow_runtime.flow import Edge, Flow

MARGIN = 26.0
HEADING = 34.0
LEGEND = 30.0
LABEL = 190.0  # the widest text on an edge; the whole of it is shown on hover
SMALLEST = 0.5  # below half its size nothing can be read: the drawing scrolls instead

# Of the wire's first curve: where a text is tried, the middle first and the far end before the near one.
_SHARES = (0.5, 0.56, 0.44, 0.62, 0.38, 0.68, 0.32, 0.74, 0.8, 0.86, 0.92, 0.24, 0.16)

_AWAY: dict[Side, Point] = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}


def draw(
    flow: Flow,
    *,
    state: str = "",
    remark: str = "",
    counts: Mapping[str, Counts] | None = None,
    values: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """The flow as an SVG document.

    Args:
        flow: What to draw; only its nodes and edges are looked at.
        state: A word for the heading, such as "running".
        remark: What the heading says besides.
        counts: What has become of the messages, by node.
        values: What status ports showed last, as text, by node and port.
    """
    edges = list(flow.edges.values())
    connected: dict[str, set[str]] = {}
    for edge in edges:
        for end in (edge.source, edge.target):
            connected.setdefault(end.node, set()).add(end.port)
    cards = {
        name: Card(node, connected.get(name, set()), (counts or {}).get(name), (values or {}).get(name))
        for name, node in flow.nodes.items()
    }
    labels = [label_of(edge) for edge in edges]
    wires = [wire_of(edge, cards) for edge in edges]
    positions = {name: node.position for name, node in flow.nodes.items() if node.position is not None}
    boxes = [card.box for card in cards.values()]
    layout = place(boxes, wires, positions) if cards and len(positions) == len(cards) else arrange(boxes, wires)
    return _Drawing(flow, cards, edges, labels, layout, state, remark).text()


def summary(flow: Flow, *said: str) -> str:
    """``"3 nodes, 2 edges, running"``."""
    nodes, edges = len(flow.nodes), len(flow.edges)
    words = [f"{nodes} node{'' if nodes == 1 else 's'}", f"{edges} edge{'' if edges == 1 else 's'}", *said]
    return ", ".join(word for word in words if word)


def label_of(edge: Edge) -> str:
    """What is written on an edge: its condition and its mapping."""
    said = (("when", edge.when), ("map", edge.map))
    return "  ".join(f"{word} {expression.text}" for word, expression in said if expression is not None)


def wire_of(edge: Edge, cards: Mapping[str, Card]) -> Wire:
    """An edge as the layout needs it."""
    start = cards[edge.source.node].anchors[edge.source.port]
    end = cards[edge.target.node].anchors[edge.target.port]
    label = label_of(edge)
    return Wire(edge.source.node, start, edge.target.node, end, edge.loop, _label_width(label) if label else 0.0)


def _label_width(label: str) -> float:
    return width(fit(label, 10, LABEL, mono=True), 10, mono=True) + 14


class _Drawing:
    """The parts of one picture, from back to front: page, edges, cards, texts of edges."""

    def __init__(
        self,
        flow: Flow,
        cards: Mapping[str, Card],
        edges: list[Edge],
        labels: list[str],
        layout: Layout,
        state: str,
        remark: str,
    ) -> None:
        self.flow, self.cards, self.edges, self.labels, self.layout = flow, cards, edges, labels, layout
        self.state, self.remark = state, remark
        self.kinds = {family(port.type) for card in cards.values() for ports in card.ports.values() for port in ports}
        self.pills: list[tuple[float, float, float]] = []  # middle and width of the texts drawn so far
        legend = sum(width(text, 10) + 26 for _, text in self._legend_entries())
        title = width(flow.name, 13, bold=True) + width(summary(flow, state, remark), 11) + 40
        self.width = max(layout.width, legend, title, 220.0) + 2 * MARGIN
        self.left = (self.width - layout.width) / 2
        self.height = HEADING + MARGIN + layout.height + MARGIN + (LEGEND if cards else 0.0)

    def text(self) -> str:
        w, h = round(self.width), round(self.height)
        story = f"Flow {self.flow.name}: {summary(self.flow, self.state, self.remark)}"
        top = HEADING + MARGIN
        ways = list(zip(self.edges, self.labels, self.layout.ways, strict=True))
        wires = [self._draw_edge(edge, label, way) for edge, label, way in ways]
        # A text on a flat wire has nowhere else to go: it is placed before those on steep ones.
        pills = [self._pill(label, way) for _, label, way in sorted(ways, key=lambda each: _steep(each[2])) if label]
        return "".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" class="tf-flow" viewBox="0 0 {w} {h}" width="{w}" '
                f'height="{h}" style="max-width:max(100%,{round(self.width * SMALLEST)}px);height:auto" role="img" '
                f'aria-label="{safe(story)}">',
                f"<title>{safe(story)}</title><desc>{safe(self._description())}</desc><style>{STYLE}</style>",
                f'<rect class="tf-page" x=".5" y=".5" width="{w - 1}" height="{h - 1}" rx="10"/>',
                self._heading(),
                f'<g transform="translate({self.left:.1f} {top:g})">',
                *wires,
                *(card.draw(*self.layout.corners[name]) for name, card in self.cards.items()),
                *pills,
                "</g>",
                self._legend(h - LEGEND + 8),
                "</svg>",
            )
        )

    def _description(self) -> str:
        """The flow as sentences, for whoever hears it instead of seeing it."""
        said = [f"{name} is a {card.node.component.name}." for name, card in self.cards.items()]
        for edge, label in zip(self.edges, self.labels, strict=True):
            said.append(f"{edge.source} leads to {edge.target}{', ' + label if label else ''}.")
        return " ".join(said[:120]) or "An empty flow."

    def _heading(self) -> str:
        room = max(self.width - width(summary(self.flow, self.state, self.remark), 11) - 2 * MARGIN - 16, 60.0)
        name = fit(self.flow.name, 13, room, bold=True)
        x = MARGIN + width(name, 13, bold=True) + 12
        light = f'<circle class="tf-f-good" cx="{MARGIN - 10:g}" cy="22.6" r="4"/>' if self.state == "running" else ""
        return (
            f'{light}<text class="tf-name" x="{MARGIN:g}" y="27">{safe(name)}</text>'
            f'<text class="tf-soft" x="{x:.1f}" y="27">{safe(summary(self.flow, self.state, self.remark))}</text>'
        )

    def _legend_entries(self) -> list[tuple[str, str]]:
        entries = [(kind, label) for kind, label in LABELS.items() if kind in self.kinds]
        ports = [port for card in self.cards.values() for of_side in card.ports.values() for port in of_side]
        if any(port.settings for port in ports):
            entries.append(("settings", "settings"))
        if any(port.status for port in ports):
            entries.append(("status", "status"))
        return entries

    def _legend(self, y: float) -> str:
        x, parts = MARGIN, list[str]()
        for kind, label in self._legend_entries():
            if kind == "settings":
                mark = f'<rect class="tf-f-any" x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" rx="2"/>'
            elif kind == "status":
                mark = (
                    f'<circle class="tf-ring tf-s-any" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
                    f'<circle class="tf-f-any" cx="{x:.1f}" cy="{y:.1f}" r="1.5"/>'
                )
            else:
                mark = f'<circle class="tf-f-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
            parts.append(f'{mark}<text class="tf-soft" x="{x + 9:.1f}" y="{y + 3.5:.1f}" font-size="10">{label}</text>')
            x += width(label, 11) + 26
        return "".join(parts)

    def _draw_edge(self, edge: Edge, label: str, way: Way) -> str:
        source = self.cards[edge.source.node].node.ports[edge.source.port]
        kind = "bad" if source.name == "error" else family(source.type)
        path = _street(way) if way.back else _curve(way)
        back = " tf-back" if way.back or edge.loop else ""
        story = f"{edge.source} → {edge.target}\n{type_name(source.type)}"
        told = f"{story}\n{label}" if label else story
        return (
            f'<g class="tf-edge"><title>{safe(told)}</title>'
            f'<path class="tf-wire{back} tf-s-{kind}" d="{path}"/>{_arrow(way.points[-1], way.end, kind)}</g>'
        )

    def _pill(self, label: str, way: Way) -> str:
        text = fit(label, 10, LABEL, mono=True)
        wide = width(text, 10, mono=True) + 14
        x, y = self._free_place(way, wide)
        self.pills.append((x, y, wide))
        words = "".join(
            f'<tspan class="tf-soft">{word}</tspan> ' if word in ("when", "map") else f"{safe(word)} "
            for word in text.split(" ")
        ).rstrip()
        return (
            f"<g><title>{safe(label)}</title>"
            f'<rect class="tf-pill" x="{x - wide / 2:.1f}" y="{y - 9:.1f}" width="{wide:.1f}" height="18" rx="9"/>'
            f'<text class="tf-code" x="{x:.1f}" y="{y + 3.4:.1f}" text-anchor="middle">{words}</text></g>'
        )

    def _free_place(self, way: Way, wide: float) -> Point:
        """On the wire, in the gap behind its source, where no other text lies; the middle if there is no such place."""
        if way.back:
            street = max(itertools.pairwise(way.points), key=lambda ends: abs(ends[0][0] - ends[1][0]))
            return (street[0][0] + street[1][0]) / 2, street[0][1]
        tried = [_on_curve(way, share) for share in _SHARES]
        for x, y in tried:
            if all(abs(x - a) > (wide + b) / 2 + 2 or abs(y - c) > 20 for a, c, b in self.pills):
                return x, y
        return tried[0]


def _steep(way: Way) -> float:
    """How far up or down the first curve of a wire goes."""
    return abs(way.points[1][1] - way.points[0][1])


def _controls(start: Point, end: Point, leaving: Point, entering: Point) -> tuple[Point, Point]:
    """The two control points of a curve that leaves and enters at right angles to the sides of the boxes."""
    across, down = abs(end[0] - start[0]), abs(end[1] - start[1])
    out, into = (
        min(max(across * 0.5, min(across, 28.0)), 140.0) if away[0] else min(max(down * 0.6, 12.0), 90.0)
        for away in (leaving, entering)
    )
    return (
        (start[0] + leaving[0] * out, start[1] + leaving[1] * out),
        (end[0] + entering[0] * into, end[1] + entering[1] * into),
    )


def _segments(way: Way) -> list[tuple[Point, Point, Point, Point] | tuple[Point, Point]]:
    """Curves across the gaps, straight lines through the columns between."""
    points, segments = way.points, list[tuple[Point, Point, Point, Point] | tuple[Point, Point]]()
    for place_, (start, end) in enumerate(itertools.pairwise(points)):
        if place_ % 2:
            segments.append((start, end))
            continue
        leaving = _AWAY[way.start] if place_ == 0 else _AWAY["right"]
        entering = _AWAY[way.end] if place_ == len(points) - 2 else _AWAY["left"]
        segments.append((start, *_controls(start, end, leaving, entering), end))
    return segments


def _curve(way: Way) -> str:
    path = [f"M{_xy(way.points[0])}"]
    for segment in _segments(way):
        path.append(f"L{_xy(segment[1])}" if len(segment) == 2 else "C" + " ".join(_xy(point) for point in segment[1:]))
    return "".join(path)


def _on_curve(way: Way, share: float) -> Point:
    first = _segments(way)[0]
    assert len(first) == 4  # segments begin with a curve
    rest = 1 - share
    weights = (rest**3, 3 * rest**2 * share, 3 * rest * share**2, share**3)
    return (
        sum(weight * point[0] for weight, point in zip(weights, first, strict=True)),
        sum(weight * point[1] for weight, point in zip(weights, first, strict=True)),
    )


def _street(way: Way) -> str:
    """Straight lines with round corners."""
    path = [f"M{_xy(way.points[0])}"]
    for before, corner, after in zip(way.points, way.points[1:], way.points[2:], strict=False):
        path.append(f"L{_xy(_towards(corner, before))}Q{_xy(corner)} {_xy(_towards(corner, after))}")
    return "".join((*path, f"L{_xy(way.points[-1])}"))


def _towards(corner: Point, other: Point) -> Point:
    distance = max(abs(other[0] - corner[0]), abs(other[1] - corner[1]))
    share = min(10.0, distance / 2) / distance if distance else 0.0
    return corner[0] + (other[0] - corner[0]) * share, corner[1] + (other[1] - corner[1]) * share


def _arrow(point: Point, side: Side, kind: str) -> str:
    (x, y), (dx, dy) = point, _AWAY[side]
    tip, base = (x + dx * 5, y + dy * 5), (x + dx * 12, y + dy * 12)
    a, b = (base[0] + dy * 4, base[1] + dx * 4), (base[0] - dy * 4, base[1] - dx * 4)
    return f'<path class="tf-f-{kind}" d="M{_xy(tip)}L{_xy(a)}L{_xy(b)}z"/>'


def _xy(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"
