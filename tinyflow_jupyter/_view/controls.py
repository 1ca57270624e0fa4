"""Controls answer what a browser asks to have done with a running flow: start, stop, pause, step, breakpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.errors import NodeError
from tinyflow_runtime.scheduling.breakpoints import LEASE

from .rows import rows_of

if TYPE_CHECKING:
    from tinyflow_runtime.scheduling.breakpoints import Held

    from tinyflow_jupyter._controllable import Controllable

Json = Any  # what JSON can hold
Request = Mapping[str, Any]  # Any: what a browser sent

STEP = 5.0  # seconds in which a step answers: a browser's question waits on the kernel's own thread
ACTIONS = ("start", "stop", "pause", "resume", "step")


class Controls:
    """What one view may have done with one flow. Every answer tells how the flow stands then.

    Args:
        flow: In the kernel or on a cluster.
    """

    def __init__(self, flow: Controllable) -> None:
        self._flow = flow
        self._rows = rows_of(flow)

    def answers(self) -> dict[str, Callable[[Request], Json]]:
        """By the word that a request begins with."""
        return {"run": self._run, "breakpoint": self._breakpoint, "held": self._held}

    def _run(self, request: Request) -> Json:
        """Start or stop the flow; pause, resume or step a node of it, or all that can be."""
        action, node = str(request.get("action")), request.get("node") or None
        if action not in ACTIONS:
            raise NodeError("TF-152", f"{action!r} is nothing that a flow does.", f"Ask for {', '.join(ACTIONS)}.")
        if action == "step":
            self._flow.step(str(node), STEP)
        elif action in ("pause", "resume"):
            getattr(self._flow, action)(None if node is None else str(node))
        else:
            getattr(self._flow, action)()
        return self._standing()

    def _breakpoint(self, request: Request) -> Json:
        """Set a breakpoint, with its condition; without one, one that is there is taken away."""
        address, when = str(request["address"]), str(request.get("when") or "").strip()
        if not when and address in self._flow.breakpoints:
            self._flow.clear(address)
        else:
            self._flow.breakpoint(address, when or None, float(request.get("lease") or LEASE))
        return self._standing()

    def _held(self, request: Request) -> Json:
        """How it stands; with an address, of its node alone."""
        return self._standing(str(request.get("address") or ""))

    def _standing(self, address: str = "") -> Json:
        node = address.partition(":")[0]
        held = [one for one in self._flow.held.values() if not node or one.node == node]
        return {
            "state": self._flow._state(),
            "held": {one.node: self._told(one) for one in held},
            "breakpoints": dict(self._flow.breakpoints),
        }

    def _told(self, held: Held) -> Json:
        rows = [] if held.message is None else self._rows.page([held.message], 1)
        return {"port": held.port, "queued": held.queued, "lease": held.lease, "message": rows[0] if rows else None}
