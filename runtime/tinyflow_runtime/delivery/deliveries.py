"""Deliveries are all edges between this process and others: those that leave it and those that end here."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Self

from tinyflow_runtime import protocol
from tinyflow_runtime.delivery.answering import Answering
from tinyflow_runtime.delivery.entrances import Entrances, Flowing
from tinyflow_runtime.delivery.frames import EdgeKey, Loss
from tinyflow_runtime.delivery.leaving import Exit
from tinyflow_runtime.delivery.peers import Peer
from tinyflow_runtime.delivery.receiver import Receiver, Right
from tinyflow_runtime.delivery.wireform import read_frame
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.rpc.streams import Dial, Inbound, either

KEPT = 1_000  # losses that are remembered; each is in the log as well
SURVEY = 0.05  # seconds until writers are told what has been settled since the last receipt
SELDOM = 1.0  # the same, once nothing has come for a while and something still is not settled
TICK = 1.0  # seconds between looks at what waits for somebody who may never come

log = logging.getLogger("tinyflow")


class Deliveries:
    """The edges between this module process and others. Use it as an asynchronous context manager, on the one loop.

    The host gives its schedulers their exits (``scheduler.exits.bring``) before it starts their nodes, and calls
    ``bring`` when a plan is applied; it answers the rpc Deliver with ``serve``. What became of messages is asked of
    ``exits`` and ``losses``.

    Args:
        module: The module this process runs.
        instance: The uid of this process' life; the same that Describe tells.
        dial: Makes a stream to an address, where a module is.
    """

    def __init__(self, module: str, instance: str, *, dial: Dial, clock: Callable[[], float] = time.time) -> None:
        self.module = module
        self.instance = instance
        self.losses: deque[Loss] = deque(maxlen=KEPT)
        self.peers: dict[str, Peer] = {}
        self.entrances = Entrances()
        self.receiver = Receiver(instance, module, self.entrances)
        self._dial = dial
        self._clock = clock
        self._exits: set[Exit] = set()
        self._working: dict[str, asyncio.Task[None]] = {}
        self._stirred = asyncio.Event()  # something has come that is to be settled

    async def __aenter__(self) -> Self:
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        self._looking_after = self._tasks.create_task(self._look_after(), name="deliveries")
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (*self._working.values(), self._looking_after):
            task.cancel()
        await self._tasks.__aexit__(None, None, None)

    async def bring(
        self,
        flows: Mapping[str, Flowing],
        peers: Iterable[protocol.Peer],
        incoming: Iterable[protocol.Incoming],
    ) -> None:
        """Serve the exits of these flows, and let exactly these edges in.

        Args:
            flows: All that run. What still lies at an exit that is no more is sent for half a minute.
            peers: Where other modules listen.
            incoming: The edges that end here: nobody else may send.
        """
        exits = {exit_ for flow in flows.values() for exit_ in flow.scheduler.exits.every()}
        for exit_ in self._exits - exits:
            self._remove(exit_)
        for exit_ in exits:
            if exit_.departure is None:
                self._add(exit_)
            elif exit_.closed:
                self._remove(exit_)
        addresses = {peer.module: peer.address for peer in peers}
        for name, peer in list(self.peers.items()):
            if peer.sender.departures:
                peer.move(addresses.get(name, peer.address))
            else:
                self._forget(name)
        self.entrances.bring(flows)
        self.receiver.allow(
            {EdgeKey(each.flow, each.edge): Right(each.from_module, each.to, each.capacity) for each in incoming}
        )

    def renew(self) -> None:
        """Make all streams to other modules anew; nothing is lost by that, doubled or reordered."""
        for peer in self.peers.values():
            peer.renew()

    def end_all(self, error: TinyFlowError) -> None:
        """Let nothing more in: this process is about to end. What is settled is still told."""
        self.receiver.end_all(error)

    async def tell_settled(self) -> None:
        """Tell writers what has been settled by now; returns when that is written, or cannot be."""
        self.entrances.take_census()
        self.receiver.survey()
        await asyncio.sleep(SURVEY)  # the streams' own tasks write it

    async def serve(self, stream: Inbound) -> None:
        """Answer a writer until its stream ends.

        Raises:
            DeliveryError: TF-152, it broke the protocol; or the stream has broken.
        """
        answering = Answering(stream)
        session = answering.session = self.receiver.session(wake=answering.wake)
        try:
            await either(self._read(stream, answering), answering.run())
        finally:
            session.close()

    def exits(self, flow: str) -> list[Exit]:
        """The edges of a flow that leave this process, and those from which the last messages still do."""
        return [exit_ for exit_ in self._exits if exit_.key.flow == flow]

    def trouble(self, module: str) -> str:
        """Why nothing goes to a module right now; empty when it does."""
        peer = self.peers.get(module)
        return "" if peer is None else peer.trouble

    async def _read(self, stream: Inbound, answering: Answering) -> None:
        session = answering.session
        while (dispatch := await stream.read()) is not None:
            with answering.by_hand():
                session.receive(read_frame(dispatch))
            await answering.say()  # at once: whoever waits for it does so now
            if session.closed:  # there is a newer stream of the same writer
                return
            self.entrances.take_census()
            self._stirred.set()

    async def _look_after(self) -> None:
        await either(self._survey(), self._tick())

    async def _survey(self) -> None:
        while True:
            await self._stirred.wait()
            pause, unsettled = SURVEY, True
            while unsettled:
                self._stirred.clear()
                await asyncio.sleep(pause)
                self.entrances.take_census()
                unsettled = self.receiver.survey() or self._stirred.is_set()
                pause = SURVEY if self._stirred.is_set() else min(1.5 * pause, SELDOM)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.receiver.strangers.look(self._clock())
            for name, peer in list(self.peers.items()):
                peer.sender.tick()
                peer.tell_losses()
                if not peer.sender.departures:
                    self._forget(name)

    def _add(self, exit_: Exit) -> None:
        peer = self.peers.get(exit_.module)
        if peer is None:
            peer = self.peers[exit_.module] = Peer(
                self.instance, self.module, exit_.module, dial=self._dial, clock=self._clock, lost=self._note
            )
            self._working[exit_.module] = self._tasks.create_task(peer.run(), name=f"to {exit_.module}")
        self._exits.add(exit_)
        exit_.departure = departure = peer.sender.add(exit_.key, exit_)
        exit_.stir = functools.partial(peer.sender.stir, departure)

    def _remove(self, exit_: Exit) -> None:
        departure, peer = exit_.departure, self.peers.get(exit_.module)
        self._exits.discard(exit_)
        if departure is not None and departure.leaving_since is None and peer is not None:
            peer.sender.remove(departure)

    def _forget(self, name: str) -> None:
        del self.peers[name]
        self._working.pop(name).cancel()

    def _note(self, loss: Loss) -> None:
        self.losses.append(loss)
        log.warning(
            "A process of module %s ended, and up to %d messages of edge %s with it", loss.peer, loss.count, loss.edge
        )
