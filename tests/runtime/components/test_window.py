import asyncio

import pytest
from tinyflow_runtime.components import Window, WindowSettings
from tinyflow_runtime.errors import SettingsError


def window(**settings) -> Window:
    made = Window()
    made.settings = WindowSettings(**settings)
    return made


async def test_a_window_by_count_is_sent_when_it_is_full(output):
    node = window(size=3)

    for number in range(7):
        await node.handle(output, "in", number)

    assert output.on("out") == [[0, 1, 2], [3, 4, 5]]


async def test_a_sliding_window_is_sent_again_after_every_slide(output):
    node = window(size=3, slide=1)

    for number in range(5):
        await node.handle(output, "in", number)

    assert output.on("out") == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]


async def test_what_is_in_two_windows_is_a_copy_in_the_second(output):
    node = window(size=2, slide=1)

    for number in range(3):
        await node.handle(output, "in", {"n": number})

    first, second = output.on("out")
    assert first[1] == second[0] == {"n": 1}
    assert first[1] is not second[0]


def test_a_window_by_time_is_sent_when_its_first_message_is_old_enough(simulate, output):
    node, output.enough = window(seconds=5), 2

    async def run():
        loop = asyncio.get_running_loop()
        for at in (1, 4, 7.5):
            loop.call_later(at, lambda at=at: tasks.append(asyncio.ensure_future(node.handle(output, "in", at))))
        await node.run(output)

    tasks: list[asyncio.Future[None]] = []
    simulate(run())

    assert output.on("out") == [[1, 4], [7.5]]
    assert output.times == [6.0, 12.5]


def test_with_count_and_time_whichever_comes_first_closes_the_window(simulate, output):
    node, output.enough = window(size=2, seconds=5), 2

    async def run():
        await node.handle(output, "in", "a")
        await node.handle(output, "in", "b")
        await node.handle(output, "in", "c")
        await node.run(output)

    simulate(run())

    assert output.on("out") == [["a", "b"], ["c"]]
    assert output.times == [0.0, 5.0]


async def test_a_flush_sends_what_has_not_been_sent_and_nothing_twice(output):
    node = window(size=3, slide=1)

    await node.handle(output, "flush", True)
    for number in range(3):
        await node.handle(output, "in", number)
    await node.handle(output, "flush", True)
    await node.handle(output, "in", 3)
    await node.handle(output, "flush", True)

    assert output.on("out") == [[0, 1, 2], [1, 2, 3]]


def test_windows_leave_in_the_order_in_which_they_were_completed_also_when_there_is_no_room(simulate, output):
    node, output.takes = window(size=2, seconds=1), 10

    async def run():
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(node.run(output))
            await node.handle(output, "in", 1)
            await asyncio.sleep(1.5)  # the timer has closed the window and waits for room
            await node.handle(output, "in", 2)
            await node.handle(output, "in", 3)
            timer.cancel()

    simulate(run())

    assert output.on("out") == [[1], [2, 3]]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "needs size=, seconds= or both"),
        ({"slide": 1}, "needs size=, seconds= or both"),
        ({"slide": 1, "seconds": 1}, "slide= needs size= and no seconds="),
        ({"slide": 1, "seconds": 1, "size": 3}, "slide= needs size= and no seconds="),
        ({"slide": 4, "size": 3}, "would be lost"),
    ],
)
def test_settings_that_describe_no_window_are_refused(settings, text):
    with pytest.raises(SettingsError, match=text):
        window(**settings).ports()


def test_a_window_tells_its_ports_before_anybody_has_said_when_it_is_complete():
    assert [port.name for port in Window().ports()] == ["in", "flush", "out", "settings"]
