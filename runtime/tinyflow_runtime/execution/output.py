"""The output is the handler that a component is given: what it calls to send."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from tinyflow_runtime import place
from tinyflow_runtime.errors import PayloadError, PortError, did_you_mean
from tinyflow_runtime.execution.outlet import Outlet
from tinyflow_runtime.observation.lineage import Lineage

if TYPE_CHECKING:
    from tinyflow_runtime.runner import Runner


class Output:
    """The handler a component is given as ``output``; one for each runner."""

    __slots__ = ("_accepted", "index", "lineage", "runner", "waiting")

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.lineage: Lineage | None = None  # of the message that is being handled
        self.index = 0
        self.waiting = False
        self._accepted = runner.scheduler.accepted

    def __call__(self, port: str, payload: Any) -> Awaitable[None]:
        """Send a payload to an output port; await it until every next node has accepted.

        Raises:
            PortError: TF-122, the component has no such output.
            PayloadError: TF-120 or TF-123, the payload cannot be sent or does not fit the port.
        """
        if payload is None:
            return self._accepted
        runner = self.runner
        outlet = runner.outlets.get(port) or self._made(port)
        try:
            if (
                outlet.at_once
                and not outlet.pending
                and runner.scheduler.at_rest()
                and (outlet.room > 0 or outlet.measure() > 0)
            ):
                # Who notes it looks into all of it anyway.
                fitting = payload if type(payload) in outlet.check.settled else outlet.check.one(payload)
                runner.scheduler.send_at_once(outlet, fitting, self.lineage, self.index)
                return self._accepted
            payload = outlet.check.one(payload)
        except PayloadError as error:
            written = place.of_stack(sys._getframe(1)) or runner.component.where
            error.where = f"Sent by {runner.name}:{port}" + (f", {written}" if written else "")
            raise
        if outlet.room <= 0 and outlet.measure() <= 0:
            return self._wait(outlet, payload, self.lineage, self.index)
        if outlet.parents is self.lineage and outlet.pending and not outlet.inputs:  # as in emit, without a call
            outlet.pending.append(payload)
            outlet.origins.append(self.index)
            outlet.room -= 1
        else:
            outlet.emit(payload, self.lineage, self.index)
        return self._accepted

    async def _wait(self, outlet: Outlet, payload: Any, lineage: Lineage | None, index: int) -> None:
        self.waiting = True
        try:
            await self.room(outlet)
        finally:
            self.waiting = False
        outlet.emit(payload, lineage, index)

    async def room(self, outlet: Outlet) -> None:
        """Wait until something can be sent; cancelling leaves everything as it was."""
        scheduler = self.runner.scheduler
        while outlet.measure() <= 0:
            scheduler.accept(outlet.flush())
            if outlet.measure() > 0:
                await asyncio.sleep(0)  # the receivers come first
                continue
            await self.runner.wait_for_room(outlet)

    def _made(self, port: str) -> Outlet:
        declared = self.runner.ports.get(port)
        if declared is not None and declared.direction == "out":
            return self.runner.outlet(port)
        outputs = [name for name, each in self.runner.ports.items() if each.direction == "out"]
        raise PortError(
            "TF-122",
            f"{self.runner.name} sent to {port!r}, which it does not have.",
            did_you_mean(port, outputs),
            f"Outputs of {self.runner.name}: {', '.join(outputs)}. Send to one of them, or declare it.",
        )
