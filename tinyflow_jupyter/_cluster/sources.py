"""The sources of a flow: what is captured of each module that its nodes belong to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tinyflow_runtime.flow import Flow
from tinyflow_runtime.source.archive import Source

from tinyflow_jupyter._capture import capture, capture_notebook, held_by

from .resources import modules_of


def sources_of(flow: Flow, given: Mapping[str, Source]) -> dict[str, Source]:
    """The source of each module a flow uses, by name; what is not given is captured.

    Raises:
        TinyFlowError: TF-111 or TF-173, something in it cannot be captured; the text names it and its line.
    """
    return {module: given.get(module) or source_of(module, flow) for module in modules_of(flow)}


def source_of(module: str, flow: Flow) -> Source:
    """The source of one module; see ``sources_of``."""
    return capture(module, flow=flow)


def components_of(module: str, flow: Flow) -> set[str]:
    """The names of the components that a captured module holds."""
    return set(held_by(module, flow))


def sources_of_notebook(path: Path) -> dict[str, Source]:
    """The sources of all modules that a notebook defines components of, by name, without a kernel."""
    return capture_notebook(path)
