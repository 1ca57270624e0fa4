"""The names by which objects belong together."""

from __future__ import annotations

import hashlib
import random

from tinyflow_runtime.ports import is_label

from tinyflow_operator.kinds import Document

LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # of generated names, as Kubernetes has them: they make no words
LONGEST = 63  # letters of a name that becomes a host's


def ending() -> str:
    """Five letters that make a name unlike others."""
    return "".join(random.choices(LETTERS, k=5))


def flow_of(node: Document) -> str:
    """The name of a node's flow: ``metadata.name`` is ``<flow>.<node>``."""
    return str(node["metadata"]["name"]).partition(".")[0]


def name_of(node: Document) -> str:
    """The node's name within its flow."""
    return str(node["metadata"]["name"]).partition(".")[2]


def is_named_well(node: Document) -> bool:
    """Whether a node's name is that of a flow and that of a node."""
    return is_label(flow_of(node)) and is_label(name_of(node))


def secret_name(module: str) -> str:
    """What the Secret with a module's certificate is called."""
    return f"{workload_name(module)}-tls"


def workload_name(module: str) -> str:
    """What a module's Deployment and Service are called: never as something else that is there may be called."""
    name = f"tm-{module}"
    if len(name) <= LONGEST:
        return name
    return f"{name[: LONGEST - 9]}-{hashlib.sha256(module.encode()).hexdigest()[:8]}"
