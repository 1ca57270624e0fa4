import pytest
from tinyflow_runtime.components import Join, JoinSettings
from tinyflow_runtime.errors import SettingsError


def join(**settings) -> Join:
    made = Join()
    made.settings = JoinSettings(**settings)
    return made


def test_a_join_has_one_input_for_each_name():
    assert [port.name for port in join(inputs=("cpu", "memory", "disk")).ports()] == [
        "cpu", "memory", "disk", "out", "unmatched", "settings",
    ]  # fmt: skip


async def test_zip_puts_the_first_with_the_first_and_the_second_with_the_second(output):
    node = join(how="zip")

    for port, payload in [("left", 1), ("left", 2), ("right", "a"), ("right", "b"), ("left", 3)]:
        await node.handle(output, port, payload)

    assert output.on("out") == [{"left": 1, "right": "a"}, {"left": 2, "right": "b"}]


async def test_latest_sends_the_newest_of_each_once_each_has_had_one(output):
    node = join(how="latest")

    for port, payload in [("left", 1), ("left", 2), ("right", "a"), ("left", 3)]:
        await node.handle(output, port, payload)

    assert output.on("out") == [{"left": 2, "right": "a"}, {"left": 3, "right": "a"}]


async def test_latest_never_sends_the_same_changeable_object_twice(output):
    node = join(how="latest")

    for port, payload in [("left", []), ("right", 1), ("right", 2)]:
        await node.handle(output, port, payload)

    first, second = output.on("out")
    first["left"].append("changed by who received it")
    assert second["left"] == []


async def test_by_key_finds_partners_in_any_order(output):
    node = join(how="key", key="msg['id']")

    for port, payload in [
        ("left", {"id": 1}), ("left", {"id": 2}), ("right", {"id": 2}), ("right", {"id": 3}), ("right", {"id": 1}),
    ]:  # fmt: skip
        await node.handle(output, port, payload)

    assert output.on("out") == [{"left": {"id": 2}, "right": {"id": 2}}, {"left": {"id": 1}, "right": {"id": 1}}]


async def test_who_waits_too_long_for_a_partner_leaves_through_unmatched_the_oldest_first(output):
    node = join(how="key", key="msg", keep=2)

    for payload in (1, 2, 3, 4):
        await node.handle(output, "left", payload)
    await node.handle(output, "right", 3)

    assert output.on("unmatched") == [{"left": 1}, {"left": 2}]
    assert output.on("out") == [{"left": 3, "right": 3}]


async def test_every_message_of_a_join_leaves_once_or_still_waits(output):
    node = join(how="key", key="msg % 7", keep=5)

    for number in range(200):
        await node.handle(output, "left" if number * 13 % 5 < 3 else "right", number)

    left = [value for _, payload in output.got for value in payload.values()]
    assert len(left) == len(set(left))
    assert set(left) | {payload for _, payload in _waiting(node)} == set(range(200))


def _waiting(node):
    return [entry for inputs in node._waiting.values() for queue in inputs.values() for entry in queue]


async def test_a_key_that_cannot_be_looked_up_is_named(output):
    with pytest.raises(TypeError, match=r"The key of a message must be .*, not \[1\]"):
        await join(how="key", key="[1]").handle(output, "left", 1)


@pytest.mark.parametrize("inputs", [("out", "b"), ("a", "a"), ("settings", "b")])
def test_an_input_cannot_take_a_name_twice_or_one_that_every_join_has(inputs):
    with pytest.raises(SettingsError, match="TF-109"):
        join(inputs=inputs).ports()
