"""Listening: where a module server may be reached, which is from this machine alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

__all__ = ["private", "refuse_beyond_machine"]

LOOPBACK = ("unix:", "127.0.0.1:", "[::1]:", "localhost:")
LONGEST_PATH = 100  # bytes of a socket file's path; the least that systems allow is 103


def refuse_beyond_machine(address: str) -> None:
    """Refuse an address that others could reach: there is no authentication yet.

    Raises:
        ValueError: It is not a loopback one.
        OSError: It is longer than systems allow.
    """
    if not address.startswith(LOOPBACK):
        raise ValueError(f"{address!r} is reachable from other machines; use 127.0.0.1:0 or unix:/path")
    if address.startswith("unix:") and len(os.fsencode(address)) > LONGEST_PATH + len("unix:"):
        raise OSError(f"cannot listen at {address}: a socket's path has at most {LONGEST_PATH} bytes")


@contextlib.contextmanager
def private() -> Iterator[None]:
    """Files that are made meanwhile are their owner's alone."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)
