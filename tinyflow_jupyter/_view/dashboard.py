"""A dashboard of a flow: a tile for each node that has something to tell or to set."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.schema import type_name

from tinyflow_jupyter._families import family
from tinyflow_jupyter._text import safe
from tinyflow_jupyter._theme import STYLE

from .frames import Frames
from .inspection import Inspection
from .live import Json, Live
from .port_view import number_of
from .rows import rows_of
from .widget import module_of, styles

if TYPE_CHECKING:
    from tinyflow_runtime.flow import Node

    from tinyflow_jupyter._observed import Look, Visible

POINTS = 120  # numbers of each line: twelve seconds and more
MOST = 200  # tiles: a person looks at no more
A_VALUE = 1_024  # bytes of a payload in a tile
TICK = 0.1  # seconds between two looks at all of them
FAR = 0.5  # the same, where other processes are asked


class Dashboard(Live):
    """The latest values of all status ports of a flow, live, and the settings of its nodes as forms.

    Args:
        flow: In the kernel or on a cluster.
    """

    module = module_of("text", "asking", "feed", "tree", "value", "sparkline", "field", "form", "dashboard")
    _css = STYLE + styles("small", "panels", "tree", "dashboard")

    def __init__(self, flow: Visible) -> None:
        self.flow = flow
        self._rows = rows_of(flow)
        self._frames = Frames(flow)
        self._revision: object = None
        self._tiles: list[Json] = []
        self._more = 0
        self._values: dict[str, tuple[Any, list[Any]]] = {}  # by address: of which message, and what was made of it
        self._lines: dict[str, deque[float]] = {}
        self._settings: dict[str, tuple[Any, int]] = {}  # Any: settings; how they are, and how often they have changed
        self.tick = FAR if flow._far else TICK
        super().__init__(far=flow._far)
        answers = Inspection(flow).answers()
        self.answer({word: answers[word] for word in ("form", "apply")})

    def look(self) -> Json:
        """All tiles as they are now."""
        self._arrange()
        names = [tile["id"] for tile in self._tiles]
        addresses = [f"{tile['id']}:{port['name']}" for tile in self._tiles for port in tile["ports"]]
        self._rows.learn()
        self._frames.take(self._frames.next(()))
        nodes = self._frames.everything()["nodes"]
        return {
            "flow": self.flow.name,
            "state": self.flow._state(),
            "tiles": self._tiles,
            "more": self._more,
            **{f"port {address}": self._value(address, look) for address, look in self.flow._looks(addresses).items()},
            **{f"node {name}": nodes[name] for name in names if name in nodes},
            **{f"settings {tile['id']}": self._changes(tile["id"]) for tile in self._tiles if tile["settings"]},
        }

    def shown(self) -> Json:
        """How it is, with the lines of the last seconds, for a browser that begins."""
        now = super().shown()
        return {**now, **{f"line {address}": list(line) for address, line in list(self._lines.items())}}

    def _repr_mimebundle_(self, **keywords: Any) -> Any:  # Any: IPython's own words, and its bundle
        found = super()._repr_mimebundle_(**keywords) or ({}, {})
        return {**found[0], "text/plain": repr(self), "text/html": self._table()}, found[1]

    def __repr__(self) -> str:
        return f"Dashboard of {self.flow.name}"

    def _arrange(self) -> None:
        """Make the tiles anew after the flow has changed."""
        revision = self.flow._revision()
        if revision == self._revision:
            return
        tiles = [tile for node in list(self.flow._definition().nodes.values()) if (tile := _tile(node)) is not None]
        self._tiles, self._more = tiles[:MOST], max(0, len(tiles) - MOST)
        names = {tile["id"] for tile in self._tiles}
        for known in (self._values, self._lines):
            for address in [address for address in known if address.partition(":")[0] not in names]:
                del known[address]
        self._revision = revision

    def _value(self, address: str, look: Look) -> list[Any]:
        """What a tile shows of a port: its payload as a tree, the count, the rate, and the number that it is."""
        last = look.last
        if last is None:
            self._lines.pop(address, None)
            return [None, look.count, 0, None]
        of, made = self._values.get(address, (None, []))
        known = last.id, self._rows.learned
        if of != known:
            number = number_of(last.payload)
            made = [self._rows.of(last, A_VALUE)["tree"], number]
            self._values[address] = known, made
            if number is not None and (of is None or of[0] != last.id):
                self._lines.setdefault(address, deque(maxlen=POINTS)).append(number)
        return [made[0], look.count, float(f"{look.rate:.2g}"), made[1]]

    def _changes(self, name: str) -> int:
        """How often the settings of a node were seen to have changed."""
        try:
            now = self.flow._settings_of(name)
        except TinyFlowError:  # the node is just going
            return 0
        before, changes = self._settings.get(name, (now, 0))
        if now is not before and not _alike(now, before):
            changes += 1
        self._settings[name] = now, changes
        return changes

    def _table(self) -> str:
        """What stands in a saved notebook, where there is no kernel."""
        values: Mapping[str, Look] = {}
        try:
            values = self.flow._looks(f"{tile['id']}:{port['name']}" for tile in self._tiles for port in tile["ports"])
        except TinyFlowError:  # what cannot be asked right now has no value
            pass
        rows = "".join(
            f'<tr><td style="text-align:left">{safe(address)}</td>'
            f'<td style="text-align:left">{safe(self._short(look))}</td></tr>'
            for address, look in values.items()
        )
        return f"<div><b>{safe(repr(self))}</b><table>{rows}</table></div>"

    def _short(self, look: Look) -> str:
        return "" if look.last is None else self._rows.line(look.last)[:200]


def _alike(one: Any, other: Any) -> bool:  # Any: settings
    """Whether settings are the same; of a cluster they are read anew every second."""
    try:
        return bool(one == other)
    except Exception:  # a person's class may compare as it likes, and an array has no one answer
        return False


def _tile(node: Node) -> Json | None:
    """What a node's tile consists of; None for a node that has nothing to tell and nothing to set."""
    ports = list(node.ports.values())
    status = [
        {"name": port.name, "label": port.label or port.name, "family": family(port.type), "type": type_name(port.type)}
        for port in ports
        if port.status
    ]
    settings = any(port.settings for port in ports)
    if not status and not settings:
        return None
    return {
        "id": node.name,
        "component": node.component.name,
        "description": node.component.info().description.strip().partition("\n")[0][:200],
        "ports": status,
        "settings": settings,
    }
