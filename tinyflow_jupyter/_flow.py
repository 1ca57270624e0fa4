"""The flow of a notebook: what runs in the kernel, and how it shows itself."""

from __future__ import annotations

from tinyflow_runtime.embedded import EmbeddedFlow


class Flow(EmbeddedFlow):
    """A set of nodes connected with each other; the last line of a cell shows it."""
