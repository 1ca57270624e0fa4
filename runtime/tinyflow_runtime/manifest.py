"""A manifest is a flow as the custom resources that a cluster gets: one TinyFlow, and a TinyNode for every node."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import yaml

from tinyflow_runtime.component import UNDECORATED, Component
from tinyflow_runtime.definition.edges import DEFAULT_CAPACITY, Edge
from tinyflow_runtime.definition.notes import read_notes, written
from tinyflow_runtime.errors import ManifestError, did_you_mean
from tinyflow_runtime.flow import Flow, Node
from tinyflow_runtime.module import DEFAULT, Module, find
from tinyflow_runtime.resources.documents import VERSION, Document, Dumper, Resource, read
from tinyflow_runtime.resources.labels import FLOW_LABEL, IMPORT, NOTES, POSITION
from tinyflow_runtime.schema import document_of
from tinyflow_runtime.source import imports

__all__ = ["from_yaml", "hash_of_nodes", "node_hash", "nodes_hash", "to_documents", "to_yaml"]

F = TypeVar("F", bound=Flow)


def to_yaml(flow: Flow) -> str:
    """The documents of a flow as text. The same flow makes the same text: what changes in it is what a diff shows."""
    # Without a width, an expression stays on its line; a fold would move with every letter.
    return yaml.dump_all(to_documents(flow), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)


def to_documents(flow: Flow) -> list[Document]:
    """A TinyFlow, then a TinyNode for each node in the order of definition; an edge stands at its source.

    Raises:
        ManifestError: TF-117, a setting is an object that no document can hold.
    """
    edges: dict[str, list[Edge]] = {}
    for edge in flow.edges.values():
        edges.setdefault(edge.source.node, []).append(edge)
    metadata: Document = {"name": flow.name}
    if flow.notes:
        metadata["annotations"] = {NOTES: written(flow.notes)}
    first = {"apiVersion": VERSION, "kind": "TinyFlow", "metadata": metadata, "spec": {}}
    return [first, *(_node(flow.name, node, edges.get(node.name, [])) for node in flow.nodes.values())]


def nodes_hash(documents: Iterable[Document]) -> str:
    """The sha256 of a flow's TinyNodes, whatever their order; it is the same for what a cluster made of them.

    Other kinds among the documents are passed over: ``nodes_hash(to_documents(flow))`` is right too.
    """
    nodes = [document for document in documents if document.get("kind", "TinyNode") == "TinyNode"]
    return hash_of_nodes({str(node["metadata"]["name"]): node_hash(node) for node in nodes})


def hash_of_nodes(hashes: Mapping[str, str]) -> str:
    """The same, from the name and the hash of each: whoever follows many nodes hashes only those that change."""
    lines = (f"{name} {hashes[name]}" for name in sorted(hashes))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def node_hash(document: Document) -> str:
    """The sha256 of one TinyNode's spec."""
    said = json.dumps(_plain(document.get("spec") or {}), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def _plain(value: Any) -> Any:  # whatever people write into settings
    """As every JSON library reads it: a cluster returns 2.0 as 2, and may leave out what is null."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _node(flow: str, node: Node, edges: list[Edge]) -> Document:
    metadata: Document = {"name": f"{flow}.{node.name}", "labels": {FLOW_LABEL: flow}}
    annotations = {}
    if found := imports.name_of(node.component):
        annotations[IMPORT] = found
    if node.position is not None:
        annotations[POSITION] = ",".join(_number(part) for part in node.position)
    if annotations:
        metadata["annotations"] = annotations
    spec: Document = {"module": node.component.module, "component": node.component.name}
    if node.settings:
        name = next(port.name for port in node.ports.values() if port.settings)
        spec["ports"] = [{"name": name, "settings": settings_of(node)}]
    if edges:
        spec["edges"] = [_edge(edge) for edge in edges]
    return {"apiVersion": VERSION, "kind": "TinyNode", "metadata": metadata, "spec": spec}


def settings_of(node: Node) -> Document:
    """The keywords that were given to a node, as plain data; sorted, so that the same ones make the same text.

    Raises:
        ManifestError: TF-117, one is an object that no document can hold.
    """
    try:
        said: Document = document_of(dict(node.settings), order="sorted")
    except Exception as error:  # whatever a person's object makes of being written down
        what = f"The settings of node {node.name!r} cannot be written into a document: {error}."
        raise ManifestError("TF-117", what, "Use plain data as settings.", where=node.place) from error
    return said


def _edge(edge: Edge) -> Document:
    said: Document = {"id": edge.id, "port": edge.source.port, "to": str(edge.target)}
    if edge.when is not None:
        said["when"] = edge.when.text
    if edge.map is not None:
        said["map"] = edge.map.text
    if edge.loop:
        said["loop"] = True
    if edge.capacity != DEFAULT_CAPACITY:
        said["capacity"] = edge.capacity
    return said


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def from_yaml(text: str, flow_class: type[F]) -> F:
    """The flow that some text describes, with the components of this process, or else those that can be imported.

    Documents as a cluster gives them are fine too: what a cluster adds is passed over.

    Raises:
        ManifestError: TF-117, the text describes no flow, or one that cannot be; TF-118, a component is nowhere.
    """
    documents = read(text)
    flows = [one for one in documents if one.kind == "TinyFlow"]
    nodes = [one for one in documents if one.kind == "TinyNode"]
    if len(flows) != 1:
        what = f"A flow has one TinyFlow; this text has {len(flows)} among {len(documents)} documents."
        raise ManifestError("TF-117", what, "Write kind: TinyFlow, and the flow's name as metadata.name.")
    with flows[0].blame("metadata.name"):
        flow = flow_class(flows[0].name)
    if flows[0].notes:
        with flows[0].blame(f"metadata.annotations.{NOTES}"):
            flow.notes = read_notes(flows[0].notes)
    for one in nodes:
        _read_node(flow, one)
    for one in nodes:
        for index, edge in enumerate(one.edges):
            _read_edge(flow, one, edge, f"spec.edges[{index}]")
    return flow


def _read_node(flow: Flow, one: Resource) -> None:
    name = one.node_of(flow.name)
    if name in flow.nodes:
        raise one.error("metadata.name", f"is {one.name!r}, as that of an earlier document.", "Give it another name.")
    component = _component(one)
    index, port = next(((i, port) for i, port in enumerate(one.ports) if port.get("settings")), (0, None))
    settings: Document = port["settings"] if port else {}
    with one.blame(f"spec.ports[{index}].settings" if port else "spec"):
        node = flow.node(name, component, **settings)
    for index, port in enumerate(one.ports):
        known = [each for each, there in node.ports.items() if there.settings or "settings" not in port]
        if port["name"] not in known:
            hint = did_you_mean(port["name"], known) or (f"Its settings port is {known[0]!r}." if known else "")
            raise one.error(f"spec.ports[{index}].name", f"is {port['name']!r}, which takes no settings.", hint)
    if one.position is not None:
        flow.move(name, one.position)


def _read_edge(flow: Flow, one: Resource, edge: Document, path: str) -> None:
    source = f"{one.node_of(flow.name)}:{edge['port']}"
    options: dict[str, Any] = {key: edge[key] for key in ("when", "map", "loop", "capacity") if key in edge}
    with one.blame(path):
        made = flow.edge(source, edge["to"], **options)
    if edge["id"] != made.id:
        raise one.error(f"{path}.id", f"is {edge['id']!r}.", f"Write {made.id!r}: it says what it connects.")


def _component(one: Resource) -> Component:
    module, name = one.spec["module"], one.spec["component"]
    reason = ""
    found = imports.loaded(one.imported, module, name) or find(module, name)
    if found is None and one.imported:
        found, reason = imports.resolve(one.imported)
        if found is not None and (found.module, found.name) != (module, name):
            reason = f"{one.imported} is the component {found.name!r} of module {found.module!r}."
            found = None
    if found is None:
        home = Module.all.get(module)
        known = [*(home.components if home else ()), *(UNDECORATED if module == DEFAULT.name else ())]
        raise ManifestError(
            "TF-118",
            f"There is no component {name!r} of module {module!r} here.",
            reason or did_you_mean(name, known),
            "Run the cell that defines it, or import its package, and then read the text again.",
            where=f"{one.title}, spec.component.",
        )
    return found
