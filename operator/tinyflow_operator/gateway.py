"""The gateway: lets notebooks reach module servers, each with a token that says how far; what it relays stays bytes."""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tinyflow_runtime.errors import ClusterError, ModuleUnavailable, TinyFlowError
from tinyflow_runtime.hosting.lifeline import until_ended
from tinyflow_runtime.rpc import transport
from tinyflow_runtime.rpc.answers import ERROR
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.envelope import seal, status_of
from tinyflow_runtime.rpc.gateway import MODULE, NAMESPACE, token_of
from tinyflow_runtime.rpc.grpc_options import LARGEST
from tinyflow_runtime.rpc.identity import GATEWAY
from tinyflow_runtime.rpc.methods import METHODS, SERVICE

from tinyflow_operator.addresses import Addresses
from tinyflow_operator.kube import Kube
from tinyflow_operator.lines import IDLE, Line, Lines
from tinyflow_operator.passes import Pass, Passes, refuse_always

log = logging.getLogger(__name__)

# Streams of one account: each port that somebody waits at is one, and a class of forty has twenty each. In
# all they take 50 MiB. Less than CALLS: a notebook that has them all is told so, and does not wait in silence.
STREAMS = 800
CALLS = 1_000  # of one connection at a time; who makes more waits
AGAIN = 15.0  # seconds between two looks whether the token of a stream is still good
GRACE = 5.0  # seconds for calls to end when the gateway does
OPTIONS: transport.Options = (
    ("grpc.max_send_message_length", LARGEST),
    ("grpc.max_concurrent_streams", CALLS),
    ("grpc.max_metadata_size", 32 * 1024),  # a token is longer than most
)


class Gateway:
    """Relays the calls of module.proto to the module that their metadata names, as far as their token lets them.

    Args:
        passes: Says what a token is good for.
        addresses: Says where modules are.
        credentials: Prove to callers and to modules who we are; without them nothing is encrypted.
    """

    def __init__(self, passes: Passes, addresses: Addresses, credentials: Credentials | None = None) -> None:
        self._passes, self._addresses, self._credentials = passes, addresses, credentials
        self.lines = Lines(credentials)
        self._streams: collections.Counter[tuple[str, str]] = collections.Counter()  # of a namespace's account
        self._ending = asyncio.Event()

    @contextlib.asynccontextmanager
    async def serve(self, address: str) -> AsyncIterator[str]:
        """Serve until the block ends; yields the address, with the port that was found for port 0.

        At the end streams are told to begin anew elsewhere, and other calls have some seconds to end.

        Raises:
            ValueError: Without certificates nothing listens beyond this machine. OSError: It cannot be listened at.
        """
        service = transport.service(SERVICE, self._handlers())
        # Notebooks have no certificates: they prove who they are by a token in each call.
        serving = transport.serving(
            address, service, credentials=self._credentials, mutual=False, grace=GRACE, options=OPTIONS
        )
        try:
            async with serving as bound:
                try:
                    yield bound
                finally:
                    self._ending.set()
        finally:
            await self.lines.close()

    def _handlers(self) -> dict[str, Any]:  # grpc has no types
        """All methods there are, without a word of what they carry: bytes come, and bytes go."""
        return {
            name: transport.handler(
                (self._many if method.answered else self._one)(name), asked=method.asked, answered=method.answered
            )
            for name, method in METHODS.items()
        }

    def _one(self, name: str) -> Callable[[bytes, Any], Any]:
        async def relay(request: bytes, context: Any) -> Any:
            try:
                _, _, to = await self._admitted(name, context)
                with to as line, _failing(line, name):
                    async with line.connection.channel() as channel:
                        call = transport.caller(channel, f"/{SERVICE}/{name}")
                        return await call(request, timeout=context.time_remaining())
            except (TinyFlowError, _Failed) as error:
                await _abort(context, error)

        return relay

    def _many(self, name: str) -> Callable[[bytes, Any], Any]:
        async def relay(request: bytes, context: Any) -> None:
            try:
                holder, token, to = await self._admitted(name, context)
                with self._counted(holder), to as line, _failing(line, name):
                    async with line.connection.channel() as channel:
                        call = transport.caller(channel, f"/{SERVICE}/{name}", answered=True)
                        await self._while_good(call(request, timeout=context.time_remaining()), context, token)
            except (TinyFlowError, _Failed) as error:
                await _abort(context, error)

        return relay

    async def _admitted(self, name: str, context: Any) -> tuple[Pass, str, contextlib.AbstractContextManager[Line]]:
        """Who calls, with which token, and the connection to the module that is meant.

        Raises:
            ClusterError: TF-185, TF-186. ModuleUnavailable: TF-163, the module is not there.
        """
        refuse_always(name)
        words = dict(context.invocation_metadata() or ())
        token = token_of(words)
        holder = await self._passes.of(token)
        namespace, module = str(words.get(NAMESPACE, "")), str(words.get(MODULE, ""))
        holder.refuse(name, namespace)
        return holder, token, self.lines.to(namespace, module, self._addresses.of(namespace, module))

    @contextlib.contextmanager
    def _counted(self, holder: Pass) -> Iterator[None]:
        """Count a stream of an account: tokens there are as many as somebody asks for."""
        account = holder.namespace, holder.account
        if self._streams[account] >= STREAMS:
            held = f"holds {STREAMS:,} streams open at the gateway, and may hold no more"
            what = f"Account {holder.account!r} of namespace {holder.namespace!r} {held}."
            raise ClusterError("TF-187", what, "Let go of ports that nobody waits at.")
        self._streams[account] += 1
        try:
            yield
        finally:
            self._streams[account] -= 1
            if not self._streams[account]:
                del self._streams[account]

    async def _while_good(self, call: Any, context: Any, token: str) -> None:
        """Pass on what a stream answers, until its token is no longer good or the gateway ends.

        Raises:
            ClusterError: TF-185. ModuleUnavailable: TF-163, the gateway ends. CallFailed: The module's own.
        """
        over: Exception | None = None
        async with asyncio.TaskGroup() as tasks:
            guard = tasks.create_task(self._no_longer_good(token))
            guard.add_done_callback(lambda _: call.cancel())
            try:
                async for answer in call:
                    await context.write(answer)
            except transport.CallFailed as error:
                over = error
            except asyncio.CancelledError:
                if not guard.done():
                    raise  # it was the notebook that left
                over = guard.result()
            finally:
                call.cancel()
                guard.cancel()
        if over is not None:
            raise over

    async def _no_longer_good(self, token: str) -> TinyFlowError:
        """Returns why, once a stream has to end."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self._ending.wait()
                return ModuleUnavailable("TF-163", "The gateway ends.", "Another one takes its place; try again.")
            try:
                await self._passes.of(token)
            except ClusterError as error:
                if error.code == "TF-185":
                    return error
                # The API server is away, and a stream that was good is better than none.


class _Failed(Exception):
    """A call to a module failed, over this line."""

    def __init__(self, line: Line, name: str, error: Any) -> None:  # one of transport's CallFailed
        self.line, self.name, self.error = line, name, error


@contextlib.contextmanager
def _failing(line: Line, name: str) -> Iterator[None]:
    try:
        yield
    except transport.CallFailed as error:
        raise _Failed(line, name, error) from None


async def _abort(context: Any, error: TinyFlowError | _Failed) -> None:
    """End a call with what went wrong: an error of ours whole, a module's as it came."""
    if isinstance(error, _Failed):
        failed, status = error.error, error.error.code().name
        carried = dict(failed.trailing_metadata() or ()).get(ERROR)
        if carried or status != "UNAVAILABLE":
            trailing = ((ERROR, carried),) if carried else ()
            return await transport.abort(context, status, (failed.details() or "")[:1000], trailing)
        error = await error.line.connection.why(failed, error.line.name, error.name)
    status = _STATUS.get(error.code) or status_of(error)
    await transport.abort(context, status, f"{error.code} {error.what}"[:1000], ((ERROR, seal(error)),))


