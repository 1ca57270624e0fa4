import asyncio

import pytest
from tinyflow_runtime.components import Debug, DebugSettings


class Here:
    """A context as a handler has it."""

    node = "look"


@pytest.fixture(autouse=True)
def inside_a_handler(monkeypatch):
    monkeypatch.setattr("tinyflow_runtime.components.debug.context", Here)


async def test_debug_shows_a_message_and_passes_it_on(output, capsys):
    node = Debug()

    await node.handle(output, "in", {"a": 1})

    assert capsys.readouterr().out == "look: {'a': 1}\n"
    assert output.got == [("out", {"a": 1})]


async def test_debug_shows_only_what_it_was_asked_to(output, capsys):
    node = Debug()
    node.settings = DebugSettings(show="msg['a']")

    await node.handle(output, "in", {"a": "text", "b": 2})

    assert capsys.readouterr().out == "look: text\n"


def test_a_fast_flow_is_shown_in_part_counted_in_full_and_passed_on_in_full(simulate, output, capsys):
    node = Debug()
    node.settings = DebugSettings(a_second=2)

    async def run():
        for number in range(1000):
            await node.handle(output, "in", number)
        await asyncio.sleep(1)
        await node.handle(output, "in", 1000)

    simulate(run())

    assert capsys.readouterr().out.splitlines() == ["look: 0", "look: 1", "look: … and 998 more", "look: 1000"]
    assert output.on("out") == list(range(1001))


async def test_what_was_not_shown_is_told_at_the_end(output, capsys):
    node = Debug()
    node.settings = DebugSettings(a_second=1)

    for number in range(3):
        await node.handle(output, "in", number)
    await node.stop()

    assert capsys.readouterr().out.splitlines()[-1] == "look: … and 2 more"


async def test_a_long_message_is_cut(output, capsys):
    await Debug().handle(output, "in", "x" * 5000)

    assert len(capsys.readouterr().out) < 500
