"""What is served: each kind of object with its names, its shape and its parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.cells import age, at_path
from tinyflow_operator.pocket.refusal import Cause
from tinyflow_operator.pocket.shape import Shape, shape_of

VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]

# Of every object's metadata. What is not here goes.
METADATA: Document = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("name", "generateName", "namespace", "uid", "resourceVersion")},
        **{name: {"type": "string"} for name in ("creationTimestamp", "deletionTimestamp", "selfLink")},
        **{name: {"type": "integer"} for name in ("generation", "deletionGracePeriodSeconds")},
        **{name: {"type": "object", "additionalProperties": {"type": "string"}} for name in ("labels", "annotations")},
        "finalizers": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "managedFields": {"type": "array", "items": {}},
        "ownerReferences": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["uid"],
            "items": {
                "type": "object",
                "required": ["apiVersion", "kind", "name", "uid"],
                "properties": {
                    **{name: {"type": "string"} for name in ("apiVersion", "kind", "name", "uid")},
                    **{name: {"type": "boolean"} for name in ("controller", "blockOwnerDeletion")},
                },
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table that kubectl draws.

    Attributes:
        cell: What is in it, of an object.
        priority: 0 is always drawn, more only when asked for.
    """

    name: str
    cell: Callable[[Document], Any]
    type: str = "string"
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where an object keeps how many there are to be, how many there are, and how to find them."""

    wanted: str = ".spec.replicas"
    there: str = ".status.replicas"
    selector: str = ""


def _no_check(_new: Document, _old: Document | None) -> list[Cause]:
    return []


@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A kind of object as it is served.

    Attributes:
        custom: Whether a definition made it; the built-in ones are a little other in many small ways.
        counts: Whether its generation counts changes of the spec.
        check: What its schema cannot say: what is wrong with a new object, seen beside the old one.
        ready: Completes an object that is written, in place.
    """

    group: str
    version: str
    plural: str
    kind: str
    shape: Shape
    namespaced: bool = True
    singular: str = ""
    listing: str = ""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    scale: Scale | None = None
    columns: tuple[Column, ...] = ()
    custom: bool = False
    counts: bool = True
    selectable: tuple[str, ...] = ()
    check: Callable[[Document, Document | None], list[Cause]] = _no_check
    ready: Callable[[Document], None] = lambda _: None
    schema: Document = field(default_factory=dict)

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def title(self) -> str:
        """As messages say it: ``tinynodes.tinyflow.dev``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def list_kind(self) -> str:
        return self.listing or f"{self.kind}List"

    def details(self, name: str) -> Document:
        return {"name": name, **({"group": self.group} if self.group else {}), "kind": self.plural}


def whole(schema: Document) -> Document:
    """A kind's schema with the metadata that every kind has; a kind may say more of its names, and of nothing else."""
    said = schema.get("properties", {}).get("metadata", {}).get("properties", {})
    names = {name: said[name] for name in ("name", "generateName") if name in said}
    metadata = {**METADATA, "properties": {**METADATA["properties"], **names}}
    top = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": metadata}
    return {"type": "object", **schema, "properties": {**schema.get("properties", {}), **top}}


def resource_of(definition: Document) -> Resource:
    """What a custom resource definition defines, in its stored version."""
    spec = definition["spec"]
    names = spec["names"]
    version = next(version for version in spec["versions"] if version.get("storage"))
    parts = version.get("subresources", {})
    scale = parts.get("scale")
    columns = [
        Column(
            column["name"],
            age(column["jsonPath"]) if column["type"] == "date" else at_path(column["jsonPath"]),
            column["type"],
            column.get("priority", 0),
            column.get("description", ""),
        )
        for column in version.get("additionalPrinterColumns", ())
    ]
    schema = version.get("schema", {}).get("openAPIV3Schema") or {"x-kubernetes-preserve-unknown-fields": True}
    paths = ("specReplicasPath", "statusReplicasPath", "labelSelectorPath")
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        shape=shape_of(whole(schema)),
        namespaced=spec["scope"] == "Namespaced",
        singular=names.get("singular") or names["kind"].lower(),
        listing=names.get("listKind", ""),
        short=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        status="status" in parts,
        scale=Scale(*(scale.get(path, "") for path in paths)) if scale else None,
        columns=tuple(columns) or (Column("Age", age(".metadata.creationTimestamp"), "date"),),
        custom=True,
        selectable=tuple(one["jsonPath"].lstrip(".") for one in version.get("selectableFields", ())),
        schema=schema,
    )
