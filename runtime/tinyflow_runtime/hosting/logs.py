"""The log of a module process: one JSON document a line on standard error, with nodes and message ids, masked."""

from __future__ import annotations

import atexit
import contextlib
import datetime
import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["to_json_lines"]

LINES = 2_000  # that wait to be written; who reads slower than they come would be behind for ever
LAST = 1.0  # seconds for the last of them when the program ends

# What a record of ours may carry besides its text; see Context.log.
_NAMED = ("flow", "node", "port", "message_id", "trace")


class JsonLines(logging.Formatter):
    """Makes one line of a record.

    Args:
        module: Its name stands in every line.
        mask: Is given every text before it leaves.
    """

    def __init__(self, module: str, mask: Callable[[str], str]) -> None:
        super().__init__()
        self._module, self._mask = module, mask

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {  # Any: texts, and whatever a person gives as extra
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "module": self._module,
        }
        said.update((name, found) for name in _NAMED if (found := getattr(record, name, "")))
        said["message"] = self._mask(record.getMessage())
        if record.exc_info:
            said["traceback"] = self._mask(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False, default=str) + "\n"


class Behind(logging.Handler):
    """Writes in a thread of its own: whoever does not read the log must not make the nodes wait.

    What finds no room is left out and counted.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: queue.Queue[str | None] = queue.Queue(LINES)
        self._left_out = 0
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(self.format(record))
        except queue.Full:
            self._left_out += 1
        except Exception:  # a record whose text cannot be made is said as logging says it
            self.handleError(record)

    def finish(self) -> None:
        """Write what is there; a second is enough for who reads, and who does not is not waited for."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
            self._thread.join(LAST)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            left_out, self._left_out = self._left_out, 0
            if left_out:
                line += json.dumps({"level": "warning", "message": f"{left_out} lines were left out"}) + "\n"
            rest = line.encode(errors="replace")
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:  # nobody reads any more
                return


def to_json_lines(module: str, mask: Callable[[str], str]) -> None:
    """Let the whole program log so, from INFO on."""
    handler = Behind(sys.stderr.fileno())
    handler.setFormatter(JsonLines(module, mask))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    atexit.register(handler.finish)
