"""Logs: what module processes wrote last."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

from tinyflow_runtime.labels import MODULE_LABEL

from .api import Api


def read_logs(api: Api, modules: Iterable[str], lines: int, *, folder: Path | None = None) -> str:
    """The last lines of each module's processes, under a heading each where there are several.

    Args:
        folder: Of a pocket cluster; its launcher writes the logs there.
    """
    parts = []
    for module in modules:
        for pod in api.objects("Pod", label=f"{MODULE_LABEL}={module}"):
            name = str(pod["metadata"]["name"])
            text = api.log(name, lines) if folder is None else _last(folder / api.namespace / f"{name}.log", lines)
            parts.append((f"{module} ({name})", text.rstrip("\n")))
    if len(parts) == 1:
        return parts[0][1]
    return "\n".join(f"== {title}\n{text}" for title, text in parts)


def _last(path: Path, lines: int) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(deque(file, maxlen=lines))
    except OSError:  # it has written nothing yet
        return ""
