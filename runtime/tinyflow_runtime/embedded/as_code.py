"""A flow as code: the Python that builds exactly this flow, as a person would write it into a cell."""

from __future__ import annotations

import keyword
import math
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from tinyflow_runtime.component import Component
from tinyflow_runtime.definition.edges import call_of, quoted
from tinyflow_runtime.definition.notes import Note
from tinyflow_runtime.flow import Flow, Node
from tinyflow_runtime.manifest import settings_of
from tinyflow_runtime.module import Module
from tinyflow_runtime.source import imports

__all__ = ["to_code"]

WIDE = 100  # letters of a line; a longer call has one argument on each


def to_code(flow: Flow, called: str = "flow") -> str:
    """The statements that build a flow: what they import, the flow, its nodes, its edges, and their places.

    Running them, where the notebook's own components are defined, makes a flow whose ``to_yaml()`` is the same text.
    Settings are written as plain data, as in a document.

    Args:
        called: The variable that holds the flow; another where that name is taken.

    Raises:
        ManifestError: TF-117, a setting is an object that nothing plain can stand for.
    """
    names = _Names((node.component for node in flow.nodes.values()), called)
    parts = [f"{names.flow} = {names.library}.Flow({quoted(flow.name)})"]
    parts += [_node(node, names) for node in flow.nodes.values()]
    parts += [call_of(edge).replace("flow", names.flow, 1) for edge in flow.edges.values()]
    for node in flow.nodes.values():
        if node.position is not None:
            parts.append(f"{names.flow}.move({quoted(node.name)}, {_pair(node.position)})")
    parts += [_note(note, names.flow) for note in flow.notes.values()]
    return "\n".join([*names.imports, "", *parts, ""])


def _node(node: Node, names: _Names) -> str:
    arguments = [quoted(node.name), names.of(node.component)]
    settings = settings_of(node) if node.settings else {}
    plain = {name: value for name, value in settings.items() if _is_name(name)}
    arguments += [f"{name}={_literal(value)}" for name, value in plain.items()]
    if odd := {name: value for name, value in settings.items() if name not in plain}:
        arguments.append(f"**{_literal(odd)}")
    return _call(f"{names.flow}.node", arguments)


def _note(note: Note, flow: str) -> str:
    arguments = [quoted(note.name), quoted(note.text)]
    arguments += [f"{word}={_pair(pair)}" for word, pair in (("position", note.position), ("size", note.size)) if pair]
    if note.nodes:
        arguments.append(f"nodes={_literal(note.nodes)}")
    return _call(f"{flow}.note", arguments)


def _call(name: str, arguments: list[str]) -> str:
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= WIDE:
        return line
    return "\n    ".join([f"{name}(", *(f"{argument}," for argument in arguments)]) + "\n)"


class _Names:
    """How the code calls the library, the flow and each component; no two things have one name.

    Attributes:
        imports: The lines that make them known.
    """

    def __init__(self, components: Iterable[Component], called: str) -> None:
        found = {(component.module, component.name): component for component in components}
        homes = {identity: imports.name_of(component) for identity, component in found.items()}
        here = {identity: _python_name(found[identity]) for identity, home in homes.items() if not home}
        shared = {name for name, number in Counter(here.values()).items() if number > 1}
        self._names = {
            identity: name
            for identity, name in here.items()
            if name not in shared and (_is_known_by_its_name(found[identity]) or not _is_registered(*identity))
        }
        taken = {*self._names.values(), *shared}
        imported: dict[tuple[str, str], str] = {}
        for identity, home in homes.items():
            module, _, attribute = home.partition(":")
            first, dot, rest = attribute.partition(".")
            if home:
                name = imported.setdefault((_shortest(module, first), first), _free(first, taken))
                taken.add(name)
                self._names[identity] = f"{name}{dot}{rest}"
        self.library = _free("tf", taken)
        self.flow = _free(called, {*taken, self.library})
        self.imports = [f"import tinyflow_jupyter as {self.library}"]
        for (module, first), name in sorted(imported.items()):
            self.imports.append(f"from {module} import {first}" + (f" as {name}" if name != first else ""))

    def of(self, component: Component) -> str:
        found = self._names.get((component.module, component.name))
        if found is not None:
            return found
        # Its own name means something else in the notebook, or nothing: its module knows it.
        return f"{self.library}.Module.all[{quoted(component.module)}].components[{quoted(component.name)}]"


def _python_name(component: Component) -> str:
    return str(getattr(component, "function", type(component)).__name__)


def _is_registered(module: str, name: str) -> bool:
    return module in Module.all and name in Module.all[module].components


def _is_known_by_its_name(component: Component) -> bool:
    """Whether the name that it was defined by still stands for it, where it was defined."""
    thing = getattr(component, "function", type(component))
    home = getattr(thing, "__globals__", None) or vars(sys.modules.get(thing.__module__, sys))
    return home.get(_python_name(component)) is thing


def _shortest(module: str, name: str) -> str:
    """The outermost package that offers the same thing by the same name: people import it from there."""
    thing = getattr(sys.modules[module], name)
    parts = module.split(".")
    outer = (".".join(parts[:number]) for number in range(1, len(parts)))
    return next((one for one in outer if getattr(sys.modules.get(one), name, None) is thing), module)


def _free(name: str, taken: Collection[str]) -> str:
    number = 2
    found = name
    while found in taken:
        found, number = f"{name}_{number}", number + 1
    return found


def _is_name(name: str) -> bool:
    # What looks like another name to Python than it is, such as a ligature, is no name here.
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name)


def _literal(value: Any) -> str:  # Any: what a document can hold
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return repr(value)


def _pair(pair: tuple[float, float]) -> str:
    return f"({_number(pair[0])}, {_number(pair[1])})"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
