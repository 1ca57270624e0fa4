"""Logs: what module processes wrote last."""

from __future__ import annotations

from collections.abc import Iterable

from .api import Api
from .resources import MODULE_LABEL


def read_logs(api: Api, modules: Iterable[str], lines: int) -> str:
    """The last lines of each module's processes, each part under a heading where there are several."""
    parts = []
    for module in modules:
        for pod in api.objects("Pod", label=f"{MODULE_LABEL}={module}"):
            name = str(pod["metadata"]["name"])
            parts.append((f"{module} ({name})", api.log(name, lines).rstrip("\n")))
    if len(parts) == 1:
        return parts[0][1]
    return "\n".join(f"== {title}\n{text}" for title, text in parts)