_STATUS = {"TF-185": "UNAUTHENTICATED", "TF-186": "PERMISSION_DENIED", "TF-187": "RESOURCE_EXHAUSTED"}
_STATUS |= {"TF-161": "UNAVAILABLE", "TF-162": "UNAVAILABLE"}  # whoever asks has done nothing wrong


def main(arguments: Sequence[str]) -> None:
    """Serve the gateway: notebooks reach live ports through it, with tokens of the cluster."""
    parser = argparse.ArgumentParser(prog="tinyflow operator gateway", description=main.__doc__)
    parser.add_argument("--namespace", default="", help="let only this one be reached; all of them unless given")
    parser.add_argument(
        "--listen", default="127.0.0.1:7444", help="unix:/path or 127.0.0.1:PORT, with --tls any (%(default)s)"
    )
    parser.add_argument(
        "--tls", type=Path, metavar="DIR", help="tls.crt, tls.key, ca.crt: prove that we are the gateway"
    )
    parser.add_argument("--leash", action="store_true", help="end when standard input does, so with whoever started it")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    credentials = _credentials(options.tls) if options.tls else None
    asyncio.run(until_ended(_work(options.namespace, options.listen, credentials), leash=options.leash))


def _credentials(folder: Path) -> Credentials:
    """What proves that we are the gateway.

    Raises:
        ClusterError: TF-160, it is made out to somebody else. ModuleUnavailable: TF-155, it cannot be used.
    """
    credentials = Credentials(folder)
    if credentials.identity != GATEWAY:
        what = f"The certificate in {folder} is for {credentials.identity}, and not for the gateway."
        raise ClusterError("TF-160", what, "Mount the Secret tinyflow-gateway-tls there.")
    return credentials


async def _work(namespace: str, listen: str, credentials: Credentials | None) -> None:
    trouble: ClusterError | None = None
    async with Kube.of_this_machine() as kube, asyncio.TaskGroup() as tasks:
        addresses = Addresses(kube, namespace)
        following = tasks.create_task(addresses.run())
        try:
            await addresses.synced.wait()
            gateway = Gateway(Passes(kube), addresses, credentials)
            async with gateway.serve(listen) as bound:
                print(f"listening at {bound}", flush=True)  # whoever started us waits for this line
                while True:
                    await asyncio.sleep(IDLE)
                    await gateway.lines.tidy()
        except (ValueError, OSError) as error:
            trouble = ClusterError("TF-160", f"The gateway cannot be served: {error}.", "Choose another address.")
        finally:
            following.cancel()
    if trouble is not None:
        raise trouble
