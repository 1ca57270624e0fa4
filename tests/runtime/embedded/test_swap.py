"""A swap that fails changes nothing: not what runs, and not what the flow says."""

from __future__ import annotations

import asyncio

import pytest
from tinyflow_runtime.component import Component, Handler, Port, prototype
from tinyflow_runtime.embedded.flow import EmbeddedFlow, swap
from tinyflow_runtime.errors import HandlerError


def version(factor: int, *, breaks: bool = False, starts: int = 0) -> type[Component]:
    """A source; it breaks when it is started, or once it was started some times."""
    started: list[Beat] = []

    class Beat(Component):
        def ports(self) -> list[Port]:
            return [Port("out", "out", int)]

        async def start(self, output: Handler) -> None:
            started.append(self)
            if breaks or len(started) == starts + 1 > 1:
                raise ValueError("not today")

        async def run(self, output: Handler) -> None:
            while True:
                await output("out", factor)
                await asyncio.sleep(0.01)

    return Beat


@pytest.fixture
def flow():
    flow = EmbeddedFlow("beats")
    flow.node("a", version(1))
    flow.node("b", version(1))
    flow.start()
    yield flow
    flow.stop()


def test_a_source_beats_on_when_its_newer_version_does_not_start(flow):
    flow["a:out"].next(timeout=5)

    with pytest.raises(HandlerError, match="not today"):
        swap(prototype(version(2, breaks=True)))

    assert [flow[f"{name}:out"].next(timeout=5).payload for name in ("a", "b")] == [1, 1]


def test_a_flow_says_what_it_runs_when_a_swap_failed(flow):
    old = [node.component for node in flow.nodes.values()]

    with pytest.raises(HandlerError):
        swap(prototype(version(2, breaks=True)))
    flow.start()

    assert [node.component for node in flow.nodes.values()] == old


def test_a_swap_that_starts_takes_over(flow):
    changed = swap(prototype(version(3)))

    assert changed == ["beats:a", "beats:b"]
    assert flow["b:out"].next(timeout=5).payload == 3


def test_a_swap_that_fails_in_one_flow_changes_none(flow):
    other = EmbeddedFlow("others")
    other.node("c", version(1))
    other.start()
    old = [node.component for one in (flow, other) for node in one.nodes.values()]

    with pytest.raises(HandlerError, match="not today"):
        swap(prototype(version(2, starts=2)))  # two of the first flow start, the one of the second does not

    try:
        assert [node.component for one in (flow, other) for node in one.nodes.values()] == old
        assert flow["a:out"].next(timeout=5).payload == flow["b:out"].next(timeout=5).payload == 1
        assert other["c:out"].next(timeout=5).payload == 1
    finally:
        other.stop()
