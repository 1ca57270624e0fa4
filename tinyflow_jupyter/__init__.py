"""Flow-based programming from a notebook cell to a Kubernetes cluster: ``import tinyflow_jupyter as tf``."""

from __future__ import annotations

from typing import Any

from tinyflow_runtime import __version__, errors
from tinyflow_runtime.component import Component, Handler, Info, Port, Retry
from tinyflow_runtime.context import context
from tinyflow_runtime.module import Module, component

from tinyflow_jupyter._flow import Flow

__all__ = [
    "Component",
    "Flow",
    "Handler",
    "Info",
    "Module",
    "Port",
    "Retry",
    "__version__",
    "component",
    "context",
    "errors",
]


def load_ipython_extension(shell: Any) -> None:  # Any: IPython's shell; importing this package needs no IPython
    """``%load_ext tinyflow_jupyter``: the magics %%component and %send."""
    from tinyflow_jupyter._magics import Magics

    Magics(shell).register()
