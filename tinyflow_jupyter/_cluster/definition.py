"""The definition of a flow as a cluster holds it, with the types of this process where it knows the component."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from tinyflow_runtime.component import Component, Failure, Info, Port, claim
from tinyflow_runtime.definition.edges import DEFAULT_CAPACITY, Edge
from tinyflow_runtime.definition.notes import read_notes
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.flow import Flow, Node
from tinyflow_runtime.message import Address
from tinyflow_runtime.module import find
from tinyflow_runtime.ports import is_label
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import IMPORT, NOTES, POSITION
from tinyflow_runtime.source import imports

from .resources import node_of

OURS = "tinyflow_runtime.components"  # what a cluster names is imported from there alone: importing runs code


class Described(Component):
    """A component that this process does not have: what a module says of it.

    Attributes:
        schemas: The JSON Schema of each port, by name, as text.
    """

    module = ""  # each one its own
    schemas: Mapping[str, str] = MappingProxyType({})

    def __init__(self, module: str = "", name: str = "described", description: str = "", ports: Iterable[Port] = ()):
        self.module = module
        self._info = Info(name, description)
        self._ports = list(ports)

    def info(self) -> Info:
        return self._info

    def ports(self) -> list[Port]:
        return list(self._ports)

    def instance(self) -> Component:
        return self


claim(Described)  # nobody finds it by its name


def definition(
    name: str, nodes: Iterable[Document], modules: Collection[Document], whole: Document | None = None
) -> Flow:
    """A flow to look at. Whatever a cluster holds becomes one, even what could not be pushed.

    Args:
        nodes: Its TinyNodes.
        modules: The TinyModules they belong to, for what these say of their components.
        whole: Its TinyFlow, for the notes on it.
    """
    flow = Flow(name)
    noted = (whole["metadata"].get("annotations") or {}).get(NOTES, "") if whole is not None else ""
    if noted:
        with contextlib.suppress(TinyFlowError):  # notes that somebody else has written otherwise
            flow.notes = read_notes(noted)
    documents = list(nodes)
    held = {module["metadata"]["name"]: (module.get("status") or {}).get("components") or () for module in modules}
    described = {
        (called, component["name"]): component for called, name in homes(modules).items() for component in held[name]
    }
    for document in documents:
        _add_node(flow, document, described, documents)
    for document in documents:
        for edge in document["spec"].get("edges") or ():
            _add_edge(flow, node_of(document), edge)
    return flow


def homes(modules: Collection[Document]) -> dict[str, str]:
    """The TinyModule behind whatever nodes call their module: its name, or the image that it runs.

    Of several that run an image it is the one that the operator takes, the first by name.
    """
    names = sorted(str(module["metadata"]["name"]) for module in modules)
    images = {str(module["metadata"]["name"]): str((module.get("spec") or {}).get("image", "")) for module in modules}
    return {images[name]: name for name in reversed(names) if images[name]} | {name: name for name in names}


def _add_node(
    flow: Flow, document: Document, described: Mapping[tuple[str, str], Document], documents: Iterable[Document]
) -> None:
    name, spec = node_of(document), document["spec"]
    settings: Document = next((port["settings"] for port in spec.get("ports") or () if port.get("settings")), {})
    said = described.get((spec["module"], spec["component"]), {})
    told = (document.get("status") or {}).get("ports") or said.get("ports") or ()
    annotations = document["metadata"].get("annotations") or {}
    imported = str(annotations.get(IMPORT, ""))
    found = imports.loaded(imported, spec["module"], spec["component"]) or find(spec["module"], spec["component"])
    if found is None and imported.startswith(OURS):
        found, _ = imports.resolve(imported)
    if found is not None and is_label(name):
        try:
            made = flow.node(name, found, **settings)
        except TinyFlowError:  # it was defined anew since it was pushed
            found = None
        else:
            if told and {port["name"] for port in told} - made.ports.keys():
                found = None
    if found is None:
        ports = {port.name: port for port in map(_port, told)} or _guessed(name, spec, documents)
        ports.setdefault("error", Port("error", "out", Failure))
        component = Described(spec["module"], spec["component"], said.get("description", ""), ports.values())
        component.schemas = {port["name"]: str(port.get("schema") or "") for port in told}
        flow.nodes[name] = Node(name, component, settings, component, ports)
    position = _position(annotations.get(POSITION, ""))
    if position is not None:
        flow.move(name, position)


def _add_edge(flow: Flow, node: str, edge: Document) -> None:
    source, target = Address(node, edge["port"]), Address.parse(edge["to"])
    if target.node not in flow.nodes:
        return  # it leads nowhere, and the node's condition says so
    options: dict[str, Any] = {"when": edge.get("when"), "map": edge.get("map"), "loop": bool(edge.get("loop"))}
    options["capacity"] = edge.get("capacity") or DEFAULT_CAPACITY
    try:
        flow.edge(str(source), str(target), **options)
    except TinyFlowError:
        for address, direction in ((source, "out"), (target, "in")):
            here = flow.nodes[address.node]
            ports = {**here.ports, address.port: _anything(here.ports.get(address.port), address.port, direction)}
            flow.nodes[address.node] = replace(here, ports=ports)
        try:
            flow.edge(str(source), str(target), **options)
        except TinyFlowError:
            flow.restore((), [Edge(source, target, loop=options["loop"], capacity=options["capacity"])])


def _anything(port: Port | None, name: str, direction: Any) -> Port:  # Any: "in" or "out"
    return Port(name, direction) if port is None else replace(port, type=Any)


def _guessed(name: str, spec: Document, documents: Iterable[Document]) -> dict[str, Port]:
    """The ports that edges use, where nobody says which there are."""
    ports = {edge["port"]: Port(edge["port"], "out") for edge in spec.get("edges") or ()}
    for document in documents:
        for edge in document["spec"].get("edges") or ():
            to = Address.parse(edge["to"])
            if to.node == name and to.port:
                ports[to.port] = Port(to.port, "in")
    for port in spec.get("ports") or ():
        ports[port["name"]] = Port(port["name"], "in", settings=True)
    return ports


def _port(said: Document) -> Port:
    try:
        tp = _TYPES.get(json.loads(said.get("schema") or "{}").get("type"), Any)
    except (ValueError, TypeError, AttributeError):
        tp = Any
    return Port(
        said["name"],
        "out" if said.get("direction") == "out" else "in",
        tp,
        label=said.get("label") or None,
        position=said.get("position") or None,
        status=bool(said.get("status")),
        settings=bool(said.get("settings")),
    )


# What a schema's type is here. Records stay open: which class they are of is not known.
_TYPES: dict[Any, Any] = {"integer": int, "number": float, "string": str, "boolean": bool, "array": list}


def _position(text: str) -> tuple[float, float] | None:
    try:
        left, top = (float(part) for part in text.split(","))
    except ValueError:
        return None
    return left, top
