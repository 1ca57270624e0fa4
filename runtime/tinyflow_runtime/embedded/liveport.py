"""A live port: what passes at one port of a flow, while it runs and after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from numbers import Real
from typing import TYPE_CHECKING, Protocol

from tinyflow_runtime import place
from tinyflow_runtime.errors import DefinitionError, TinyFlowError, WaitTimeout, show_interrupted
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.probe import KEPT

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port

_LOOK = 0.25  # seconds between looks whether the flow is blocked, so that nothing can come


def seconds(timeout: float | None, what: str) -> float | None:
    """A timeout that is one; None waits for ever.

    Raises:
        DefinitionError: TF-119, it is none.
    """
    if timeout is None or (isinstance(timeout, Real) and not isinstance(timeout, bool) and timeout == timeout):
        return timeout
    way_out = f"Say how many: {what}(timeout=5)."
    raise DefinitionError("TF-119", f"timeout is {timeout!r}; it is seconds.", way_out, where=place.caller())


class Taken(Protocol):
    """A place in the stream of one port, as a reader sees it."""

    @property
    def missed(self) -> int:
        """Messages that passed while too many lay here."""

    @property
    def ended(self) -> bool:
        """Nothing will pass any more."""

    @property
    def trouble(self) -> str:
        """Why nothing can come right now, or will any more; empty when it can."""

    def take(self) -> Message | None:
        """The next message, or None when there is none yet."""

    def coming(self) -> Future[None]:
        """Done as soon as there may be something to take, or the stream has ended."""


class Observed(Protocol):
    """What is known of one port, wherever it is."""

    @property
    def last(self) -> Message | None:
        """The newest message; None before the first."""

    @property
    def count(self) -> int:
        """Messages so far."""

    @property
    def rate(self) -> float:
        """Messages a second."""

    @property
    def skipped(self) -> int:
        """Counted and not kept."""

    def history(self, count: int = KEPT) -> list[Message]:
        """The newest messages that were kept, oldest first."""

    def place(self) -> Taken:
        """Take a place in the stream."""


class LivePort:
    """A place in the stream of one port, taken when it is made: ``next`` gives what passes from then on, each once.

    Attributes:
        address: ``node:port``.
        port: The port as its component declares it.
    """

    def __init__(
        self,
        address: Address,
        port: Port,
        probe: Observed,
        *,
        guard: Callable[[str], None],
        trouble: Callable[[str], TinyFlowError | None] = lambda _: None,
    ) -> None:
        self.address = address
        self.port = port
        self._probe = probe
        self._place: Taken = probe.place()
        self._guard = guard  # refuses to wait on the flow's own thread
        self._trouble = trouble  # why nothing comes, if that may be for ever

    @property
    def last(self) -> Message | None:
        """The newest message, its payload a snapshot; None before the first."""
        return self._probe.last

    @property
    def count(self) -> int:
        """Messages since the flow was started."""
        return self._probe.count

    @property
    def rate(self) -> float:
        """Messages a second, averaged over the last one to two seconds."""
        return self._probe.rate

    @property
    def skipped(self) -> int:
        """Messages counted and not kept: beyond 1,000 a second only some are, and 10,000 wait for a reader."""
        return self._probe.skipped + self._place.missed

    def history(self, count: int = KEPT) -> list[Message]:
        """The newest messages that were kept, oldest first, at most ``count`` and at most 100."""
        return self._probe.history(count)

    def next(self, timeout: float | None = None) -> Message:
        """The next message after the place was taken; waits for it, at most ``timeout`` seconds.

        Raises:
            WaitTimeout: None came, or the flow has ended; it is a TimeoutError.
            NotRunning: TF-135, the flow does not run; only without a timeout, within which somebody may start it.
            HandlerTimeout: TF-131, a node blocks the flow; only without a timeout.
        """
        timeout = seconds(timeout, "next")
        message = self._place.take()
        if message is not None:
            return message
        self._guard("next()")
        end = None if timeout is None else time.monotonic() + timeout
        while not self._place.ended and (end is None or time.monotonic() < end):
            self._wait(end)
            message = self._place.take()
            if message is not None:
                return message
        message = self._place.take()
        if message is not None:
            return message
        trouble, missed = self._place.trouble, self._place.missed
        waited = ("before the flow ended" if not trouble else "and none will") if self._place.ended else ""
        waited = waited or f"within {timeout:g} s"
        told = f"{missed} passed and were missed. " if missed else ""
        if trouble:
            way_out = "Look the port up again when that is mended." if self._place.ended else "Wait longer."
            raise WaitTimeout("TF-138", f"No message came at {self.address} {waited}: {trouble}", told + way_out)
        why = None if self._place.ended else self._trouble("next()")
        if why is not None:
            raise WaitTimeout(why.code, why.what, *why.way_out)
        raise WaitTimeout(
            "TF-138",
            f"No message came at {self.address} {waited}.",
            f"So far there were {self.count}. {told}Wait longer, or look at what the nodes before it do.",
        )

    def _wait(self, end: float | None) -> None:
        """Until something may have come; without an end also until nothing can, for the flow is blocked."""
        coming = self._place.coming()
        while True:
            try:
                coming.result(_LOOK if end is None else max(0.0, end - time.monotonic()))
                return
            except FutureTimeout:
                if end is not None:
                    return
                if (trouble := self._trouble("next()")) is not None:
                    raise trouble from None
            except KeyboardInterrupt as pressed:
                show_interrupted(pressed, "next()")
                raise

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Every message after the place was taken, until the flow ends."""
        while True:
            message = self._place.take()
            if message is not None:
                yield message
            elif self._place.ended:
                return
            else:
                await asyncio.wrap_future(self._place.coming())

    def _written(self, message: Message) -> str:
        """A payload as somebody reads it."""
        return repr(message.payload)

    def __repr__(self) -> str:
        last = self.last
        newest = f", last {self._written(last)}"[:80] if last is not None else ""
        return f"<{self.address} {self.port.direction} {self.count} messages{newest}>"
