"""Edits are what people do to a flow on the canvas: each is done whole or not at all, and can be undone.

A flow that runs takes an edit over at once, and with it what cells have changed since it was started. When that fails
because a component does not start, the edit is refused too; when it takes longer than a moment, the edit stands, and
what goes wrong later is told to whoever listens.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.embedded.draft import Draft
from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.errors import NodeError, TinyFlowError

from tinyflow_jupyter._called import code_of

from .clipboard import copy
from .operations import Operation, operate
from .palette import palette
from .port_types import Types
from .structure import cards_of, laid_out, places_of
from .takeover import Takeover
from .undo import Change

Json = dict[str, Any]  # what JSON can hold
Heard = Callable[[set[str], set[str]], None]
Late = Callable[[Exception], None]

MOST = 500  # units that can be undone: more than anybody remembers, and little to keep
PATIENCE = 1.0  # seconds that an edit waits for a flow that runs: a kernel must answer its front end
TRIES = 20  # at an edit, while a cell changes the flow at the same time


class Edits:
    """What was done to one flow, in the order in which it can be undone. Any thread may call it.

    A cell may change the flow between two edits. An undo then takes back what still is as the edit left it, leaves the
    rest alone, and says so.
    """

    def __init__(self, flow: EmbeddedFlow) -> None:
        self._flow = flow
        self._lock = threading.RLock()
        self._done: deque[Change] = deque(maxlen=MOST)
        self._undone: deque[Change] = deque(maxlen=MOST)
        self._listeners: list[tuple[Heard, Late | None]] = []
        self.takeover = Takeover(flow, self._tell_late)

    @property
    def undo_count(self) -> int:
        """How many units can be undone."""
        return len(self._done)

    @property
    def redo_count(self) -> int:
        """How many can be done again."""
        return len(self._undone)

    def listen(self, changed: Heard, late: Late | None = None) -> Callable[[], None]:
        """Hear of every edit, undo and redo, on the thread that made it; returns what ends that.

        Args:
            changed: Called with the names of the nodes that came, went or changed, and with the edges, as
                ``"a:out>b:in"``.
            late: Called with what a component raised when a running flow took an edit over and nobody waited any more.
        """
        one = (changed, late)
        self._listeners.append(one)
        return lambda: self._listeners.remove(one) if one in self._listeners else None

    def answers(self, types: Types) -> Mapping[str, Callable[[Mapping[str, Any]], Any]]:
        """The words that a browser may ask.

        Args:
            types: The numbers by which this browser knows types.
        """
        return {
            "edit": lambda request: self.edit(request.get("ops", ())),
            "undo": lambda _: self.undo(),
            "redo": lambda _: self.redo(),
            "layout": lambda request: self.lay_out(request.get("names")),
            "copy": lambda request: {"nodes": copy(self._flow, map(str, request.get("names") or ()))},
            "palette": lambda _: palette(types),
            "code": lambda _: code_of(self._flow),
        }

    def edit(self, operations: Sequence[Operation]) -> Json:
        """Do some operations, as one unit.

        Returns:
            ``names``: what each operation answers, see ``operations.operate``; ``undo`` and ``redo``: how many units
            there are; ``pending``: whether the running flow is still at it.

        Raises:
            TinyFlowError: One of them cannot be done, or a component did not start in the running flow; nothing has
                changed.
        """
        if not isinstance(operations, list | tuple):
            raise NodeError("TF-119", f"ops is {operations!r:.60}.", "It has to be a list of operations.")
        here = place.caller()

        def work(draft: Draft) -> list[Any]:  # Any: what JSON can hold
            names = [operate(draft, operation) for operation in operations]
            if here:
                draft.displace(here)  # where the front end's message was received says nothing to anybody
            return names

        with self._lock:
            try:
                change, names = self._change(work)
            except TinyFlowError as error:
                error.where = error.where.replace(f" ({here})", "").replace(here, "") if here else error.where
                raise
            pending = self._take_over(change)
            if change:
                self._done.append(change)
                self._undone.clear()
        self._tell(change)
        return {"names": names, "pending": pending, **self._counted()}

    def record(self, work: Callable[[], None]) -> None:
        """Have something done to the flow that a running one takes over by itself; it is a unit, too."""
        with self._lock:
            before = Draft(self._flow)
            work()
            change = Change.between(before, Draft(self._flow))
            if change:
                self._done.append(change)
                self._undone.clear()
        self._tell(change)

    def lay_out(self, names: Iterable[str] | None = None) -> Json:
        """Find places for all nodes, or for some of them where those stand now; one unit, answered as ``edit`` is."""
        cards = cards_of(self._flow)
        chosen = cards if names is None else {name: cards[name] for name in names if name in cards}
        here = places_of(self._flow).of(self._flow, cards) if names is not None else {}
        found = laid_out(list(self._flow.edges.values()), chosen)
        left, top = (min((here[name][axis] for name in chosen if name in here), default=0.0) for axis in (0, 1))
        first = [min((corner[axis] for corner in found.values()), default=0.0) for axis in (0, 1)]
        positions = {
            name: [round(x - first[0] + left, 1), round(y - first[1] + top, 1)] for name, (x, y) in found.items()
        }
        return self.edit([{"op": "move", "positions": positions}])

    def undo(self) -> Json:
        """Take the last unit back, as far as nobody has changed it since.

        Returns:
            ``left``: what was left alone, each with the reason; ``undo``, ``redo``, ``pending`` as for ``edit``.

        Raises:
            NodeError: TF-126, there is nothing to undo, or nothing of it is as it was left.
            HandlerError: A component did not start in the running flow; nothing has changed.
        """
        return self._take_back(self._done, self._undone, "undo")

    def redo(self) -> Json:
        """Do again what was undone last; like ``undo``."""
        return self._take_back(self._undone, self._done, "redo")

    def _take_back(self, units: deque[Change], others: deque[Change], word: str) -> Json:
        with self._lock:
            if not units:
                raise NodeError("TF-126", f"There is nothing to {word}.", "Change something first.")
            unit = units.pop()
            try:
                change, left = self._change(unit.take_back)
                pending = self._take_over(change)
            except BaseException:
                units.append(unit)
                raise
            if not change:
                what = f"There is nothing left to {word}: {left[0] if left else 'it is so already'}."
                raise NodeError("TF-126", what, f"What a cell changes stays; the next {word} takes the one before.")
            others.append(change)
        self._tell(change)
        return {"left": left, "pending": pending, **self._counted()}

    def _change(self, work: Callable[[Draft], Any]) -> tuple[Change, Any]:
        """Do something to the flow's definition, whole; again, where a cell has changed it meanwhile."""
        for _ in range(TRIES):
            before, draft = Draft(self._flow), Draft(self._flow)
            answer = work(draft)
            change = Change.between(before, draft)
            if not change or draft.land(self._flow):
                return change, answer
        what = f"Flow {self._flow.name!r} is being changed by a cell, again and again."
        raise NodeError("TF-126", what, "Let the cell end first.")

    def _take_over(self, change: Change) -> bool:
        """Let the running flow follow; whether it is still at it. What does not start is taken back."""
        if not change.runs or not self._flow.running:
            return False
        try:
            return not self.takeover.ask(PATIENCE)
        except Exception:
            self._change(change.take_back)
            self.takeover.ask(PATIENCE)
            raise

    def _counted(self) -> Json:
        return {"undo": len(self._done), "redo": len(self._undone)}

    def _tell(self, change: Change) -> None:
        if change:
            nodes = set(change.nodes.was)
            edges = {f"{source}>{target}" for source, target in change.edges.was}
            for changed, _ in list(self._listeners):
                changed(nodes, edges)

    def _tell_late(self, error: Exception) -> None:
        for _, late in list(self._listeners):
            if late is not None:
                late(error)


def edits_of(flow: EmbeddedFlow) -> Edits:
    """The edits of a flow: all its views share them, so that any of them can undo what was done in another."""
    # Kept by the flow itself: a weak dictionary would hold the flow through the value, and never let go of either.
    found: Edits = vars(flow).setdefault("_edits", Edits(flow))
    return found
