"""The wire, with a double that answers what a module would: a Served, through the real gRPC."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import subprocess
import sys

import grpc
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable, NodeError, PayloadError
from tinyflow_runtime.rpc.grpc_options import KNOWING
from tinyflow_runtime.rpc.health import NOT_SERVING, SERVICE_UNKNOWN, SERVING, Health, ask_for
from tinyflow_runtime.wire import Remote, dial, serve


class Double:
    """Accepts what it is sent, and refuses what it is told to."""

    def __init__(self, refuses=None):
        self.got = []
        self.plans = []
        self.refuses = refuses
        self.watching = asyncio.Event()
        self.unwatched = asyncio.Event()

    async def describe(self, request):
        return protocol.Description(module="double", components=[protocol.Component(name="echo")])

    async def apply(self, plan):
        self.plans.append(plan)
        return protocol.Applied(hash=plan.hash)

    async def send(self, batch):
        if self.refuses:
            raise self.refuses
        self.got += [message.to for message in batch.messages]
        return protocol.Accepted(count=len(batch.messages))

    async def deliver(self, stream):
        await stream.read()
        raise self.refuses

    async def watch(self, request):
        self.watching.set()
        try:
            yield protocol.Seen(message=protocol.Message(to=request.port, payload=b"\x01"))
            await asyncio.Event().wait()
        finally:
            self.unwatched.set()


@contextlib.asynccontextmanager
async def connected(module, address="127.0.0.1:0"):
    async with serve(module, address) as bound:
        remote = Remote(bound)
        try:
            yield remote
        finally:
            await remote.close()


def batch(*ports):
    return protocol.Batch(messages=[protocol.Message(flow="sums", to=port) for port in ports])


async def test_a_batch_arrives_in_order():
    module = Double()

    async with connected(module) as remote:
        accepted = await remote.send(batch("a:in", "b:in", "a:in"))

    assert module.got == ["a:in", "b:in", "a:in"]
    assert accepted.count == 3


async def test_a_module_is_reached_by_a_socket_file(tmp_path):
    module = Double()

    async with connected(module, f"unix:{tmp_path}/module.sock") as remote:
        description = await remote.describe()

    assert [part.name for part in description.components] == ["echo"]


async def test_an_error_of_the_module_is_the_same_error_here():
    refusal = NodeError("TF-107", "There is no node 'dubble'.", "Did you mean 'double'?", where="flow sums")

    async with connected(Double(refuses=refusal)) as remote:
        with pytest.raises(NodeError) as caught:
            await remote.send(batch("dubble:in"))

    assert str(caught.value) == str(refusal)
    assert caught.value.code == "TF-107"


async def test_an_error_too_long_for_the_wire_is_cut_and_still_ours():
    async with connected(Double(refuses=PayloadError("TF-123", "x" * 100_000, "y" * 100_000))) as remote:
        with pytest.raises(PayloadError, match="TF-123 xxx"):
            await remote.send(batch("a:in"))


async def write_for_ever(stream):
    while True:
        await stream.write(protocol.Dispatch())


async def test_who_writes_on_a_stream_is_told_why_it_was_ended_as_who_reads_is():
    refused, told = NodeError("TF-107", "There is no such edge.", "Add it."), []

    async with serve(Double(refuses=refused), "127.0.0.1:0") as address:
        for _ in range(20):  # gRPC fails the write before it has read why, two times out of three
            async with dial(address) as stream:
                with pytest.raises(NodeError) as ended:
                    await write_for_ever(stream)
                told += [str(ended.value)]
                with pytest.raises(NodeError):
                    await stream.read()

    assert set(told) == {str(refused)}


async def test_a_module_that_is_not_there_is_unavailable():
    remote = Remote("127.0.0.1:1")

    with pytest.raises(ModuleUnavailable, match=r"TF-163 .* 127\.0\.0\.1:1"):
        await remote.describe()

    await remote.close()


async def test_a_watch_that_is_closed_ends_at_the_module_too():
    module = Double()

    async with connected(module) as remote:
        watch = remote.watch(protocol.WatchRequest(flow="sums", port="a:out"))
        seen = await anext(watch)
        await watch.aclose()
        async with asyncio.timeout(5):
            await module.unwatched.wait()

    assert seen.message.to == "a:out"


async def test_a_server_answers_the_standard_health_check():
    async with connected(Double()) as remote:
        serving = await remote.serving()

    assert serving


async def test_health_is_watched_and_asked_by_service():
    async with connected(Double()) as remote:
        known = await remote.health("tinyflow.v1alpha1.Module")
        unknown = await remote.health("somebody.else")

    assert (known, unknown) == (True, False)


async def test_who_watches_health_is_told_when_it_turns():
    health = Health("a.Service")
    told = health.watch(ask_for("a.Service"))

    before = await anext(told)
    health.turn(serving=False)
    after = await anext(told)
    stranger = health.status(ask_for("another.Service"))

    assert (before, after, stranger) == (SERVING, NOT_SERVING, SERVICE_UNKNOWN)


async def test_a_method_that_the_server_lacks_is_said_to_be_unknown():
    async with connected(Double()) as remote:
        with pytest.raises(ModuleUnavailable, match=r"TF-151 .* does not know Look"):
            await remote.look(protocol.LookRequest(flow="sums", port="a:out"))


async def test_a_socket_file_is_its_owners_alone(tmp_path):
    async with serve(Double(), f"unix:{tmp_path}/module.sock"):
        mode = stat.S_IMODE((tmp_path / "module.sock").stat().st_mode)

    assert oct(mode) == "0o600"


async def test_a_socket_with_a_path_too_long_for_the_system_is_refused(tmp_path):
    with pytest.raises(OSError, match="at most 100 bytes"):
        async with serve(Double(), f"unix:{tmp_path}/{'x' * 100}"):
            pass


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:50051"])
async def test_nothing_listens_beyond_this_machine(address):
    with pytest.raises(ValueError, match="reachable from other machines"):
        async with serve(Double(), address):
            pass


@pytest.mark.parametrize("address", ["127.0.0.1:65536", "127.0.0.1:", "localhost:http", "127.0.0.1:1,0.0.0.0:2"])
async def test_what_is_no_port_is_refused(address):
    with pytest.raises(ValueError, match=r"is no port|no address"):
        async with serve(Double(), address):
            pass


async def test_an_address_that_is_taken_is_said_so():
    async with serve(Double(), "127.0.0.1:0") as bound:
        with pytest.raises(OSError, match="cannot listen"):
            async with serve(Double(), bound):
                pass


HANGING = """
import asyncio, sys
from tinyflow_runtime.hosting.lifeline import until_ended
asyncio.run(until_ended(asyncio.sleep(3600), leash=True))
"""


def test_a_program_on_a_leash_ends_when_its_parent_does():
    # The parent starts it, tells its pid and is killed; nobody else holds the other end of the pipe.
    parent = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {HANGING!r}], stdin=subprocess.PIPE)
print(child.pid, flush=True)
time.sleep(3600)
"""
    started = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    child = int(started.stdout.readline())

    started.kill()
    started.communicate()

    assert _gone(child, within=10)


