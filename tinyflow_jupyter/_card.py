"""A card: one node in the drawing, with its ports on their sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from tinyflow_runtime.schema import type_name

from ._boxes import Anchor, Box, Side
from ._families import family
from ._text import fit, safe, width

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port
    from tinyflow_runtime.flow import Node

NARROWEST, WIDEST = 108.0, 252.0
PAD = 12.0
HEAD = 39.0  # title and component
ROW = 19.0
FOOT = 7.0
VALUE = 74.0  # the widest a status value may be

_SECRET = ("password", "secret", "token", "key", "credential")  # a setting named so is never drawn


class Counts(Protocol):
    """What has become of a node's messages."""

    @property
    def handled(self) -> int:
        """Done."""

    @property
    def failed(self) -> int:
        """Attempts that raised."""

    @property
    def dead(self) -> int:
        """Dead letters."""

    @property
    def queued(self) -> int:
        """Accepted and not handled yet."""


class Card:
    """The geometry of a node, and its drawing at a corner.

    Args:
        node: The node.
        connected: Its ports that an edge leaves or enters; an ``error`` port that none leaves is not drawn.
        counts: What has become of its messages, if it runs or ran.
        values: What its status ports showed last, as text, by port.
    """

    def __init__(
        self, node: Node, connected: set[str], counts: Counts | None = None, values: Mapping[str, str] | None = None
    ) -> None:
        self.node, self.counts, self.values = node, counts, dict(values or {})
        self.ports: dict[Side, list[Port]] = {"left": [], "right": [], "top": [], "bottom": []}
        for port in node.ports.values():
            if port.name != "error" or port.name in connected:
                self.ports[_side(port)].append(port)
        self.note = ", ".join(f"{name} {_shown(name, value)}" for name, value in node.settings.items())
        rows = max(len(self.ports["left"]), len(self.ports["right"]))
        self.head = HEAD + (15.0 if self.note else 0.0)
        across = max(self._across("top"), self._across("bottom"))
        beside = 96.0 if self.ports["top"] else 0.0  # where the badge goes then
        names = max(width(node.name, 13, bold=True) + beside, width(node.component.name, 11)) + 2 * PAD
        sides = self._side_width("left") + self._side_width("right") + PAD
        wanted = max(NARROWEST, names, sides, across, min(width(self.note, 10, mono=True) + 2 * PAD, 180.0))
        self.width = max(min(wanted, WIDEST), across)
        self.top = 15.0 if self.ports["top"] else 0.0
        height = self.top + self.head + (rows * ROW + FOOT if rows else 0.0) + (15.0 if self.ports["bottom"] else 0.0)
        self.box = Box(node.name, self.width, height)
        self.anchors = {port.name: self._anchor(side, place) for side in self.ports for place, port in self._row(side)}

    def _row(self, side: Side) -> list[tuple[int, Port]]:
        return list(enumerate(self.ports[side]))

    def _across(self, side: Side) -> float:
        return max((width(_label(port), 10) + 20 for port in self.ports[side]), default=0.0) * len(self.ports[side])

    def _side_width(self, side: Side) -> float:
        return max((width(_label(port), 11) + self._value_width(port) + PAD for port in self.ports[side]), default=0.0)

    def _value_width(self, port: Port) -> float:
        value = self.values.get(port.name)
        return 0.0 if value is None else width(fit(value, 10, VALUE, mono=True), 10, mono=True) + 16

    def _anchor(self, side: Side, place: int) -> Anchor:
        height = self.box.height
        if side in ("left", "right"):
            y = self.top + self.head + FOOT / 2 + ROW * (place + 0.5)
            return Anchor(0.0 if side == "left" else self.width, y, side)
        x = self.width * (place + 0.5) / len(self.ports[side])
        return Anchor(x, 0.0 if side == "top" else height, side)

    def draw(self, x: float, y: float) -> str:
        """The card as SVG, its top left corner at x, y."""
        high, wide = f"{self.box.height:g}", f"{self.width:.1f}"
        hurt = bool(self.counts and (self.counts.dead or self.counts.failed))
        title, component = self.node.name, self.node.component.name
        room = self.width - 2 * PAD
        parts = [
            f'<g transform="translate({x:.1f} {y:.1f})"{" class=" + chr(34) + "tf-hurt" + chr(34) if hurt else ""}>',
            f"<title>{safe(self._story())}</title>",
            f'<rect class="tf-shade" x="0" y="2" width="{wide}" height="{high}" rx="9"/>',
            f'<rect class="tf-card" width="{wide}" height="{high}" rx="9"/>',
            f'<text class="tf-name" x="{PAD:g}" y="{self.top + 18:g}">{safe(fit(title, 13, room, bold=True))}</text>',
            f'<text class="tf-soft" x="{PAD:g}" y="{self.top + 32:g}">{safe(fit(component, 11, room))}</text>',
        ]
        if self.note:
            note = safe(fit(self.note, 10, room, mono=True))
            parts.append(f'<text class="tf-soft tf-code" x="{PAD:g}" y="{self.top + 47:g}">{note}</text>')
        if self.ports["left"] or self.ports["right"]:
            line = f"{self.top + self.head:g}"
            parts.append(f'<line class="tf-rule" x1="1" y1="{line}" x2="{self.width - 1:.1f}" y2="{line}"/>')
        parts += [self._draw_port(side, port) for side in self.ports for port in self.ports[side]]
        parts += [self._badge(), "</g>"]
        return "".join(parts)

    def _story(self) -> str:
        info = self.node.component.info()
        lines = [
            f"{self.node.name}: {self.node.component.name}",
            info.description.strip().partition("\n")[0],
            self.note,
        ]
        if self.counts is not None:
            lines.append(f"{self.counts.handled:,} handled, {self.counts.queued:,} waiting, {self.counts.dead:,} dead")
        return "\n".join(line for line in lines if line)

    def _draw_port(self, side: Side, port: Port) -> str:
        anchor, label, kind = self.anchors[port.name], _label(port), family(port.type)
        x, y = anchor.x, anchor.y
        style = "tf-soft" if port.settings or port.name == "error" else ""
        if port.name == "error":
            kind = "bad"
        where = {
            "left": (x + 11, y + 3.8, "start"),
            "right": (x - 11, y + 3.8, "end"),
            "top": (x, y + 16, "middle"),
            "bottom": (x, y - 9, "middle"),
        }[side]
        room = self.width - PAD - self._side_width("right" if side == "left" else "left") - PAD
        text = fit(label, 11, max(room, 30.0) if side in ("left", "right") else WIDEST)
        italic = ' font-style="italic"' if port.settings else ""
        parts = [
            f"<g><title>{safe(_port_story(port))}</title>",
            _mark(port, x, y, kind),
            f'<text class="{style}" x="{where[0]:.1f}" y="{where[1]:.1f}" text-anchor="{where[2]}"{italic}>'
            f"{safe(text)}</text>",
        ]
        if side in ("left", "right") and (value := self.values.get(port.name)) is not None:
            parts.append(self._value(value, where[0], y, width(text, 11), from_left=side == "left"))
        return "".join((*parts, "</g>"))

    def _value(self, value: str, x: float, y: float, beside: float, *, from_left: bool) -> str:
        text = fit(value, 10, VALUE, mono=True)
        wide = width(text, 10, mono=True) + 10
        left = x + beside + 4 if from_left else x - beside - 4 - wide
        return (
            f'<rect class="tf-value" x="{left:.1f}" y="{y - 7.5:.1f}" width="{wide:.1f}" height="15" rx="4"/>'
            f'<text class="tf-code" x="{left + 5:.1f}" y="{y + 3.4:.1f}">{safe(text)}</text>'
        )

    def _badge(self) -> str:
        """What a person should look at: dead letters before failures before a crowd at the door."""
        counts = self.counts
        if counts is None or not (counts.dead or counts.failed or counts.queued):
            return ""
        if counts.dead:
            text, kind = f"{counts.dead:,} dead letter{'s' if counts.dead > 1 else ''}", "bad"
        elif counts.failed:
            text, kind = f"{counts.failed:,} failed", "warn"
        else:
            text, kind = f"{counts.queued:,} waiting", "any"
        wide = width(text, 10, bold=True) + 14
        left = self.width - wide - 8
        y = self.top + 14 if self.ports["top"] else -4.5  # a port on top keeps its place, a name its own
        return (
            f'<g class="tf-badge"><rect class="tf-f-{kind}" x="{left:.1f}" y="{y - 8.5:.1f}" width="{wide:.1f}" '
            f'height="17" rx="8.5"/>'
            f'<text x="{left + wide / 2:.1f}" y="{y + 3.6:.1f}" text-anchor="middle">{text}</text></g>'
        )


