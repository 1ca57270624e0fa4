"""Flow-based programming from a notebook cell to a Kubernetes cluster: ``import tinyflow_jupyter as tf``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinyflow_runtime import __version__, errors
from tinyflow_runtime.component import Component, Handler, Info, Port, Retry
from tinyflow_runtime.execution.context import context
from tinyflow_runtime.module import Module, component

from tinyflow_jupyter._flow import Flow

if TYPE_CHECKING:
    from tinyflow_jupyter._cluster import Cluster, Project

__all__ = [
    "Cluster",
    "Component",
    "Flow",
    "Handler",
    "Info",
    "Module",
    "Port",
    "Project",
    "Retry",
    "__version__",
    "component",
    "context",
    "errors",
]


def __getattr__(name: str) -> Any:  # Any: a class; the Kubernetes client and gRPC are loaded by whoever has a cluster
    if name in ("Cluster", "Project"):
        from tinyflow_jupyter import _cluster

        return getattr(_cluster, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(shell: Any) -> None:  # Any: IPython's shell; importing this package needs no IPython
    """``%load_ext tinyflow_jupyter``: the magics %%component, %send, %push and %tinyflow."""
    from tinyflow_jupyter._magics import Magics

    Magics(shell).register()
