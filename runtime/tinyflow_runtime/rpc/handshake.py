"""A handshake that tells why there is no connection: gRPC says no more than "Socket closed"."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path
from typing import Any

from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.rpc.credentials import CERTIFICATE, KEY, TRUSTED, Credentials, identity_in
from tinyflow_runtime.rpc.identity import Identity

__all__ = ["why_not"]

PATIENCE = 1.0  # seconds for all of it; who is slower is told as unreachable
NOT_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "BAD_RECORD_TYPE")
TOO_OLD = ("TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE")


async def why_not(
    address: str, credentials: Credentials | None, wanted: Identity | None, trusted: bytes = b""
) -> TinyFlowError | None:
    """Why TLS between the two ends fails at an address; None when it does not, or nobody is there.

    Args:
        credentials: Of ours; None where we would speak without TLS.
        wanted: Who has to be there.
        trusted: Authorities it is judged by where we have no credentials.
    """
    if wanted is None or (credentials is None and not trusted):
        return await _speaks_tls(address)
    try:
        # From the files: what we hold may have expired since, and the newest that are there cannot be used.
        context = _context(credentials.folder if credentials is not None else None, trusted)
    except (OSError, ssl.SSLError):
        return None
    try:
        async with asyncio.timeout(PATIENCE), _connected(address, context, wanted.host) as (reader, shaken):
            found = identity_in(shaken.getpeercert() or {})
            if found != wanted:
                who = "somebody that TinyFlow does not know" if found is None else str(found)
                return _refused(f"at {address} is {who}, and {wanted} was wanted", "Look which address it has.")
            return None if await reader.read(1) or credentials is None else _hung_up(credentials, wanted)
    except ssl.SSLCertVerificationError as error:
        what = f"the certificate of {wanted} at {address} is not accepted: {error.verify_message}"
        return _refused(what, "Look at its certificate, at ours, and at both clocks.")
    except ssl.SSLError as error:
        return _of_tls(error, address, wanted)
    except ConnectionResetError:
        return None if credentials is None else _hung_up(credentials, wanted)
    except (OSError, TimeoutError):
        return None


async def _speaks_tls(address: str) -> TinyFlowError | None:
    """Whether it is TLS that is spoken at an address; nothing is sent there that would not be sent to anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError, TimeoutError):  # ssl.SSLError is one
        async with asyncio.timeout(PATIENCE), _connected(address, context, ""):
            return _refused(f"{address} speaks TLS, and we have no certificate", "Say where ours is.")
    return None


def _context(folder: Path | None, trusted: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if folder is None:
        context.load_verify_locations(cadata=trusted.decode("ascii", "replace"))
    else:
        context.load_verify_locations(folder / TRUSTED)
        context.load_cert_chain(folder / CERTIFICATE, folder / KEY, password="")
    context.check_hostname = False  # compared below, to tell who it is instead
    context.set_alpn_protocols(["h2"])
    return context


@contextlib.asynccontextmanager
async def _connected(address: str, context: ssl.SSLContext, host: str) -> Any:
    if address.startswith("unix:"):
        made = asyncio.open_unix_connection(address.removeprefix("unix:"), ssl=context, server_hostname=host)
    else:
        at, _, port = address.rpartition(":")
        made = asyncio.open_connection(at.strip("[]"), int(port), ssl=context, server_hostname=host)
    reader, writer = await made
    try:
        yield reader, writer.get_extra_info("ssl_object")
    finally:
        writer.transport.abort()


def _of_tls(error: ssl.SSLError, address: str, wanted: Identity) -> TinyFlowError:
    if error.reason in NOT_TLS:
        return _refused(f"what listens at {address} does not speak TLS, so it is not {wanted}", "Start it with --tls.")
    if error.reason in TOO_OLD:
        return _refused(f"{wanted} at {address} speaks a version of TLS before 1.2", "Use a newer one.")
    return _refused(f"{wanted} at {address} broke off the handshake: {error.reason or error}", "Look at its log.")


def _hung_up(credentials: Credentials, wanted: Identity) -> TinyFlowError:
    """It has seen our certificate and went; gRPC's server says why in its log only, but we can look as it did."""
    try:
        Credentials(credentials.folder)
    except ModuleUnavailable as error:
        return _refused(f"{wanted} did not accept our certificate", error.what)
    what = f"{wanted} did not accept our certificate, which is for {credentials.identity}"
    return _refused(what, "Its log says why: most likely it trusts another authority.")


def _refused(what: str, way_out: str) -> ModuleUnavailable:
    return ModuleUnavailable("TF-153", f"No connection: {what}.", way_out)
