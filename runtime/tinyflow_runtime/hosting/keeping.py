"""Keeping is the memory of a module process: the last plan and the newest good source, in files that outlive it.

A process that begins again goes on with both, without anybody telling it. Every file is written beside its place and
then moved there, and read back only when it holds what was written.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from pathlib import Path

import msgspec
from google.protobuf.message import DecodeError

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import SourceError
from tinyflow_runtime.source.archive import Source

__all__ = ["Keeping"]

log = logging.getLogger("tinyflow")

_PLAN, _SOURCE, _NEWEST = "plan", "source.zip", "source.json"
_DIGEST = 64  # bytes of a sha256 as text, before the plan


class Newest(msgspec.Struct):
    """What stands beside the newest good source.

    Attributes:
        sha256: Of the archive.
        given: The sha256 of the source that the process was started with; another one is newer than what is kept.
    """

    sha256: str
    given: str


class Keeping:
    """The files in one directory, which is this process' alone.

    Args:
        folder: It is made, for its owner alone, if there is none.
        given: The sha256 of the source that this process was started with; empty for none.
    """

    def __init__(self, folder: Path, *, given: str = "") -> None:
        self._folder = folder
        self._given = given
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def keep_plan(self, plan: protocol.Plan) -> None:
        """Remember a plan. A disk that takes nothing is said in the log: what runs is worth more than its copy."""
        written = plan.SerializeToString(deterministic=True)
        self._write(_PLAN, hashlib.sha256(written).hexdigest().encode() + b"\n" + written)

    def keep_source(self, source: Source) -> None:
        """Remember a source that runs."""
        archive = source.archive()
        newest = Newest(hashlib.sha256(archive).hexdigest(), self._given)
        if self._newest() != newest:
            self._write(_SOURCE, archive)
            self._write(_NEWEST, msgspec.json.encode(newest))

    def plan(self) -> protocol.Plan | None:
        """The last plan; None when there is none, or it is not what was written."""
        found = self._read(_PLAN)
        if found is None:
            return None
        digest, written = found[:_DIGEST], found[_DIGEST + 1 :]
        try:
            if hashlib.sha256(written).hexdigest().encode() == digest:
                return protocol.Plan.FromString(written)
        except DecodeError:  # of another TinyFlow
            pass
        log.warning("The plan kept in %s is damaged; this module waits to be told its nodes.", self._folder)
        return None

    def source(self) -> Source | None:
        """The newest good source, unless this process was started with a newer one."""
        newest, archive = self._newest(), self._read(_SOURCE)
        if newest is None or archive is None or self._given not in ("", newest.given):
            return None
        try:
            return Source.read(archive, sha256=newest.sha256)
        except SourceError as error:
            log.warning("The source kept in %s is damaged: %s", self._folder, error)
            return None

    def _newest(self) -> Newest | None:
        found = self._read(_NEWEST)
        try:
            return None if found is None else msgspec.json.decode(found, type=Newest)
        except msgspec.DecodeError:
            return None

    def _read(self, name: str) -> bytes | None:
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def _write(self, name: str, content: bytes) -> None:
        beside = ""
        try:
            handle, beside = tempfile.mkstemp(prefix=f".{name}.", dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self._folder / name)
        except OSError as error:
            log.warning("%s could not be kept in %s: %s", name, self._folder, error.strerror)
            with contextlib.suppress(OSError):
                os.unlink(beside)
