"""Port-forward: a connection to a pod's port through the API server, as ``kubectl port-forward`` makes one.

The official client has this too, on a thread of its own; there, a connection that breaks ends the thread with a
traceback on the user's screen, a server that hangs is waited for without end, and what is sent piles up without bound.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.resources.documents import Document

from .api import CONNECT, Api
from .bridge import Way
from .refusals import forwarding_refused, unreachable

if TYPE_CHECKING:
    import aiohttp

PROTOCOL = "v4.channel.k8s.io"  # each message begins with the number of a channel: 0 the bytes, 1 what is wrong
DATA, TROUBLE = 0, 1
GOODBYE = 0.05  # seconds in which a TLS connection that was left in the middle closes; the session does not await it
FAREWELL = 0.2  # seconds to end a connection: who hangs does not answer


class Forwarded:
    """A connection to a port of a pod. Use it on one event loop."""

    def __init__(self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, pod: str) -> None:
        self._session, self._socket, self._pod = session, socket, pod
        self._begun: set[int] = set()

    async def read(self) -> bytes:
        from aiohttp import WSMsgType

        while True:
            message = await self._socket.receive()
            if message.type is not WSMsgType.BINARY:
                if message.type is WSMsgType.ERROR:
                    raise _broken(self._pod, str(message.data))
                return b""  # it was closed; a text means nothing here, and is no byte of ours
            channel, data = message.data[:1], bytes(message.data[1:])
            number = channel[0] if channel else DATA
            if number not in self._begun:
                self._begun.add(number)  # the first message of each channel repeats the port
            elif number == TROUBLE:
                raise _broken(self._pod, data.decode("utf-8", "replace"))
            elif data:
                return data

    async def write(self, data: bytes) -> None:
        try:
            await self._socket.send_bytes(bytes((DATA,)) + data)
        except (ConnectionError, RuntimeError) as error:
            raise _broken(self._pod, str(error)) from None

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(FAREWELL):
                await self._socket.close()
        await self._session.close()
        await asyncio.sleep(GOODBYE)


def way_to(api: Api, service: str) -> Way:
    """The way to a ready pod of a Service, ``namespace/name``; each connection may go to another."""

    async def way() -> Forwarded:
        namespace, _, name = service.partition("/")
        pod, port = await asyncio.to_thread(_pod, api, namespace, name)
        return await _forward(api, namespace, pod, port)

    return way


def _pod(api: Api, namespace: str, name: str) -> tuple[str, int]:
    """A ready pod of a Service, and the port that it listens at.

    Raises:
        ModuleUnavailable: TF-163, there is none. ClusterError: TF-161, TF-162.
    """
    service = api.get("Service", name, namespace=namespace)
    if service is None:
        what = f"The gateway {namespace}/{name} that the flow speaks of is not on {api.context} any more."
        raise ModuleUnavailable("TF-163", what, "Ask who runs the cluster; the chart tinyflow-operator installs it.")
    spec = service["spec"]
    selector = ",".join(f"{key}={value}" for key, value in (spec.get("selector") or {}).items())
    pods = api.objects("Pod", label=selector, namespace=namespace) if selector else []
    ready = [pod for pod in pods if _is_ready(pod)]
    if not ready:
        what = f"None of {len(pods)} pods of the gateway {namespace}/{name} is ready."
        raise ModuleUnavailable("TF-163", what, f"Look: kubectl -n {namespace} get pods.")
    pod = random.choice(ready)  # not all notebooks at one
    port = (spec.get("ports") or [{}])[0]
    target = port.get("targetPort", port.get("port", 0))
    return str(pod["metadata"]["name"]), target if isinstance(target, int) else _named(pod, str(target))


def _is_ready(pod: Document) -> bool:
    conditions: Iterable[Document] = (pod.get("status") or {}).get("conditions") or ()
    leaving = pod["metadata"].get("deletionTimestamp")
    return not leaving and any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def _named(pod: Document, name: str) -> int:
    ports = (port for one in pod["spec"].get("containers") or () for port in one.get("ports") or ())
    return next((int(port["containerPort"]) for port in ports if port.get("name") == name), 0)


async def _forward(api: Api, namespace: str, pod: str, port: int) -> Forwarded:
    """A connection to a pod's port.

    Raises:
        ClusterError: TF-161, one may not; TF-162, the API server is away. ModuleUnavailable: TF-163, the pod is gone.
    """
    import aiohttp

    login = api.login
    url = f"{api.host}/api/v1/namespaces/{namespace}/pods/{pod}/portforward?ports={port}"
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=login.tls()))
    try:
        async with asyncio.timeout(2 * CONNECT):
            socket = await session.ws_connect(
                url,
                protocols=(PROTOCOL,),
                headers=await asyncio.to_thread(login.headers),  # a login program may be asked
                max_msg_size=0,
                proxy=login.proxy,
                server_hostname=login.server_name,
            )
    except BaseException as error:
        await session.close()
        raise _refusal(api, namespace, pod, error) from None
    return Forwarded(session, socket, pod)


def _refusal(api: Api, namespace: str, pod: str, error: BaseException) -> BaseException:
    import aiohttp

    if isinstance(error, aiohttp.WSServerHandshakeError):
        if error.status in (404, 500, 502, 503, 504):  # of the pod, or of the machine that it runs on
            return _broken(pod, f"{error.status} {error.message}")
        return forwarding_refused(api.context, namespace, error.status)
    if isinstance(error, TimeoutError):
        return unreachable(api.context, api.host, TimeoutError("it took too long"))
    if isinstance(error, aiohttp.ClientError | OSError):
        return unreachable(api.context, api.host, error)
    return error


def _broken(pod: str, why: str) -> TinyFlowError:
    what = f"The connection to the gateway's pod {pod!r} broke: {(why or 'it was closed').strip()[:200].rstrip('.')}."
    return ModuleUnavailable("TF-163", what, "It is made again.")