def _side(port: Port) -> Side:
    return port.position or ("left" if port.direction == "in" else "right")


def _label(port: Port) -> str:
    return port.label or port.name


def _port_story(port: Port) -> str:
    kind = "settings" if port.settings else "status" if port.status else ""
    direction = "input" if port.direction == "in" else "output"
    name = f"{port.name} ({port.label})" if port.label else port.name
    return f"{name}: {type_name(port.type)}\n{' '.join(word for word in (kind, direction) if word)}"


def _mark(port: Port, x: float, y: float, kind: str) -> str:
    """A dot; a square for settings, a ring for a status: told apart without colours too."""
    if port.settings:
        return f'<rect class="tf-dot tf-f-{kind}" x="{x - 5:.1f}" y="{y - 5:.1f}" width="10" height="10" rx="2"/>'
    if port.status:
        return (
            f'<circle class="tf-ring tf-s-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
            f'<circle class="tf-f-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2"/>'
        )
    return f'<circle class="tf-dot tf-f-{kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'


def _shown(name: str, value: Any) -> str:  # Any: a setting is whatever its component takes
    if any(word in name.lower() for word in _SECRET):
        return "•••"
    if isinstance(value, str | int | float | bool | None):
        return repr(value)
    return f"{type(value).__name__}(…)"
