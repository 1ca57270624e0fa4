"""Doubles for trying a component by itself: an output that collects, and a clock that needs no waiting."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

import pytest


class Collect:
    """An output that keeps what it is given; stops the component after `enough`, as a flow's stop would."""

    def __init__(self) -> None:
        self.got: list[tuple[str, Any]] = []
        self.times: list[float] = []
        self.enough: int | None = None
        self.takes = 0.0

    async def __call__(self, port: str, payload: Any) -> None:
        if self.takes:
            await asyncio.sleep(self.takes)
        self.got.append((port, payload))
        self.times.append(asyncio.get_running_loop().time())
        if self.enough is not None and len(self.got) >= self.enough:
            raise asyncio.CancelledError

    def on(self, port: str) -> list[Any]:
        return [payload for name, payload in self.got if name == port]


class _Skip(selectors.DefaultSelector):  # type: ignore[misc,valid-type]  # a platform's own class
    """Instead of waiting for a time, moves the clock to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.now += timeout
        return ready


class _SimulatedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.skip = _Skip()
        super().__init__(self.skip)

    def time(self) -> float:
        return self.skip.now


def run_simulated(coroutine: Any) -> Any:
    """Run to the end; waiting for a time takes none. Ends quietly when the coroutine cancels itself."""
    with asyncio.Runner(loop_factory=_SimulatedLoop) as runner:
        try:
            return runner.run(coroutine)
        except asyncio.CancelledError:
            return None


@pytest.fixture
def simulate() -> Callable[[Awaitable[Any]], Any]:
    return run_simulated


@pytest.fixture
def output() -> Collect:
    return Collect()
