"""Answering: what a receiver has to say is written, by whoever is there to do it, one write at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from tinyflow_runtime.delivery.receiver import Session
from tinyflow_runtime.delivery.wireform import written_answers
from tinyflow_runtime.rpc.streams import Inbound


class Answering:
    """Writes the answers of one session to its stream."""

    session: Session

    def __init__(self, stream: Inbound) -> None:
        self._stream = stream
        self._due = asyncio.Event()
        self._writing = self._held = False

    def wake(self) -> None:
        """There may be something to say."""
        if not self._held:
            self._due.set()

    @contextlib.contextmanager
    def by_hand(self) -> Iterator[None]:
        """Whatever is to be said meanwhile, the caller will see to it: waking a task for it takes longer."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    async def say(self) -> None:
        """Write what there is to say, unless somebody is just doing so."""
        if self._writing:
            return
        self._writing = True
        try:
            while answers := self.session.next_answers():
                await self._stream.write(written_answers(answers))
        finally:
            self._writing = False

    async def run(self) -> None:
        """Say what comes up between two frames. Runs until it is cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self.say()
