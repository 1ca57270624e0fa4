"""The palette is all components that this process knows, as documents: what can be put on a flow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.component import UNDECORATED, Component, ports_of, prototype
from tinyflow_runtime.module import DEFAULT, Module
from tinyflow_runtime.schema import type_name
from tinyflow_runtime.source import imports

from .structure import port_document

if TYPE_CHECKING:
    from .port_types import Types

Json = dict[str, Any]  # what JSON can hold
LETTERS = 400  # of a description: who wants all of it reads the code
_OURS = "tinyflow_runtime."


def palette(types: Types) -> Json:
    """All components: those of the notebook first, then those of packages, and the ones that come with TinyFlow last.

    Returns:
        ``components``: a list of ``{component: [module, name], title, description, tags, ports, settings, own}``;
        ``types`` and ``fits``: the names of all types that somebody can see, and which fits which.
    """
    import tinyflow_runtime.components  # noqa: F401  # they become known by this; a script that wants none loads none

    with types.used("offered"):
        found = [_described(component, types) for component in known_components()]
    found.sort(key=lambda one: (not one["own"], one["component"][0] == "tinyflow"))  # it keeps the order of definition
    return {"components": found, **types.told()}


def known_components() -> Iterator[Component]:
    """The newest component of each module and name."""
    seen = set()
    for module in list(Module.all.values()):
        for name, component in list(module.components.items()):
            seen.add((module.name, name))
            yield component
    for name, cls in list(UNDECORATED.items()):
        ours = cls.__module__.startswith(_OURS)
        if (DEFAULT.name, name) in seen or ours or cls.ports is Component.ports:
            continue
        try:
            yield prototype(cls)
        except Exception:  # a base of others, which cannot be put on a flow itself; or whatever its own code raises
            continue


def _described(component: Component, types: Types) -> Json:
    own = component.module == DEFAULT.name or not imports.name_of(component)
    found: Json = {"component": [component.module, component.name], "title": component.name, "own": own}
    try:
        info = component.info()
        ports = ports_of(component.instance()).values()
        settings = next((type_name(port.type) for port in ports if port.settings), None)
        described = {
            "description": str(info.description).strip()[:LETTERS],
            "tags": [str(tag) for tag in info.tags],
            "ports": [port_document(port, types) for port in ports],
            "settings": settings,
        }
    except Exception as error:  # a person's code; the other components are listed all the same
        text = str(error).partition("\n")[0][:LETTERS]
        described = {"description": f"It cannot be described: {text}", "tags": [], "ports": [], "settings": None}
    return {**found, **described}
