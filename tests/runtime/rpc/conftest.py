"""A module process that listens with TLS, and whoever calls it: a client of gRPC's own, or one of ours."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.rpc.answers import ERROR
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.envelope import open_envelope
from tinyflow_runtime.rpc.identity import OPERATOR
from tinyflow_runtime.rpc.methods import METHODS, SERVICE
from tinyflow_runtime.wire import Remote

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import WANTED, Authority

CELL = """
from tinyflow_runtime.module import Module

module = Module("wanted")

@module.component
def double(x: int) -> int:
    return 2 * x
"""


class Server:
    """A server that somebody of an authority is; what one test sees of it.

    Args:
        address: Empty where a test serves by itself.
        log: The file that its process writes to.
    """

    def __init__(self, folder, authority, address="", log=None):
        self.folder, self.authority, self.address, self.log = folder, authority, address, log
        self.trusted = authority.pem
        self._before = 0 if log is None else len(log.read_text())

    def lines(self):
        return self.log.read_text()[self._before :]

    def credentials(self, identity, *, authority=None, **more):
        place = self.folder / f"{identity.role}-{identity.namespace}-{identity.name}-{id(more):x}"
        return Credentials((authority or self.authority).of(identity, place, **more))

    def issue(self, identity):
        """What proves an identity to it."""
        return self.authority.issue(identity.uri, identity.host)

    async def said(self, text):
        """Wait until its log holds a text."""
        async with asyncio.timeout(10):
            while text not in self.lines():  # noqa: ASYNC110 # it is another process
                await asyncio.sleep(0.02)

    async def asked(self, pems, method="Describe", message=None):
        """What gRPC's own client is told, and the error of ours that came along; without PEMs it proves nothing."""
        secured = grpc.ssl_channel_credentials(self.trusted, *(pems[1::-1] if pems else ()))
        options = (("grpc.ssl_target_name_override", WANTED.host), ("grpc.use_local_subchannel_pool", 1))
        async with grpc.aio.secure_channel(self.address, secured, options=options) as channel:
            return await called(channel, method, message)

    async def asked_in_the_clear(self, method="Describe"):
        async with grpc.aio.insecure_channel(self.address) as channel:
            return await called(channel, method)

    async def delivered(self, pems, says, edge="e"):
        """The first answer to a writer that opens an edge; or the status, and the error, when it is broken off."""
        return await self.asked(pems, "Deliver", hello(says, edge))

    async def refused(self, credentials, *, wanted=WANTED, address=""):
        """What a client of ours says."""
        remote = Remote(address or self.address, credentials=credentials, wanted=wanted)
        try:
            with pytest.raises(ModuleUnavailable) as refused:
                await remote.describe()
        finally:
            await remote.close()
        return refused.value


async def called(channel, method, message=None):
    kind = METHODS[method]
    shape = f"{'stream' if kind.asked else 'unary'}_{'stream' if kind.answered else 'unary'}"
    made = getattr(channel, shape)(
        f"/{SERVICE}/{method}",
        request_serializer=kind.request.SerializeToString,
        response_deserializer=kind.answer.FromString,
    )
    request = kind.request() if message is None else message
    try:
        if kind.asked:
            stream = made(iter([request]))
            answer = await stream.read()
            stream.cancel()
        elif kind.answered:
            stream = made(request, timeout=10)
            answer = await stream.read()
            stream.cancel()
        else:
            answer = await made(request, timeout=10)
    except grpc.aio.AioRpcError as error:
        if (error.details() or "").startswith("Internal error from Core"):
            return await called(channel, method, message)  # it was sending when the server ended, and lost why
        carried = dict(error.trailing_metadata() or ()).get(ERROR)
        return error.code().name, open_envelope(carried) if carried else None
    return "OK", answer


def hello(module, edge="e"):
    """What a writer begins with."""
    return protocol.Dispatch(
        hello=protocol.Hello(writer="w", module=module, stream=1),
        opens=[protocol.Open(number=1, flow="f", edge=edge, epoch=1)],
    )


@contextlib.asynccontextmanager
async def process(folder, *arguments, name="wanted"):
    cell = folder / "cell.py"
    cell.write_text(CELL)
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tinyflow_runtime", "module", name, str(cell), "--leash", *map(str, arguments)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        line = (await process.stdout.readline()).decode()
        yield line.removeprefix("listening at ").strip()
    finally:
        process.stdin.close()
        await process.communicate()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One process for all, for they come to nothing there."""
    folder, authority = tmp_path_factory.mktemp("served"), Authority()
    (folder / "cell.py").write_text(CELL)
    command = [sys.executable, "-m", "tinyflow_runtime", "module", "wanted", folder / "cell.py", "--leash"]
    command += ["--tls", authority.of(WANTED, folder / "own"), "--listen", "0.0.0.0:0"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
    try:
        port = process.stdout.readline().decode().rpartition(":")[2]
        server = Server(folder, authority, f"127.0.0.1:{int(port)}", folder / "log")
        asyncio.run(_plan(server))
        yield server
    finally:
        process.communicate()


async def _plan(server):
    remote = Remote(server.address, credentials=server.credentials(OPERATOR), wanted=WANTED)
    edge = protocol.Incoming(flow="f", edge="e", from_module="neighbour", to="it:in")
    node = protocol.Node(flow="f", name="it", component="double")
    await remote.apply(protocol.Plan(hash="1", nodes=[node], incoming=[edge]))
    await remote.close()


@pytest.fixture
def served(shared, tmp_path):
    """A module process that runs a node, into which one edge leads from the neighbour."""
    return Server(tmp_path, shared.authority, shared.address, shared.log)


@pytest.fixture
def unserved(tmp_path):
    """Nobody yet: the test serves."""
    return Server(tmp_path, Authority())


@pytest.fixture(name="process")
def _process():
    """Runs a module in a process of its own; yields the address, or nothing where it does not start."""
    return process


@pytest.fixture(name="hello")
def _hello():
    """Makes what a writer begins with."""
    return hello
