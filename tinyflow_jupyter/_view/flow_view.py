"""The view of one flow: what it shows, when it tells its browsers, and what it answers them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.notes import document

from tinyflow_jupyter._theme import STYLE

from .controls import Controls
from .editing import Editing
from .fits import fits_table
from .frames import Frames
from .inspection import Inspection
from .pace import Pace
from .pump import FAR, NEAR
from .structure import Structure, Types, places_of, structure_of
from .widget import Canvas, cytoscape, module_of, styles, told

if TYPE_CHECKING:
    from tinyflow_jupyter._observed import Visible

INKS = ("style", "card", "boxes", "notes", "wires", "layers")
DRAWN = ("text", "icons", "asking", "picture", "ports", *INKS, "canvas", "tokens")
EDITING = ("changes", "chooser", "palette", "gestures", "keys", "dialogs", "toolbar", "minimap", "tree_of_flow")
PANELS = ("tree", "field", "form", "messages", "inspector", "controls")
TICK = 0.05  # seconds: at most twenty frames each
TICK_FAR = 0.25  # seconds between frames of a flow that other processes must be asked about
MOST_PORTS = 600  # whose values one view shows at once: a screen has no room for more


class FlowView(Canvas):
    """A live, editable picture of a flow.

    Args:
        flow: In the kernel or on a cluster; only its object surface is used.
        height: In CSS pixels.
    """

    module = module_of(*DRAWN, *PANELS, *EDITING, "view")
    _css = STYLE + styles("view", "panels", "tree", "editing", "controls")

    def __init__(self, flow: Visible, *, height: int = 420) -> None:
        self.flow = flow
        self._lock = threading.RLock()
        self._structure = Structure()
        self._types = Types()
        self._head: dict[str, Any] = {}
        self._revision: object = None
        self._sequence = 0
        self._seen: list[str] = []
        self._frames = Frames(flow)
        self._inspection = Inspection(flow)
        self._editing = Editing(flow, self.placed, self.tell, self._late)
        self._pace = Pace()
        self._over = False
        self._pump, self.tick = (FAR, TICK_FAR) if flow._far else (NEAR, TICK)
        super().__init__(graph=cytoscape(), height=height)
        self.answers |= self._inspection.answers() | self._editing.answers(self._types)
        self.answers |= Controls(flow).answers()
        self.answers["picture"] = lambda _: flow._pictures()["image/svg+xml"]

    def shown(self) -> dict[str, Any]:
        """The whole flow, and what was last seen of it."""
        with self._lock:
            offered = self._editing.palette(self._types)
            self._look()
            return {
                "seq": self._sequence,
                **self._head,
                "palette": offered,
                "nodes": list(self._structure.nodes.values()),
                "edges": list(self._structure.edges.values()),
                "frame": self._frames.everything(),
            }

    def _repr_mimebundle_(self, **keywords: Any) -> Any:  # Any: IPython's own words, and its bundle
        found = super()._repr_mimebundle_(**keywords) or ({}, {})
        return {**found[0], **self.flow._pictures()}, found[1]

    def heard(self, message: Mapping[str, Any]) -> None:
        """What a browser says of itself: that it is there, has drawn a frame, or shows other nodes."""
        word = message.get("t")
        with self._lock:
            missed = word in ("ack", "hello", "resync") and self._pace.acknowledged(message.get("n"))
            if word == "see":
                self._seen = [str(address) for address in message.get("ports", ())][:MOST_PORTS]
            if word == "resync":
                self.send_state("snapshot")
            if not self._over:
                self._pump.add(self)
                if missed:
                    self._pump.hurry(self)

    def turn(self) -> None:
        """Tell what is new; what cannot be asked right now is asked again in a moment."""
        with contextlib.suppress(TinyFlowError):
            self.tell()
            self._send_frame()

    def tell(self) -> None:
        """Tell the browsers now what has changed in the flow."""
        with self._lock:
            old, head = self._structure, self._head
            if not self._look():
                return
            change = self._structure.since(old)
            self._frames.forget(change["drop"]["nodes"], change["drop"]["edges"])
            self._sequence += 1
            said = {name: value for name, value in self._head.items() if head.get(name) != value}
            self.send({"t": "delta", "seq": self._sequence, **said, **change})

    def placed(self, name: str) -> tuple[float, float] | None:
        """How wide and high the card of a node is."""
        with self._lock:
            node = self._structure.nodes.get(name)
        return None if node is None else (node["w"], node["h"])

    def _late(self, error: Exception) -> None:
        """Something that an edit did went wrong after it was answered."""
        said = told(error) if isinstance(error, TinyFlowError) else {"code": "", "what": str(error)[:400]}
        self.send({"t": "late", "error": said})

    def close(self) -> None:
        """Close it in all browsers; the flow runs on."""
        self._editing.close()
        with self._lock:
            self._over = True
            self._pump.remove(self)
        super().close()

    def _look(self) -> bool:
        """Take over what the flow is now; whether anything has changed."""
        revision = self.flow._revision(), self.flow._state(), self._editing.counted()
        if revision == self._revision:
            return False
        flow = self.flow._definition()
        structure = structure_of(flow, places_of(self.flow), self._types)
        head = {
            "flow": flow.name,
            "state": revision[1],
            **self._editing.counted(),
            "notes": [document(note) for note in flow.notes.values()],
            "types": list(self._types.names),
            "fits": fits_table(self._types.types),
        }
        changed = structure != self._structure or head != self._head
        self._structure, self._head, self._revision = structure, head, revision
        return changed

    def _send_frame(self) -> None:
        with self._lock:
            if not self._pace.may():
                return
            ports = list(self._seen)
        frame = self._frames.next(ports)  # asks the flow, which may take a moment: nobody is kept waiting meanwhile
        if messages := self._inspection.frame():
            frame["messages"] = messages
        with self._lock:
            if frame and not self._over:
                self.send({"t": "frame", "n": self._pace.sent(), **frame})
