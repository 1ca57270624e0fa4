"""The dead letters of a flow on a cluster: they lie in its module processes, and are asked for when somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import overload

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import HandlerError, TinyFlowError
from tinyflow_runtime.message import Address, Message
from tinyflow_runtime.wire import Remote

from .connections import Connections
from .payload import Reader

MOST = 1_000  # letters of one module that are fetched at a time; the length counts them all


class RemoteLetter:
    """One message that could not be handled, in the module process where it lies.

    Attributes:
        message: What was to be handled, with its payload; ``message.to`` is the port it was for.
        node: The node that could not handle it.
        reason: Why, in the words of the error.
        error: The same as an error; the exception itself stayed in the module's process.
    """

    __slots__ = ("_owner", "error", "id", "message", "module", "node", "reason")

    def __init__(self, module: str, letter: protocol.Letter, message: Message, owner: RemoteLetters) -> None:
        self.module, self.id = module, letter.id
        self.message, self.node, self.reason = message, letter.node, letter.reason
        self.error: TinyFlowError = _error(letter.reason)
        self._owner = owner

    def replay(self, timeout: float | None = None) -> None:
        """Send it again to the port it was for; it leaves the dead letters once it is accepted.

        Raises:
            Busy: No room within ``timeout`` seconds; the letter stays.
        """
        self._owner.replay_in(self.module, [self.id], timeout)

    def discard(self) -> None:
        """Forget it."""
        self._owner.discard_in(self.module, [self.id])

    def __repr__(self) -> str:
        return f"<DeadLetter {self.message.to}: {self.reason}>"


class RemoteLetters:
    """The dead letters of one flow, oldest first: ``len``, iteration, indexing, as of a local flow's.

    Args:
        modules: The modules the flow's nodes are in, as of now.
        reader: How to read what was for a port.
    """

    def __init__(
        self,
        connections: Connections,
        flow: str,
        modules: Callable[[], Sequence[str]],
        reader: Callable[[Address], Reader],
    ) -> None:
        self._connections, self._flow = connections, flow
        self._modules, self._reader = modules, reader

    @property
    def lost(self) -> int:
        """More than could be kept."""
        return sum(letters.lost for letters in self._ask(1).values())

    def replay(self, timeout: float | None = None) -> int:
        """Send every letter again, oldest first in each module, and return how many were accepted.

        Raises:
            Busy: No room within ``timeout`` seconds for one of them; it stays, and so do those after it.
        """
        return sum(self.replay_in(module, None, timeout) for module in self._modules())

    def discard(self) -> int:
        """Forget them all, and return how many there were."""
        return sum(self.discard_in(module, None) for module in self._modules())

    def replay_in(self, module: str, ids: Sequence[str] | None, timeout: float | None) -> int:
        """Send letters of one module again; all of them unless ids are given."""

        async def replay(remote: Remote) -> int:
            return await remote.replay(self._flow, ids, timeout=timeout)

        return self._connections.ask(module, replay, what="replay()", flow=self._flow)

    def discard_in(self, module: str, ids: Sequence[str] | None) -> int:
        """Forget letters of one module; all of them unless ids are given."""

        async def discard(remote: Remote) -> int:
            return await remote.discard(self._flow, ids)

        return self._connections.ask(module, discard, what="discard()", flow=self._flow)

    def _ask(self, limit: int) -> Mapping[str, protocol.Letters]:
        async def letters(remote: Remote) -> protocol.Letters:
            return await remote.dead_letters(self._flow, limit)

        async def everywhere() -> dict[str, protocol.Letters]:
            modules = self._modules()
            asked = (self._connections.reach(module, letters, flow=self._flow) for module in modules)
            answers = await asyncio.gather(*asked)
            return dict(zip(modules, answers, strict=True))

        return self._connections.loop.call(everywhere(), what="Looking at dead letters")

    def __len__(self) -> int:
        return sum(letters.count for letters in self._ask(1).values())

    def __iter__(self) -> Iterator[RemoteLetter]:
        found = [
            RemoteLetter(module, letter, self._reader(Address.parse(letter.message.to))(letter.message), self)
            for module, letters in self._ask(MOST).items()
            for letter in reversed(letters.letters)  # told newest first
        ]
        return iter(sorted(found, key=lambda letter: letter.message.time))

    @overload
    def __getitem__(self, index: int) -> RemoteLetter: ...
    @overload
    def __getitem__(self, index: slice) -> list[RemoteLetter]: ...
    def __getitem__(self, index: int | slice) -> RemoteLetter | list[RemoteLetter]:
        return list(self)[index]

    def __repr__(self) -> str:
        letters = list(self)
        shown = "\n".join(f"  {letter.message.to}: {letter.reason}" for letter in letters[-10:])
        return f"{len(self)} dead letters" + (f", the last of them:\n{shown}" if letters else "")


def _error(reason: str) -> TinyFlowError:
    code, _, rest = reason.partition(" ")
    if not code.startswith("TF-"):
        return HandlerError("TF-139", reason)
    what, *more = rest.splitlines() or [""]
    return HandlerError(code, what, *(line.strip() for line in more))
