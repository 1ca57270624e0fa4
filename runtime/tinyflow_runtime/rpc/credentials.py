"""Credentials are a folder with a key, its certificate and the authorities that are trusted; changes are noticed.

The files are those of a Kubernetes Secret of type kubernetes.io/tls. Nothing is taken that could not be used: the three
are tried on each other first, by a TLS handshake in memory of a server that has the certificate with a client that
trusts the authorities. What does not pass is said in the log, and the last that did is used on.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
import threading
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

from tinyflow_runtime.errors import ModuleUnavailable
from tinyflow_runtime.rpc.identity import Identity, identity_of

__all__ = ["CERTIFICATE", "KEY", "TRUSTED", "Credentials", "Pems", "identity_in", "put"]

CERTIFICATE, KEY, TRUSTED = "tls.crt", "tls.key", "ca.crt"
LOOK = 1.0  # seconds between looks at the files; a kubelet brings a changed Secret after about a minute
AGAIN = 60.0  # seconds until what was refused is tried again: a clock may have been wrong, or a right missing

log = logging.getLogger("tinyflow")


class Pems(NamedTuple):
    """The contents of the three files."""

    certificate: bytes
    key: bytes
    trusted: bytes


class Credentials:
    """What a process proves with who it is, and judges others by. May be used by several threads.

    Args:
        folder: Holds tls.crt, tls.key and ca.crt.

    Attributes:
        identity: Whom the certificate is for. One for somebody else is not taken later.
        pems: The newest that can be used.
        version: Counts up with each of these.

    Raises:
        ModuleUnavailable: TF-155, they cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._taken = _stamp(folder)
        self._refused: tuple[object, ...] | None = None  # of files that were not taken, and when they are tried again
        self._again = 0.0
        self.pems, self.identity = _read(folder)
        self.version = 1

    def refresh(self) -> int:
        """Look whether the files have changed; returns the version."""
        with self._lock:
            stamp = _stamp(self.folder)
            fresh = stamp != self._refused
            if stamp != self._taken and (fresh or time.monotonic() >= self._again):
                why = self._take()
                if not why:
                    self._taken, self._refused = stamp, None
                else:
                    self._refused, self._again = stamp, time.monotonic() + AGAIN
                    if fresh:
                        log.warning("%s", why)
            return self.version

    async def changes(self) -> AsyncIterator[int]:
        """Each version after this one."""
        known = self.version
        while True:
            await asyncio.sleep(LOOK)
            if self.refresh() != known:
                known = self.version
                yield known

    def _take(self) -> str:
        """Take what the files hold; says why not when they cannot be used."""
        try:
            pems, identity = _read(self.folder)
        except ModuleUnavailable as error:
            return f"The certificate of before is used on: {error}"
        if identity != self.identity:
            return f"{self.folder} holds a certificate for {identity}; that for {self.identity} is used on"
        if pems != self.pems:
            self.pems = pems
            self.version += 1
            log.info("%s holds another certificate, which is used from now on", self.folder)
        return ""


def put(folder: Path, pems: Pems) -> None:
    """Write the files so that whoever reads them finds all old or all new ones, as a kubelet does."""
    before = folder / "..data"
    old = before.resolve() if before.is_symlink() else None
    fresh = folder / f"..{uuid.uuid4().hex}"
    fresh.mkdir(parents=True, mode=0o700)
    for name, content in zip((CERTIFICATE, KEY, TRUSTED), pems, strict=True):
        (fresh / name).touch(mode=0o600)
        (fresh / name).write_bytes(content)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data", name))
    (folder / "..next").symlink_to(fresh.name)
    (folder / "..next").replace(before)
    if old is not None:
        shutil.rmtree(old)


def identity_in(certificate: dict[str, Any]) -> Identity | None:
    """Whom a certificate is for, as the standard library decodes it."""
    return identity_of(value for kind, value in certificate.get("subjectAltName", ()) if kind == "URI")


def _stamp(folder: Path) -> tuple[object, ...]:
    """Differs when a file does, or may."""
    stamps: list[object] = []
    for name in (CERTIFICATE, KEY, TRUSTED):
        try:
            found = (folder / name).stat()
        except OSError as error:
            stamps.append(error.errno)
        else:
            stamps.append((found.st_ino, found.st_mtime_ns, found.st_size))
    return tuple(stamps)


def _read(folder: Path) -> tuple[Pems, Identity]:
    try:
        place = (folder / "..data").resolve(strict=True)  # a kubelet turns this one link to change all files at once
    except OSError:
        place = folder
    try:
        pems = Pems(*((place / name).read_bytes() for name in (CERTIFICATE, KEY, TRUSTED)))
        shaken = _shake(place)
    except ssl.SSLCertVerificationError as error:
        raise _unusable(folder, error.verify_message) from None
    except ssl.SSLError as error:
        why = (error.reason or "one of its files is not PEM").replace("_", " ").lower()
        raise _unusable(folder, why) from None
    except OSError as error:
        raise _unusable(folder, f"{Path(error.filename or place).name}: {error.strerror or error}") from None
    identity = identity_in(shaken)
    if identity is None:
        raise _unusable(folder, "it names nobody that TinyFlow knows")
    return pems, identity


def _shake(place: Path) -> dict[str, Any]:
    """Have both ends of a handshake with a server that holds the certificate; returns it as the client sees it."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(place / CERTIFICATE, place / KEY, password="")  # never asked for at a terminal
    client.load_verify_locations(place / TRUSTED)
    client.check_hostname = False
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours, theirs = client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)
    due = [ours, theirs]
    while due:
        for end in list(due):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            due.remove(end)
    return ours.getpeercert() or {}


def _unusable(folder: Path, why: str) -> ModuleUnavailable:
    what = f"The certificate in {folder} cannot be used: {why}."
    return ModuleUnavailable("TF-155", what, f"It takes {CERTIFICATE}, {KEY} and {TRUSTED} that fit each other.")
