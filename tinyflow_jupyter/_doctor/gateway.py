"""The gateway, spoken to as a notebook does: over a port-forward, with its own handshake and a viewer's token."""

from __future__ import annotations

import asyncio
import time

from tinyflow_runtime.errors import ClusterError, ModuleUnavailable
from tinyflow_runtime.resources.documents import VERSION
from tinyflow_runtime.resources.names import GATEWAY
from tinyflow_runtime.rpc.gateway import no_module

from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._cluster.forward import way_to
from tinyflow_jupyter._cluster.gateway import Gateway
from tinyflow_jupyter._cluster.operators import HOMES
from tinyflow_jupyter._cluster.refusals import Refused
from tinyflow_jupyter._cluster.rights import Right, may

from .finding import Finding
from .installed import INSTALL, Home, counted, running
from .server import PAGE, Server

ANSWER = 8.0  # seconds for the gateway, which is reached by several connections
NOBODY = "-"  # no module can be called so
# What it takes to reach the gateway: websockets are opened with GET, and newer servers ask for create too.
WANTED = (
    Right("list", "pods"),
    Right("get", "pods/portforward"),
    Right("create", "pods/portforward"),
    Right("get", "services", name=GATEWAY),
    Right("get", "configmaps", name=GATEWAY),
)


def gateway(server: Server, home: Home) -> list[Finding]:
    """Whether notebooks can reach modules through the gateway."""
    found = home.deployment(GATEWAY)
    if found is None and not (home.hidden and home.namespace):  # flows name it, to whom may not look at it too
        if home.hidden:
            bind = f"create rolebinding looks --role=tinyflow-gateway-user {server.who()}"
            fix = f"kubectl -n {HOMES[0]} {bind}  # who runs the cluster says it, in the operator's namespace"
            return [Finding("warn", "gateway", "You may not look at the namespace in which it could be.", fix)]
        if not home.namespace:
            return [Finding("bad", "gateway", "There is none: no running flow can be looked at.", INSTALL)]
        what = f"There is none in {home.namespace!r}: flows run, and cannot be looked at."
        return [Finding("bad", "gateway", what, INSTALL)]
    finding = running("gateway", found) if found is not None else None
    if finding is not None:
        return [finding]
    missing = [str(right) for right in WANTED if not may(server, home.namespace, right)]
    if missing:
        fix = f"kubectl -n {home.namespace} create rolebinding looks --role=tinyflow-gateway-user {server.who()}"
        what = f"It runs in {home.namespace!r}, where you may not: {', '.join(missing)}."
        return [Finding("bad", "gateway", what, f"{fix}  # who runs the cluster says it")]
    modules = server.ask(f"/apis/{VERSION}/namespaces/{server.login.namespace}/tinymodules", {"limit": str(PAGE)}).items
    serving = [str(each["metadata"]["name"]) for each in modules if (each.get("status") or {}).get("address")]
    module = next(iter(serving), "")
    began = time.monotonic()
    said = asyncio.run(speak(server.api, f"{home.namespace}/{GATEWAY}", module))
    took = (time.monotonic() - began) * 1000
    where = f"{counted(found)} in" if found is not None else "in"
    return [Finding("ok", "gateway", f"{where} namespace {home.namespace!r}; it {said} in {took:.0f} ms")]


async def speak(api: Api, service: str, module: str) -> str:
    """Speak to the gateway as a notebook does, with a viewer's token, and ask it for a module; returns what it did.

    Args:
        module: Its name; empty where none serves, and then one is asked for that nobody has.

    Raises:
        TinyFlowError: There is no way to it, it does not prove who it is, or it does not let us pass; and why.
    """
    gateway = Gateway(api, service, way_to(api, service))
    try:
        return await _spoken(gateway, api.namespace, module)
    except ModuleUnavailable as error:
        if error.code == "TF-163" and gateway.trouble is not None:
            raise gateway.trouble from None
        raise
    finally:
        await gateway.close()


async def _spoken(gateway: Gateway, namespace: str, module: str) -> str:
    try:
        await (await gateway.remote(module or NOBODY)).describe(timeout=ANSWER)
        return f"reached module {module!r}"
    except ModuleUnavailable as error:
        if error.what != no_module(namespace, NOBODY):
            raise
        return "took your token"
    except Refused as error:
        if error.status != 404:
            raise
    # The operator makes the account with the first flow. Without a token a gateway tells who it is, and no more.
    try:
        await (await gateway.remote(NOBODY, shown=False)).describe(timeout=ANSWER)
    except ClusterError as error:
        if error.code != "TF-185":
            raise
    return "answered"