def _gone(pid, *, within):
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=within)
    return not psutil.pid_exists(pid)


async def test_a_client_whose_pings_come_early_keeps_its_calls():
    hasty = (("grpc.keepalive_time_ms", 1_000), ("grpc.http2.max_pings_without_data", 0))
    async with serve(Double(), "127.0.0.1:0") as address, grpc.aio.insecure_channel(address, options=hasty) as channel:
        watch = channel.unary_stream("/tinyflow.v1alpha1.Module/Watch")
        call = watch(protocol.WatchRequest(flow="f", port="a:out").SerializeToString(), timeout=7)
        await call.read()

        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await call.read()

    assert ended.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


CALLS_ITSELF = """
import asyncio, os
before = dict(os.environ)
from tinyflow_runtime.rpc import transport

async def answer(request, _call):
    return request

async def main():
    echo = transport.service("Echo", {"say": transport.handler(answer)})
    async with transport.serving("127.0.0.1:0", echo, credentials=None, grace=0) as address:
        async with transport.channel(address, (), None, None) as channel:
            print((await transport.caller(channel, "/Echo/say")(b"said")).decode(), dict(os.environ) == before)

asyncio.run(main())
"""


@pytest.mark.parametrize("word", ["", "event_engine_client"])
def test_no_pool_of_threads_stands_between_a_socket_and_who_waits_for_it_unless_a_person_says_so(word):
    told = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    told |= {"GRPC_VERBOSITY": "debug", "GRPC_TRACE": "event_engine_endpoint"}
    if word:
        told["GRPC_EXPERIMENTS"] = word

    ran = subprocess.run([sys.executable, "-c", CALLS_ITSELF], env=told, capture_output=True, text=True, timeout=30)

    assert ran.stdout == "said True\n"
    assert "Unknown experiment" not in ran.stderr  # a gRPC that knows them no more: take it out of KNOWING
    if grpc.__version__.rpartition(".")[0] in KNOWING:  # others have no such pool, or no such word
        assert ("posix_endpoint" in ran.stderr) == bool(word), ran.stderr
