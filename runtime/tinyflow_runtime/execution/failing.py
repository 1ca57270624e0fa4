"""Failing: what becomes of a message that could not be handled. One bad message never stops its node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tinyflow_runtime import place
from tinyflow_runtime.component import Component, Failure
from tinyflow_runtime.errors import HandlerError, PayloadError, PortError, TinyFlowError
from tinyflow_runtime.execution.ending import Ended
from tinyflow_runtime.message import Address
from tinyflow_runtime.observation.lineage import Lineage
from tinyflow_runtime.source.distributions import hint

if TYPE_CHECKING:
    from tinyflow_runtime.execution.outlet import Outlet
    from tinyflow_runtime.scheduler import Scheduler


MANY = 3  # messages in a row that fail, after others that did not: no accident any more


class Failing:
    """The part of a runner that is told of failures, and keeps count of what became of messages."""

    __slots__ = (
        "component",
        "dead",
        "error",
        "failed",
        "failures",
        "handled",
        "name",
        "outlets",
        "refused",
        "scheduler",
        "worked",
    )

    name: str
    component: Component
    scheduler: Scheduler
    outlets: dict[str, Outlet]
    handled: int
    failed: int
    dead: int
    refused: int
    error: BaseException | None
    failures: int  # dead letters by its own fault since it last worked
    worked: int  # messages that it had handled well by then

    @property
    def fails(self) -> bool:
        """Whether no message is handled any more: each since it was started failed, or the last few did."""
        well = self.handled - self.failed
        return self.failures > 0 and self.worked == well and (self.failures >= MANY or not well)

    def fail(self, port: str, payload: Any, lineage: Lineage, index: int, error: BaseException) -> None:
        """A message could not be handled: tell the error port if an edge leaves it, else keep a dead letter."""
        if isinstance(error, Ended):
            error = error.told(self.name, "Mend the component, then replay the dead letter.")
        self.error = error
        reason = self.reason(error)
        number = self.scheduler.ids.text(lineage.ids[index])
        self.scheduler.report(self.name, reason, cause=cause(error), message_id=number)
        outlet = self.outlets.get("error")
        if outlet is not None and outlet.channels:
            self.failed += 1
            self.handled += 1
            failure = Failure(
                node=self.name,
                port=port,
                error=type(error).__name__,
                text=reason,
                payload=payload,
                message_id=number,
            )
            outlet.emit(failure, lineage, index)
            return
        self.dead += 1
        well = self.handled - self.failed
        self.failures, self.worked = (self.failures if self.worked == well else 0) + 1, well
        self.scheduler.dead_letter(Address(self.name, port), payload, lineage, index, reason, error)

    def refuse(self, port: str, payload: Any, lineage: Lineage, index: int, error: TinyFlowError) -> None:
        """A message never reached its channel: keep a dead letter."""
        self.refused += 1
        self.dead += 1
        number = self.scheduler.ids.text(lineage.ids[index])
        self.scheduler.report(self.name, str(error), cause=cause(error), message_id=number)
        self.scheduler.dead_letter(Address(self.name, port), payload, lineage, index, str(error), error)

    def bury(self, port: str, payloads: Sequence[Any], lineage: Lineage, error: TinyFlowError) -> None:
        """Accepted messages will not be handled any more: keep dead letters."""
        self.dead += len(payloads)
        for index, payload in enumerate(payloads):
            self.scheduler.dead_letter(Address(self.name, port), payload, lineage, index, str(error), error)

    def reason(self, error: BaseException) -> str:
        """One text for the exception, the badge, the dead letter and the log."""
        if isinstance(error, (PayloadError, PortError)) and not error.where:
            # What was returned or yielded has no line of its own, only that of the component.
            sender = f"{self.name}:out" if isinstance(error, PayloadError) else self.name
            written = place.of_traceback(error.__traceback__) or self.component.where
            error.where = f"Sent by {sender}" + (f", {written}" if written else "")
        if isinstance(error, TinyFlowError):
            return str(error)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        where = place.of_traceback(error.__traceback__)
        return str(
            HandlerError(
                "TF-139",
                f"{self.name} raised {text}" + (f" ({where})." if where else "."),
                hint(error, self.component.module) or "Mend the component, then replay the dead letter.",
            )
        )


def cause(error: BaseException) -> str:
    """What makes a failure the same as another, whatever the messages were: its kind, and where it was raised."""
    kind = error.code if isinstance(error, TinyFlowError) else type(error).__name__
    return f"{kind} {place.of_traceback(error.__traceback__)}"
