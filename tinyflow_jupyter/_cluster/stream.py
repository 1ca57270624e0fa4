"""The stream of one port in a module process: whoever looks the port up takes a place in it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from copy import copy
from typing import Any

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.observation.stream import AHEAD, Bell
from tinyflow_runtime.probe import KEPT
from tinyflow_runtime.wire import Remote

from .connections import PATIENCE, Connections
from .payload import reader

TAKEN = PATIENCE + 5.0  # seconds until the module has to say that the place is taken; it may have to be found first
_AGAIN = 0.1  # seconds before a stream that broke is taken up again
_LATER = 1.0  # seconds between two looks for a module, or a way to it, that is away for longer
PASSING = ("TF-135", "TF-162", "TF-163", "TF-185")  # what ends by itself: the module, or the way to it, is away


class RemotePlace:
    """Somebody's place in the stream; forgotten when nobody holds it any more.

    Attributes:
        missed: Messages that passed while too many lay here, or while the connection was broken.
        ended: Nothing will pass any more.
        trouble: Why nothing can come right now, or will any more; empty when it can.
    """

    def __init__(self) -> None:
        self.missed = 0
        self.ended = False
        self.trouble = ""
        self._messages: deque[Message] = deque()
        self._bell = Bell()

    def add(self, message: Message) -> None:
        """Called by the loop: never waits, never raises."""
        self._messages.append(message)
        if len(self._messages) > AHEAD:
            with contextlib.suppress(IndexError):  # the reader was faster
                self._messages.popleft()
                self.missed += 1
        self._bell.ring()

    def end(self) -> None:
        """Nothing will pass any more: wake who waits."""
        self.ended = True
        self._bell.ring()

    def take(self) -> Message | None:
        """The next message, or None when there is none yet."""
        try:
            return self._messages.popleft()
        except IndexError:
            return None

    def coming(self) -> Future[None]:
        """Done as soon as there may be something to take, or the stream has ended."""
        waiting = self._bell.awaited()
        if self._messages or self.ended:
            self._bell.ring()
        return waiting


class Stream:
    """What passes at one port, for all who have a place in it; over before long when nobody has.

    Args:
        module: Where the node runs.
        flow: The flow's name.
        port: ``node:port``.
        tp: What passes there.
    """

    def __init__(self, connections: Connections, module: str, flow: str, port: Address, tp: Any) -> None:
        self._connections = connections
        self._module, self._flow, self._port, self._type = module, flow, port, tp
        self._read = reader(tp)
        self._places: weakref.WeakSet[RemotePlace] = weakref.WeakSet()
        self._taken: Future[None] = Future()
        self._running: Future[None] | None = None  # while somebody has a place
        self._passed = 0  # messages at this port when the newest of ours came
        self._newest: deque[str] = deque(maxlen=KEPT)  # ids of what came; by them a stream that broke is taken up again
        self._caught: set[str] = set()  # ids of what was fetched and may come again
        self._lock = threading.RLock()  # a place may be forgotten wherever memory is tidied up

    def fits(self, module: str, tp: Any) -> bool:
        """Whether it still is the stream of its port: a node may move, and a component change its types."""
        return self._module == module and self._type == tp

    def place(self) -> RemotePlace:
        """Take a place; returns when the module says that it is taken.

        Raises:
            TinyFlowError: What the module says of that port. ModuleUnavailable: TF-163, it cannot be reached.
        """
        place = RemotePlace()
        with self._lock:
            self._places.add(place)
            if self._running is None:
                self._taken = Future()
                self._running = self._connections.loop.start(self._run(self._taken))
            taken, running = self._taken, self._running
        # When the last place is gone, the module need not send any more.
        leaving = weakref.finalize(place, Stream._leave, self)
        leaving.atexit = False
        try:
            taken.result(TAKEN)
        except TinyFlowError:
            leaving.detach()  # or what was raised, which holds this frame, would keep the place for ever
            raise
        except FutureTimeout:
            leaving.detach()
            running.cancel()
            what = f"Module {self._module!r} did not open {self._port} within {TAKEN:g} s."
            raise ModuleUnavailable("TF-163", what, "Look what it does: cluster.logs(flow).") from None
        return place

    def _leave(self) -> None:
        with self._lock:
            # Their number still counts the one that goes.
            if self._running is not None and not list(self._places):
                self._running.cancel()
                self._running = None

    async def _run(self, taken: Future[None]) -> None:
        self._newest.clear()
        patience = PATIENCE
        try:
            while self._wanted():
                try:
                    await self._connections.reach(
                        self._module, lambda remote: self._watch(remote, taken), flow=self._flow, patience=patience
                    )
                    patience = PATIENCE
                except TinyFlowError as error:
                    self._say(error)
                    if not taken.done():
                        taken.set_exception(copy(error))  # without its frames, which would keep the connection
                        return
                    if error.code not in PASSING:
                        return
                    patience = 0.0  # it is away for longer: look now and then
                # The flow was stopped there, perhaps only to be started anew.
                await asyncio.sleep(_AGAIN if patience else _LATER)
        finally:
            with self._lock:
                if self._taken is taken:  # nobody has begun anew
                    self._running = None  # what was cancelled holds on to its connection
                    for place in list(self._places):
                        place.end()
                    self._places.clear()

    async def _watch(self, remote: Remote, taken: Future[None]) -> None:
        """Give out what passes until the stream ends or breaks."""
        request = protocol.WatchRequest(flow=self._flow, port=str(self._port))
        begun = given = 0
        try:
            async for seen in remote.watch(request):
                if seen.HasField("message"):
                    given += 1
                    self._passed = max(self._passed + 1, begun + given + seen.skipped)
                    if seen.message.id not in self._caught:
                        self._give(seen.message)
                    continue
                if taken.done():
                    await self._catch_up(remote)
                else:
                    self._passed = seen.count
                    taken.set_result(None)
                begun = seen.count
                self._say(None)
        except TinyFlowError as error:
            self._say(error)
            raise

    async def _catch_up(self, remote: Remote) -> None:
        """Give out what passed while the stream was broken, as far as the module has kept it; the rest is counted."""
        look = await remote.look(protocol.LookRequest(flow=self._flow, port=str(self._port), history=KEPT))
        had = [place for place, message in enumerate(look.messages) if message.id in self._newest]
        anew = look.count < self._passed  # by a process that took the place of the one before
        passed = look.count if anew else look.count - self._passed
        found = look.messages[had[-1] + 1 :] if had else look.messages[max(0, len(look.messages) - passed) :]
        self._caught = {message.id for message in found}
        for message in found:
            self._give(message)
        self._passed = look.count
        if not had:
            for place in list(self._places):
                place.missed += max(0, passed - len(found))

    def _give(self, sent: protocol.Message) -> None:
        self._newest.append(sent.id)
        message = self._read(sent)
        for place in list(self._places):
            place.add(message)

    def _say(self, trouble: TinyFlowError | None) -> None:
        for place in list(self._places):
            place.trouble = "" if trouble is None else f"{trouble.code} {trouble.what}"

    def _wanted(self) -> bool:
        with self._lock:
            wanted = bool(list(self._places))
            if not wanted:
                self._running = None
            return wanted
