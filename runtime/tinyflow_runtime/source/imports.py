"""Where a component can be imported from, as ``package.module:attribute``."""

from __future__ import annotations

import importlib
import operator
import sys

from tinyflow_runtime.component import Component, prototype

__all__ = ["loaded", "name_of", "resolve"]


def name_of(component: Component) -> str:
    """``"package.module:attribute"``; empty when another process could not import it: a cell's, a function's own."""
    thing = getattr(component, "function", type(component))
    home, name = thing.__module__, thing.__qualname__
    module = sys.modules.get(home)
    # Cells and scripts run as __main__, which is another module everywhere; what has no spec was never imported.
    if module is None or home == "__main__" or getattr(module, "__spec__", None) is None or "<" in name:
        return ""
    try:
        there = operator.attrgetter(name)(module)
    except AttributeError:
        return ""
    return f"{home}:{name}" if there is thing else ""


def resolve(name: str) -> tuple[Component | None, str]:
    """Import the component behind such a name; None with the reason when that cannot be done."""
    home, _, attribute = name.partition(":")
    try:
        thing = operator.attrgetter(attribute)(importlib.import_module(home))
        return prototype(thing), ""
    except Exception as error:  # importing runs a person's code: whatever it raises is the reason
        return None, f"Importing {name} failed with {type(error).__name__}: {str(error).splitlines()[0]}."


def loaded(name: str, module: str, component: str) -> Component | None:
    """The component of that module and name behind such a name, if its file is loaded already: nothing is imported.

    Files that are loaded may have two of one name: what was written of one of them says which.
    """
    if name.partition(":")[0] not in sys.modules:
        return None
    found, _ = resolve(name)
    return found if found is not None and (found.module, found.name) == (module, component) else None
