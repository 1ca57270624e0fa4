"""The calls that a module server answers, one method each; how they get there is another's business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyflow_runtime import protocol


class Calls:
    """The calls of module.proto that are no streams; that file tells what they do."""

    async def _ask(self, name: str, request: Any, timeout: float | None) -> Any:  # messages of protobuf
        raise NotImplementedError

    async def describe(self, *, timeout: float = 10) -> protocol.Description:
        described: protocol.Description = await self._ask("Describe", protocol.DescribeRequest(), timeout)
        return described

    async def apply(self, plan: protocol.Plan, *, timeout: float = 60) -> protocol.Applied:
        applied: protocol.Applied = await self._ask("Apply", plan, timeout)
        return applied

    async def load(self, archive: protocol.Archive, *, timeout: float = 60) -> protocol.Description:
        loaded: protocol.Description = await self._ask("Load", archive, timeout)
        return loaded

    async def send(self, batch: protocol.Batch, *, timeout: float | None = None) -> protocol.Accepted:
        """Returns when all messages were accepted; waits for room without end unless a timeout is given."""
        accepted: protocol.Accepted = await self._ask("Send", batch, timeout)
        return accepted

    async def look(self, request: protocol.LookRequest, *, timeout: float = 10) -> protocol.Look:
        look: protocol.Look = await self._ask("Look", request, timeout)
        return look

    async def state(self, flow: str = "", *, timeout: float = 10) -> protocol.State:
        """Of one flow, or of all."""
        state: protocol.State = await self._ask("State", protocol.StateRequest(flow=flow), timeout)
        return state

    async def dead_letters(self, flow: str, limit: int = 100, *, timeout: float = 10) -> protocol.Letters:
        """The newest, newest first."""
        request = protocol.DeadLettersRequest(flow=flow, limit=limit)
        letters: protocol.Letters = await self._ask("DeadLetters", request, timeout)
        return letters

    async def replay(self, flow: str, ids: Sequence[str] | None = None, *, timeout: float | None = None) -> int:
        """All letters, unless ids are given; returns how many were accepted."""
        request = protocol.LetterIds(flow=flow, ids=ids or (), all=ids is None)
        return int((await self._ask("Replay", request, timeout)).count)

    async def discard(self, flow: str, ids: Sequence[str] | None = None, *, timeout: float = 10) -> int:
        """All letters, unless ids are given; returns how many there were."""
        request = protocol.LetterIds(flow=flow, ids=ids or (), all=ids is None)
        return int((await self._ask("Discard", request, timeout)).count)

    async def hold(self, request: protocol.HoldRequest, *, timeout: float | None = 10) -> protocol.Holds:
        """A step returns when its message is handled."""
        holds: protocol.Holds = await self._ask("Hold", request, timeout)
        return holds

    async def drain(self, timeout: float = 5) -> int:
        """Returns how many messages became dead letters."""
        return int((await self._ask("Drain", protocol.DrainRequest(timeout=timeout), timeout + 10)).left)
