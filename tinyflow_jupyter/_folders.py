"""Folders of one process, among the temporary files: it removes its own, and what of those that were killed is left."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

PREFIX = "tinyflow-"


def own_folder(kind: str = "") -> Path:
    """A new folder, its owner's alone. Whoever is killed cannot remove his, so the next one does.

    The file ``pid`` in it tells who that is; another process may take it over by writing its own.

    Args:
        kind: Of folder, as its name begins.
    """
    place = Path(tempfile.gettempdir())
    _sweep(place)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX + kind, dir=place))
    (folder / "pid").write_text(str(os.getpid()))
    return folder


def _sweep(place: Path) -> None:
    for left in place.glob(f"{PREFIX}*/pid"):
        try:
            if left.stat().st_uid == os.getuid() and not psutil.pid_exists(int(left.read_text())):
                shutil.rmtree(left.parent, ignore_errors=True)
        except (OSError, ValueError, AttributeError):  # somebody else's, half written, or a system without users
            continue
