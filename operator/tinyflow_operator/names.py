"""The labels, annotations and names by which objects belong together."""

from __future__ import annotations

import hashlib

from tinyflow_runtime.ports import is_label

from tinyflow_operator.kinds import Document

FLOW_LABEL = "tinyflow.dev/flow"
MODULE_LABEL = "tinyflow.dev/module"
PROJECT_LABEL = "tinyflow.dev/project"
SHA256 = "tinyflow.dev/sha256"  # as a label its first twelve digits, as an annotation all of them
NODES_SHA256 = "tinyflow.dev/nodes-sha256"  # of a TinyFlow: the nodes that were pushed with it
HOT_RELOAD = "tinyflow.dev/hot-reload"  # of a TinyModule: a new source goes into the running process
ADDRESS = "tinyflow.dev/address"  # of a Pod: where its module listens
SOURCE_SHA256 = "tinyflow.dev/source-sha256"  # of a pod template: the revision its module serves
REQUIREMENTS_SHA256 = "tinyflow.dev/requirements-sha256"  # of a pod template: the lock its dependencies come from
MANAGED = {"app.kubernetes.io/managed-by": "tinyflow"}

LONGEST = 63  # letters of a name that becomes a host's


def flow_of(node: Document) -> str:
    """The name of a node's flow: ``metadata.name`` is ``<flow>.<node>``."""
    return str(node["metadata"]["name"]).partition(".")[0]


def name_of(node: Document) -> str:
    """The node's name within its flow."""
    return str(node["metadata"]["name"]).partition(".")[2]


def is_named_well(node: Document) -> bool:
    """Whether a node's name is that of a flow and that of a node."""
    return is_label(flow_of(node)) and is_label(name_of(node))


def workload_name(module: str) -> str:
    """What a module's Deployment and Service are called: never as something else that is there may be called."""
    name = f"tm-{module}"
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha256(module.encode()).hexdigest()[:8]}"


def source_name(module: str, sha256: str) -> str:
    """What the ConfigMap of one revision is called."""
    return f"tm-{module}-{sha256[:12]}"
