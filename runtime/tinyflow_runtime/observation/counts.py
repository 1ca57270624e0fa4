"""Counts: what became of every message that a node accepted. They balance in every snapshot."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinyflow_runtime.runner import Runner


@dataclass(frozen=True, slots=True)
class Counts:
    """Message counts of one node since its flow was started.

    ``accepted == handled + dead + shed + queued + running`` whenever they are taken.

    Attributes:
        accepted: Messages that were to be handled here.
        handled: Messages handled; ``failed`` of them raised, and the error port was told.
        failed: Messages whose failure went to the error port.
        dead: Messages that became dead letters.
        shed: Messages that an overflow policy gave up.
        queued: Messages that lie in the channels.
        running: Messages in the handler's hands: 0 or 1.
        filtered: Payloads that the ``when`` of an edge to this node kept from becoming messages.
        lost: Messages from other modules that may have gone with a process that died, at the most: they tell. What a
            process held of its own went unseen, and counts begin at zero in the next.
    """

    accepted: int = 0
    handled: int = 0
    failed: int = 0
    dead: int = 0
    shed: int = 0
    queued: int = 0
    running: int = 0
    filtered: int = 0
    lost: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every message is accounted for."""
        return self.accepted == self.handled + self.dead + self.shed + self.queued + self.running


NAMES = tuple(field.name for field in fields(Counts) if field.name != "lost")  # which no runner knows of itself


def counts_of(told: Any) -> Counts:  # Any: a message of protobuf has no types for that
    """The counts that something has as attributes of the same names."""
    return Counts(*(getattr(told, name) for name in NAMES))


def count(runner: Runner) -> Counts:
    """The counts of a runner, between two batches."""
    if runner.stretch is not None:
        runner.stretch.settle()
    channels = runner.channels
    return Counts(
        accepted=runner.refused + runner.retired_accepted + sum(channel.accepted for channel in channels),
        handled=runner.handled,
        failed=runner.failed,
        dead=runner.dead,
        shed=runner.shed,
        queued=sum(map(len, channels)),
        running=runner.running,
        filtered=runner.retired_filtered + sum(channel.filtered for channel in channels),
    )
