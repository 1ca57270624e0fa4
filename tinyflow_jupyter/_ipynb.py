"""A notebook's file, read in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def read_notebook(path: Path) -> Any:  # Any: a document of nbformat, which brings no types
    """The document, as version 4 of the format has it; raises whatever nbformat makes of a file that is none."""
    import nbformat  # it takes a while, and most notebooks never read another

    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # it brings no types
