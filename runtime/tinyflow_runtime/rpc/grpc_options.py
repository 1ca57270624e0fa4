"""The options with which both ends use gRPC: sizes, and pings that notice a process that hangs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

LARGEST = 16 * 1024 * 1024  # bytes of one gRPC message: a batch holds several payloads of up to 1 MiB
PING = 5_000  # ms between pings; a peer that hangs is noticed after about twice that
# Keepalive's own timeout alone does not notice a stopped process; the ping's does.
CLIENT_OPTIONS = (
    ("grpc.keepalive_time_ms", PING),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", LARGEST),
    # Somebody waits for whoever is away: gRPC's own pauses grow to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
)
SERVER_OPTIONS = (
    # Else the server cuts the connection of a client whose pings come early, as they do where a program was held up.
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.so_reuseport", 0),  # two servers on one port would share its calls
)
OLDEST = 3_600_000  # ms
SECURE_OPTIONS = (
    # A connection does not outlive for long what its two ends proved to each other: it is made again, and proved again.
    ("grpc.max_connection_age_ms", OLDEST),
    ("grpc.max_connection_age_grace_ms", 60_000),  # then streams are broken off; Deliver begins anew and loses nothing
)
DIAL_OPTIONS = (
    *CLIENT_OPTIONS,
    ("grpc.use_local_subchannel_pool", 1),  # what others have tried in vain does not hold up a new attempt
    ("grpc.min_reconnect_backoff_ms", 2_000),  # and one attempt takes no longer, or a healed network would wait for it
)
# Since 1.80 what comes over a socket goes through a pool of threads first, each of which has to be woken: a sixth of
# the time of one message between two modules. Without, the thread that waits for it reads it itself, as it did before.
# A gRPC that does not know these words says so on standard error, so who comes later is asked when it is there.
EXPERIMENTS = ("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
KNOWING = {f"1.{minor}" for minor in range(80, 86)}


@contextlib.contextmanager
def told_when_loaded() -> Iterator[None]:
    """Around the import of gRPC, which reads its environment then: what it is to do without.

    A person's own word on that stands, and nobody else, nor a program that is started, sees anything of ours.
    """
    name, value = EXPERIMENTS
    if name in os.environ or _version() not in KNOWING:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]


def _version() -> str:
    """Of the gRPC that would be loaded, such as 1.85; empty where that is not seen at a glance.

    To ask importlib.metadata takes longer, and every module's process loads this.
    """
    spec = find_spec("grpc")
    around = Path(spec.origin).parent.parent if spec is not None and spec.origin else Path()
    found = next(around.glob("grpcio-*.dist-info"), None)
    return ".".join(found.name.split("-")[1].split(".")[:2]) if found is not None else ""
