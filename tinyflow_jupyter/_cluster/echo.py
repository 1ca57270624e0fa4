"""An echo of a pocket cluster's modules: after a cell, the notebook shows what they printed and warned of since."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

MOST_LINES = 8  # after one cell: a module may print all the time, and the rest is in cluster.logs()
MOST_BYTES = 64 * 1024  # of one log that are looked at after one cell; older ones are in the log
LONGEST = 300  # letters of a line
GRPC = re.compile(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d+ ")  # how its core begins a line: it is about connections, ours
WARNED = ("warning", "error", "critical")


class Echo:
    """Remembers how far each log was shown.

    Args:
        folder: Where the launcher writes the logs; None for a cluster whose logs are elsewhere.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._shown = {log: log.stat().st_size for log in self._logs()}

    def tell(self) -> None:
        """Print what is new: what was printed, and of what was logged the warnings."""
        lines = [line for log in self._logs() for line in self._new(log)]
        for line in lines[:MOST_LINES]:
            print(line)
        if len(lines) > MOST_LINES:
            print(f"… and {len(lines) - MOST_LINES} more lines: cluster.logs(flow) has the last of them.")

    def _logs(self) -> list[Path]:
        return sorted(self._folder.glob("*/*.log")) if self._folder is not None else []

    def _new(self, log: Path) -> Iterator[str]:
        begin = self._shown.get(log, 0)
        try:
            with log.open("rb") as file:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(begin, end - MOST_BYTES))
                whole, newline, _ = file.read().rpartition(b"\n")
                self._shown[log] = file.tell() if end - begin > MOST_BYTES else begin + len(whole) + len(newline)
        except OSError:  # its pod went
            return
        for line in dict.fromkeys(whole.decode("utf-8", "replace").splitlines()):  # the same again is told once
            if text := _told(line):
                yield f"{_module(log)} | {text[:LONGEST]}"


def _told(line: str) -> str:
    try:
        said = json.loads(line)
        level, message = said["level"], str(said["message"])
    except (ValueError, KeyError, TypeError):
        return "" if GRPC.match(line) else line.rstrip()  # printed
    return message.partition("\n")[0] if level in WARNED else ""


def _module(log: Path) -> str:
    """``tm-maths-5d9c-x7k2p.log`` is of the module maths."""
    return log.stem.removeprefix("tm-").rsplit("-", 2)[0]
