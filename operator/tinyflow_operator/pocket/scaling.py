"""The part ``scale`` of an object: how many there are to be, whatever kind it is."""

from __future__ import annotations

from typing import Any

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.cells import at_path
from tinyflow_operator.pocket.refusal import Cause, invalid
from tinyflow_operator.pocket.resources import Resource, Scale


def scale_of(resource: Resource, document: Document) -> Document:
    """The Scale of an object."""
    scale = resource.scale or Scale()
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata = {name: document["metadata"][name] for name in names if name in document["metadata"]}
    wanted, there = at_path(scale.wanted)(document), at_path(scale.there)(document)
    status: Document = {"replicas": there or 0}
    if selector := _selector(scale, document):
        status["selector"] = selector
    spec = {} if wanted is None else {"replicas": wanted}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def scaled(resource: Resource, document: Document, scale: Document) -> Document:
    """The object with as many wanted as its changed Scale says.

    Raises:
        Refusal: That is no number of replicas.
    """
    wanted = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
        cause = Cause(
            "FieldValueInvalid", f"Invalid value: {wanted}: should be a non-negative integer", "spec.replicas"
        )
        raise invalid(resource, document["metadata"]["name"], [cause])
    version = (scale.get("metadata") or {}).get("resourceVersion")
    changed = _put(document, (resource.scale or Scale()).wanted.lstrip(".").split("."), wanted)
    return {**changed, "metadata": {**changed["metadata"], **({"resourceVersion": version} if version else {})}}


def _put(document: Document, path: list[str], value: Any) -> Document:
    first, *rest = path
    return {**document, first: _put(document.get(first) or {}, rest, value) if rest else value}


def _selector(scale: Scale, document: Document) -> str:
    found = at_path(scale.selector)(document) if scale.selector else None
    if isinstance(found, dict):
        return ",".join(f"{name}={value}" for name, value in (found.get("matchLabels") or {}).items())
    return found or ""
