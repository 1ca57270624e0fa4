"""Who waits for room goes on in the order of arrival, whoever comes meanwhile."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from tinyflow_runtime.channel import Channel
from tinyflow_runtime.component import Port
from tinyflow_runtime.observation.lineage import Ids, Lineage


@pytest.fixture
def channel():
    target = SimpleNamespace(name="a", wake=lambda channel: None)
    return Channel(target, Port("in", "in", int), edge=None, capacity=1)


@pytest.fixture
def send(channel):
    ids = Ids()

    async def send(number: int) -> None:
        """As the scheduler does from outside."""
        if channel.room <= 0 or channel.waiters:
            await channel.wait_for_room()
        channel.put([number], Lineage.first(ids.draw(1), 0.0))

    return send


def take(channel: Channel) -> int:
    (payload,), _ = channel.take(1)
    channel.freed()
    return payload


async def everybody_has_a_turn():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_nobody_overtakes_who_was_just_told_that_there_is_room(channel, send):
    await send(1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(send(2))
        await asyncio.sleep(0)
        tasks.create_task(send(3))  # its turn comes before that of 2, who learns only now that there is room
        assert take(channel) == 1
        for number in (2, 3):
            await everybody_has_a_turn()
            assert take(channel) == number
    assert channel.room == 1


async def test_a_place_that_is_given_up_is_the_next_ones(channel, send):
    await send(1)
    second, third = asyncio.ensure_future(send(2)), asyncio.ensure_future(send(3))
    await asyncio.sleep(0)
    assert take(channel) == 1
    second.cancel()  # after it was told that there is room
    await everybody_has_a_turn()
    assert second.cancelled()
    assert third.done()
    assert take(channel) == 3


async def test_one_that_waits_and_gives_up_leaves_the_others_in_order(channel, send):
    await send(1)
    sends = [asyncio.ensure_future(send(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    sends[1].cancel()
    taken = []
    for _ in range(3):
        await everybody_has_a_turn()
        taken.append(take(channel))
    assert taken == [1, 2, 4]
    assert not channel.waiters
