"""What is due to be looked at: each thing once, however often it changed, and never by two at a time."""

from __future__ import annotations

import asyncio
import collections
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tinyflow_runtime.errors import TinyFlowError

log = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 0.1, 30.0  # seconds before what failed is tried again

Thing = tuple[str, str, str]  # what it is, its namespace, its name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a look came to; it ends the sentence "TinyModule here/maths …".

    Attributes:
        text: For the log and for people; empty when there is nothing to say.
        again: Whether to try again, after a delay that grows.
        after: Seconds after which to look again although nothing changed and nothing failed.
    """

    text: str = ""
    again: bool = False
    after: float | None = None


def done(text: str = "", *, after: float | None = None) -> Outcome:
    """It is as it shall be."""
    return Outcome(text, after=after)


def retry(text: str) -> Outcome:
    """It may work later."""
    return Outcome(text, again=True)


def stuck(text: str, *, after: float | None = None) -> Outcome:
    """Only a change of what people wrote can help; a change makes it due again by itself."""
    return Outcome(f"is stuck: {text}", after=after)


class Due:
    """Things that have to be looked at.

    Attributes:
        counts: Looks by kind and what they came to, for metrics: ``("TinyNode", "done" | "retry" | "failed")``.
        seconds: That looks took, by kind.

    Args:
        look: Brings one thing to what it shall be. What it raises counts as a failure that may pass.
        at_once: How many looks run beside each other.
    """

    def __init__(self, look: Callable[[Thing], Awaitable[Outcome]], *, at_once: int) -> None:
        self.counts: collections.Counter[tuple[str, str]] = collections.Counter()
        self.seconds: collections.defaultdict[str, float] = collections.defaultdict(float)
        self._look = look
        self._at_once = at_once
        self._ripe: dict[Thing, None] = {}  # a set that keeps the order
        self._later: dict[Thing, asyncio.TimerHandle] = {}
        self._failed: dict[Thing, int] = {}
        self._said: dict[Thing, str] = {}
        self._running: set[Thing] = set()
        self._meanwhile: set[Thing] = set()  # due again while it is looked at
        self._some = asyncio.Event()

    def add(self, thing: Thing, delay: float = 0.0) -> None:
        """Look at it after some seconds, or earlier when it was due earlier already."""
        if thing in self._ripe or thing in self._meanwhile:
            return
        if delay <= 0:
            self._ripen(thing)
            return
        loop = asyncio.get_running_loop()
        waiting = self._later.get(thing)
        if waiting is None or waiting.when() > loop.time() + delay:
            if waiting is not None:
                waiting.cancel()
            self._later[thing] = loop.call_later(delay, self._ripen, thing)

    @property
    def idle(self) -> bool:
        """Whether nothing is looked at, and nothing waits but for its time."""
        return not self._ripe and not self._running

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._ripe) + len(self._meanwhile)

    @property
    def failing(self) -> int:
        """How many failed when they were looked at last."""
        return len(self._failed)

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        try:
            async with asyncio.TaskGroup() as looks:
                while True:
                    await self._some.wait()
                    self._some.clear()
                    while self._ripe and len(self._running) < self._at_once:
                        thing = next(iter(self._ripe))
                        del self._ripe[thing]
                        self._running.add(thing)
                        looks.create_task(self._one(thing))
        finally:
            for waiting in self._later.values():
                waiting.cancel()

    def _ripen(self, thing: Thing) -> None:
        if waiting := self._later.pop(thing, None):
            waiting.cancel()
        if thing in self._running:
            self._meanwhile.add(thing)
            return
        self._ripe[thing] = None
        self._some.set()

    async def _one(self, thing: Thing) -> None:
        began, came = time.perf_counter(), ""
        try:
            outcome = await self._look(thing)
        except TinyFlowError as error:
            outcome, came = retry(f"could not be looked at: {error}"), "failed"
        except Exception as error:  # one object that nobody thought of must not stop all the others
            log.exception("%s %s/%s", *thing)
            outcome, came = retry(f"could not be looked at: {error!r}"), "failed"
        finally:
            self.seconds[thing[0]] += time.perf_counter() - began
            self._running.discard(thing)
            if thing in self._meanwhile:
                self._meanwhile.discard(thing)
                self._ripen(thing)
            self._some.set()
        self.counts[thing[0], came or ("retry" if outcome.again else "done")] += 1
        self._heed(thing, outcome)

    def _heed(self, thing: Thing, outcome: Outcome) -> None:
        if outcome.text != self._said.get(thing, ""):
            if outcome.text:
                log.info("%s %s/%s %s", *thing, outcome.text)
                self._said[thing] = outcome.text
            else:
                self._said.pop(thing, None)
        if outcome.again:
            failed = self._failed[thing] = self._failed.get(thing, 0) + 1
            self.add(thing, min(FIRST_DELAY * 2 ** min(failed, 10), LONGEST_DELAY))
            return
        self._failed.pop(thing, None)
        if outcome.after is not None:
            self.add(thing, outcome.after)
