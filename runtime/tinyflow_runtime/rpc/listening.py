"""Listening: where a server may be reached: from this machine alone, unless callers prove who they are."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

__all__ = ["loopback", "private", "refuse_beyond_machine"]

LOOPBACK = ("127.0.0.1", "[::1]", "localhost")
LONGEST_PATH = 100  # bytes of a socket file's path; the least that systems allow is 103


def loopback(address: str) -> tuple[str, int]:
    """The host and the port of an address that only this machine can reach.

    Raises:
        ValueError: Others could reach it, or it is no address.
    """
    host, _, _ = address.rpartition(":")
    if host not in LOOPBACK:
        raise ValueError(f"{address!r} is reachable from other machines, or no address; use 127.0.0.1:0")
    return host, _port(address)


def _port(address: str) -> int:
    port = address.rpartition(":")[2]
    if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):  # gRPC would take the rest of a larger one
        raise ValueError(f"{port!r} in {address!r} is no port; use 0 to 65535")
    return int(port)


def refuse_beyond_machine(address: str, *, proven: bool = False) -> None:
    """Refuse an address that others could reach.

    Args:
        proven: Whoever calls proves who it is, so it may be any address.

    Raises:
        ValueError: It is neither a loopback one nor a socket file.
        OSError: It is longer than systems allow.
    """
    if not address.startswith("unix:"):
        if proven:
            _port(address)
        else:
            loopback(address)
    elif len(os.fsencode(address)) > LONGEST_PATH + len("unix:"):
        raise OSError(f"cannot listen at {address}: a socket's path has at most {LONGEST_PATH} bytes")


@contextlib.contextmanager
def private() -> Iterator[None]:
    """Files that are made meanwhile are their owner's alone."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
