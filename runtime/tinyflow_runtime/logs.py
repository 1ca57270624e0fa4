"""The log of a module process: one JSON document a line on standard error, with nodes and message ids, masked."""

from __future__ import annotations

import datetime
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["to_json_lines"]

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
        return json.dumps(said, ensure_ascii=False, default=str)


def to_json_lines(module: str, mask: Callable[[str], str]) -> None:
    """Let the whole program log so, from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(module, mask))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
