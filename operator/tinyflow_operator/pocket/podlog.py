"""A pod's log: the file that the launcher writes, as the API answers it."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from tinyflow_operator.pocket.asked import route_of
from tinyflow_operator.pocket.store import Store


def log_of(store: Store, folder: Path | None, pieces: list[str]) -> Path | None:
    """The log that a path asks for; None when it asks for something else.

    Raises:
        Refusal: There is no such pod.
    """
    match pieces:
        case ["api", "v1", "namespaces", namespace, "pods", name, "log"] if folder is not None:
            route = route_of(store, pieces[:-1])  # a name of the store's is no way out of the folder
            if route is not None and store.get(route.resource, namespace, name):
                return folder / namespace / f"{name}.log"
    return None


def last_lines(log: Path, asked: str) -> str:
    """What a pod wrote, or the last lines of it; a log is not followed: it ends where it ends."""
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, maxlen=int(asked) if asked.isdecimal() else None))
    except OSError:  # it has written nothing yet
        return ""
