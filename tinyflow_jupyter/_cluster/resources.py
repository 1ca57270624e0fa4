"""The resources of a flow: the very documents that a cluster is to hold of it, with the source of each module."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tinyflow_runtime.flow import Flow
from tinyflow_runtime.manifest import nodes_hash, to_documents
from tinyflow_runtime.resources.documents import VERSION, Document
from tinyflow_runtime.resources.labels import (
    FLOW_LABEL,
    HOT_RELOAD,
    MANAGED_BY,
    MODULE_LABEL,
    NODES_SHA256,
    PROJECT_LABEL,
    SHA256,
    source_name,
)
from tinyflow_runtime.source.archive import Source

from .api import PUSH

BY_PUSH = {MANAGED_BY: PUSH}  # what a chart installed is not ours to delete


@dataclass(frozen=True, slots=True)
class Resources:
    """What a cluster is to hold of one flow.

    Attributes:
        name: The flow's.
        sources: What is to run of each module, by name; those that are there already in another way are left out.
        documents: In the order in which they are applied: sources, modules, the flow, its nodes.
    """

    name: str
    sources: Mapping[str, Source]
    documents: tuple[Document, ...]

    def of(self, kind: str) -> list[Document]:
        """The documents of one kind."""
        return [document for document in self.documents if document["kind"] == kind]


def resources(flow: Flow, sources: Mapping[str, Source], *, hot: bool, project: str = "") -> Resources:
    """The resources of a flow.

    Args:
        flow: Its definition.
        sources: By module.
        hot: Whether a new source is given to the running process.
        project: The project it belongs to.

    Raises:
        ManifestError: TF-117, a setting cannot be written down. SourceError: TF-172, a source is too large.
    """
    first, *nodes = to_documents(flow)
    metadata = first["metadata"]
    metadata["annotations"] = {**metadata.get("annotations", {}), NODES_SHA256: nodes_hash(nodes)}
    if project:
        metadata["labels"] = {PROJECT_LABEL: project}
    modules = [document for source in sources.values() for document in module_documents(source, hot=hot)]
    documents = (*sorted(modules, key=lambda document: str(document["kind"])), first, *nodes)
    return Resources(flow.name, dict(sources), documents)


def module_documents(source: Source, *, hot: bool) -> Iterator[Document]:
    """A source as a ConfigMap that never changes, and the module that points at it."""
    archive = source.archive()
    sha256 = source.sha256
    name = source_name(source.module, sha256)
    yield {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "labels": {MODULE_LABEL: source.module, SHA256: sha256[:12], **BY_PUSH},
            "annotations": {SHA256: sha256},
        },
        "immutable": True,
        "binaryData": {"source.zip": base64.b64encode(archive).decode()},
    }
    yield module_document(source.module, sha256, name, hot=hot)


def module_document(module: str, sha256: str, config_map: str, *, hot: bool) -> Document:
    """A module that runs the source in a ConfigMap."""
    return {
        "apiVersion": VERSION,
        "kind": "TinyModule",
        "metadata": {"name": module, "labels": BY_PUSH, **({"annotations": {HOT_RELOAD: "true"}} if hot else {})},
        "spec": {"source": {"sha256": sha256, "configMapRef": {"name": config_map}}},
    }


def owned_by(flow: Document, node: Document) -> Document:
    """A node that goes when its flow goes, whoever deletes that."""
    owner = {
        "apiVersion": VERSION,
        "kind": "TinyFlow",
        "name": flow["metadata"]["name"],
        "uid": flow["metadata"]["uid"],
    }
    return {**node, "metadata": {**node["metadata"], "ownerReferences": [owner]}}


def owners_of(node: Document) -> set[str]:
    """The uids of the flows that a node goes with: none where it was not pushed, or not with this release."""
    references = node["metadata"].get("ownerReferences") or ()
    return {str(one["uid"]) for one in references if one["kind"] == "TinyFlow"}


def modules_of(flow: Flow) -> list[str]:
    """The modules that a flow's nodes belong to, in the order in which they come; images are none to push."""
    names = dict.fromkeys(node.component.module for node in flow.nodes.values())
    return [name for name in names if not is_image(name)]


def is_pushed(document: Document) -> bool:
    """Whether a push made it."""
    return (document["metadata"].get("labels") or {}).get(MANAGED_BY) == PUSH


def is_image(module: str) -> bool:
    return "/" in module or ":" in module


def flow_of(node: Document) -> str:
    """The flow a TinyNode belongs to."""
    labels = node["metadata"].get("labels") or {}
    return str(labels.get(FLOW_LABEL) or node["metadata"]["name"].partition(".")[0])


def node_of(node: Document) -> str:
    """The name of a TinyNode within its flow."""
    return str(node["metadata"]["name"]).removeprefix(f"{flow_of(node)}.")


def names(documents: Iterable[Document]) -> set[str]:
    return {str(document["metadata"]["name"]) for document in documents}
