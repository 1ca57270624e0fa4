"""The gateway: what of a module passes it, for whom, and how many; Kubernetes is a real one."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

import msgspec
import pytest
from tinyflow_operator import gateway as gateway_file
from tinyflow_operator.kinds import MODULES
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable, NodeError
from tinyflow_runtime.rpc.gateway import EDITOR, VIEWER, words_for
from tinyflow_runtime.rpc.methods import METHODS, SERVICE

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests are no packages, and these share with others

from houses import batch, opened, refused, to_its_end


@pytest.fixture
async def house(kube, namespace):
    async with opened(kube, namespace) as house:
        yield house


async def test_an_editor_looks_and_sends_and_a_modules_error_comes_as_it_was_raised(house):
    remote = house.with_(await house.token(EDITOR))

    described = await remote.describe()
    accepted = await remote.send(batch(3))
    error = await refused(remote.look(protocol.LookRequest(flow="f", port="b:out")))

    assert (described.module, accepted.count, len(house.module.messages)) == ("maths", 3, 3)
    assert (type(error), error.code, error.way_out) == (NodeError, "TF-107", ("Take another.",))


async def test_a_stream_passes_and_the_module_knows_when_nobody_watches_any_more(house, eventually):
    remote = house.with_(await house.token(VIEWER))

    async with contextlib.aclosing(remote.watch(protocol.WatchRequest(flow="f", port="a:out"))) as watch:
        first = await anext(watch)
        passed = [msgspec.msgpack.decode((await anext(watch)).message.payload) for _ in range(20)]
        watching = house.module.watching

    await eventually(lambda: not house.module.watching)
    assert (first.HasField("message"), passed, watching) == (False, list(range(20)), 1)


async def test_a_viewer_looks_and_does_not_send(house):
    remote = house.with_(await house.token(VIEWER))

    await remote.describe()
    errors = [
        await refused(remote.send(batch())),
        await refused(remote.replay("f")),
        await refused(remote.discard("f")),
        await refused(remote.hold(protocol.HoldRequest(flow="f", action="pause"))),
    ]

    assert {error.code for error in errors} == {"TF-186"}
    assert "which may only look" in str(errors[0])
    assert EDITOR in str(errors[0])
    assert house.module.messages == []


async def test_what_is_the_operators_never_passes(house):
    token = await house.token(EDITOR)
    words = words_for(token, house.namespace, "maths")
    never = {"Apply", "Load", "Drain"}
    errors = {}
    for name in never:
        remote = house.with_(token)
        errors[name] = await refused(remote._ask(name, METHODS[name].request(), 5))
    async with house.trunk._connection.channel() as channel:
        code = await channel.stream_stream(f"/{SERVICE}/Deliver")(metadata=words).code()

    assert {error.code for error in errors.values()} == {"TF-186"}
    assert "only the operator, or another module, calls it" in str(errors["Apply"])
    assert code.name == "PERMISSION_DENIED"


async def test_a_module_that_is_unknown_or_away_is_told_in_words(house):
    token = await house.token(VIEWER)
    key = {"name": "asleep", "namespace": house.namespace}
    await house.kube.apply(MODULES, {"metadata": key, "spec": {}}, "test")

    unknown = await refused(house.with_(token, module="math").describe())
    nothing = await refused(house.with_(token, module="").describe())
    for _ in range(100):
        asleep = await refused(house.with_(token, module="asleep").describe())
        if "does not run" in str(asleep):
            break
        await asyncio.sleep(0.05)
    address = {"metadata": key, "status": {"address": "127.0.0.1:1"}}
    await house.kube.apply(MODULES, address, "test", part="status")
    for _ in range(100):
        gone = await refused(house.with_(token, module="asleep").describe())
        if "refused" in str(gone):
            break
        await asyncio.sleep(0.05)

    assert {error.code for error in (unknown, nothing, asleep, gone)} == {"TF-163"}
    assert "Did you mean 'maths'?" in str(unknown)
    assert "does not run right now" in str(asleep)
    assert f"The module at {house.namespace}/asleep cannot be reached" in str(gone)


async def test_large_answers_pass_and_larger_ones_than_may_be_are_refused(house):
    token = await house.token(EDITOR)
    remote = house.with_(token)

    letters = await remote.dead_letters("f")
    big = protocol.Batch(messages=[protocol.Message(payload=bytes(17 << 20))])
    error = await refused(remote.send(big, timeout=10))

    assert len(letters.letters[0].reason) == 10_000_000
    assert error.code == "TF-163"
    assert house.module.messages == []


def test_a_notebook_that_holds_all_streams_can_still_call():
    assert gateway_file.STREAMS < gateway_file.CALLS


async def test_one_account_holds_so_many_streams_and_no_more_however_many_tokens_it_has(house, monkeypatch, eventually):
    monkeypatch.setattr(gateway_file, "STREAMS", 3)
    tokens = [await house.token(VIEWER, seconds=600 + number) for number in range(5)]
    watches = [house.with_(token).watch(protocol.WatchRequest(flow="f", port="a:out")) for token in tokens]
    for watch in watches[:3]:
        await anext(watch)

    error = await refused(anext(watches[3]))
    another = house.with_(await house.token(EDITOR)).watch(protocol.WatchRequest(flow="f", port="a:out"))
    await anext(another)  # another account
    await watches[0].aclose()
    await eventually(lambda: house.module.watching == 3)
    await anext(watches[4])
    for watch in (*watches, another):
        await watch.aclose()

    assert len(set(tokens)) == 5
    assert error.code == "TF-187"
    assert f"Account '{VIEWER}' of namespace '{house.namespace}' holds 3 streams" in str(error)


async def test_a_gateway_that_ends_says_so_to_who_watches_and_finishes_calls(kube, namespace):
    async with opened(kube, namespace) as house:
        remote = house.with_(await house.token(VIEWER))
        watch = remote.watch(protocol.WatchRequest(flow="f", port="a:out"))
        await anext(watch)
        house.watches.append(asyncio.ensure_future(refused(to_its_end(watch))))

    error = house.watches[0].result()
    assert (type(error), error.code) == (ModuleUnavailable, "TF-163")
    assert "The gateway ends" in str(error)
