"""Stands in for the capture of a module."""

from __future__ import annotations

import inspect
import textwrap

from tinyflow_runtime import imports
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.module import Module
from tinyflow_runtime.source import Source


def capture(module: str, *, flow: Flow) -> Source:
    """The source of one module."""
    components = dict(Module.all[module].components) if module in Module.all else {}
    components = {
        n.component.name: n.component for n in flow.nodes.values() if n.component.module == module
    } | components
    lines = ["from collections.abc import AsyncIterator", "import asyncio", "import tinyflow_jupyter as tf"]
    if module != "notebook":
        lines.append(f"maths = tf.Module({module!r})")
    for component in components.values():
        found = imports.name_of(component)
        if found:
            lines.append(f"from {found.partition(':')[0]} import {found.partition(':')[2]}")
            continue
        thing = getattr(component, "function", type(component))
        lines.append(textwrap.dedent(inspect.getsource(thing)))
    return Source(module, {f"{module.replace('-', '_')}.py": "\n".join(lines) + "\n"})


def capture_notebook(path: object) -> dict[str, Source]:
    """Of no module yet."""
    return {}
