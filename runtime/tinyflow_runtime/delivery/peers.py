"""A peer is another module that edges lead to: it keeps a stream to that module's process, whatever becomes of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from tinyflow_runtime.delivery.frames import Loss
from tinyflow_runtime.delivery.sender import Sender
from tinyflow_runtime.delivery.wireform import read_answers, written_frame
from tinyflow_runtime.errors import DeliveryError
from tinyflow_runtime.rpc.streams import Dial, Outbound, either

FIRST_PAUSE = 0.02  # seconds before a broken stream is tried again
LONGEST_PAUSE = 1.0  # a peer that is not there costs one attempt a second
LEAVING = 3.0  # seconds for a process whose module is elsewhere now, to handle what it has accepted
SHARE = 0.1  # of the time that it has been away: so much later than it is back, it is found at the latest

LATE = 3.0  # seconds: a process that starts, or takes another's place, is away for less

log = logging.getLogger("tinyflow")


class Peer:
    """Drives a sender, over one stream after the other.

    Attributes:
        address: Where the module listens; empty while nobody knows.
        trouble: Why there is no stream, as a person sees it; empty while there is one.
    """

    def __init__(
        self,
        writer: str,
        module: str,
        name: str,
        *,
        dial: Dial,
        clock: Callable[[], float],
        lost: Callable[[Loss], None],
    ) -> None:
        self.name = name
        self.address = ""
        self.trouble = ""
        self._dial = dial
        self._lost = lost
        self._due = asyncio.Event()  # there may be a frame to write
        self._moved = asyncio.Event()  # the address is another
        self._answered = asyncio.Event()  # the module has said something
        self.sender = Sender(writer, module, name, clock=clock, wake=self._due.set)

    def move(self, address: str) -> None:
        """The module listens elsewhere now, or is known to listen at all."""
        if address != self.address:
            self.address = address
            self._moved.set()

    def renew(self) -> None:
        """Make another stream: what we prove who we are with has changed."""
        self._moved.set()

    async def run(self) -> None:
        """Keep a stream for as long as there is an address. Runs until it is cancelled."""
        clock = asyncio.get_running_loop().time
        pause, away_since = 0.0, clock()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause * random.uniform(0.7, 1.3) if self.address else None):
                    await self._moved.wait()
                    away_since = clock()
            self._moved.clear()
            trouble = ""
            try:
                await either(self._stream(), self._leave(self.address))
            except (DeliveryError, OSError) as error:
                trouble = str(error)
            except Exception as error:  # whatever a peer may answer, it ends its stream and not the host
                log.exception("The stream to module %s broke", self.name)
                trouble = f"{type(error).__name__}: {error}"
            if self._heard:
                self._heard, away_since = False, clock()
            if trouble:
                self._say(trouble, lasts=clock() - away_since >= LATE)
            pause = min(max(SHARE * (clock() - away_since), FIRST_PAUSE), LONGEST_PAUSE)

    _told = False  # whether the log holds that there is no stream
    _heard = False  # whether the stream there is, or was last, has carried an answer

    async def _stream(self) -> None:
        async with self._dial(self.address, self.name) as stream:
            self.sender.connected()
            try:
                await either(self._read(stream), self._write(stream))
            finally:
                self.sender.disconnected()

    async def _leave(self, address: str) -> None:
        """Return when another stream is wanted; from a process that is to be replaced, once it owes nothing more."""
        await self._moved.wait()
        if self.address == address or self.sender.disconnected_since is not None:
            return
        self.sender.leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVING):
                while not self.sender.settled:
                    self._answered.clear()
                    await self._answered.wait()

    async def _read(self, stream: Outbound) -> None:
        while (receipts := await stream.read()) is not None:
            if not self._heard:
                self._heard = True
                self._say("")
            self.sender.receive(read_answers(receipts))
            self._answered.set()
            self.tell_losses()

    async def _write(self, stream: Outbound) -> None:
        while True:
            self._due.clear()
            while frame := self.sender.next_frame():
                await stream.write(written_frame(frame))
            await self._due.wait()

    def tell_losses(self) -> None:
        """Pass on what the sender has found to be lost."""
        losses, self.sender.losses = self.sender.losses, []
        for loss in losses:
            self._lost(loss)

    def _say(self, trouble: str, *, lasts: bool = False) -> None:
        """In the log once for each change, and of a trouble once it lasts."""
        if trouble and lasts and not self._told:
            log.warning("No connection to module %s at %s: %s", self.name, self.address, trouble)
            self._told = True
        elif self._told and not trouble:
            log.info("Connected to module %s at %s again", self.name, self.address)
            self._told = False
        self.trouble = trouble
