"""The view of one flow: what it shows, when it tells its browsers, and what it answers them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.definition.notes import document
from tinyflow_runtime.errors import TinyFlowError

from tinyflow_jupyter._theme import STYLE

from .controls import Controls
from .editing import Editing
from .frames import Frames
from .inspection import Inspection
from .pace import Pace
from .port_types import Types
from .pump import FAR, NEAR
from .sights import Sights
from .structure import Structure, places_of, structure_of
from .widget import Canvas, cytoscape, module_of, styles, told

if TYPE_CHECKING:
    from tinyflow_jupyter._observed import Visible

INKS = ("style", "card", "boxes", "notes", "wires", "layers")
DRAWN = ("text", "icons", "asking", "picture", "ports", *INKS, "canvas", "tokens")
EDITING = ("changes", "chooser", "palette", "gestures", "keys", "dialogs", "toolbar", "minimap", "tree_of_flow", "room")
PANELS = ("tree", "field", "form", "messages", "inspector", "controls", "printed")
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
        self._lock = threading.RLock()  # of what is known here: nobody asks the flow while holding it
        self._looking = threading.Lock()  # by one thread at a time: what is older is taken over first
        self._structure = Structure()
        self._types = Types()
        self._head: dict[str, Any] = {}
        self._revision: object = None
        self._sequence = 0
        self._sights = Sights(MOST_PORTS)
        self._frames = Frames(flow)
        self._inspection = Inspection(flow)
        self._editing = Editing(flow, self.placed, self.tell, self._late)
        self._pace = Pace()
        self._over = False
        self._pump, self.tick = (FAR, TICK_FAR) if flow._far else (NEAR, TICK)
        super().__init__(graph=cytoscape(), height=height)
        self.answer(self._inspection.answers(), self._editing.answers(self._types), Controls(flow).answers())
        self.answer({"picture": lambda _: flow._pictures()["image/svg+xml"]})

    def shown(self) -> dict[str, Any]:
        """The whole flow, and what was last seen of it."""
        offered = self._editing.palette(self._types)
        self.tell()  # browsers that were there before must not miss what this one is about to see
        with self._lock:
            return {
                "seq": self._sequence,
                **self._head,
                "run": self.run,
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
        word, view = message.get("t"), str(message.get("view", ""))
        with self._lock:
            missed = word in ("ack", "hello", "resync") and self._pace.acknowledged(message.get("n"))
            if word in ("see", "gone"):
                self._sights.see(view, message.get("ports", ()))
            if not self._over:
                self._pump.add(self)
                if missed:
                    self._pump.hurry(self)
        if word == "gone":
            self._inspection.gone(view)
        if word == "resync":
            self.send_state("snapshot")

    def turn(self) -> None:
        """Tell what is new; what cannot be asked right now is asked again in a moment."""
        with contextlib.suppress(TinyFlowError):
            self.tell()
            self._send_frame()

    def tell(self) -> None:
        """Tell the browsers now what has changed in the flow."""
        with self._looking:
            revision = self.flow._revision(), self.flow._state(), self._editing.counted()
            if revision == self._revision:
                return
            structure, head = self._look(revision[1])
            with self._lock:
                self._take(structure, head, first=self._revision is None)
            self._revision = revision

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

    def _look(self, state: str) -> tuple[Structure, dict[str, Any]]:
        """What the flow is now."""
        flow = self.flow._definition()
        structure = structure_of(flow, places_of(self.flow), self._types)
        return structure, {
            "flow": flow.name,
            "state": state,
            **self._editing.counted(),
            "notes": [document(note) for note in flow.notes.values()],
            **self._types.told(),
        }

    def _take(self, structure: Structure, head: dict[str, Any], *, first: bool) -> None:
        """From now on this is what the flow is. Before the first look there was nothing that anybody could know."""
        before, known = self._structure, self._head
        self._structure, self._head = structure, head
        if first or (structure == before and head == known):
            return
        change = structure.since(before)
        self._frames.forget(change["drop"]["nodes"], change["drop"]["edges"])
        self._sequence += 1
        said = {name: value for name, value in head.items() if known.get(name) != value}
        self.send({"t": "delta", "seq": self._sequence, **said, **change})

    def _send_frame(self) -> None:
        with self._lock:
            if not self._pace.may():
                return
            ports = self._sights.all()
        frame = self._frames.next(ports)  # asks the flow, which may take a moment: nobody is kept waiting meanwhile
        messages = self._inspection.frame()
        with self._lock:
            if self._over:
                return
            frame = self._frames.take(frame)
            if messages:
                frame["messages"] = messages
            if frame:
                self.send({"t": "frame", "n": self._pace.sent(), **frame})
