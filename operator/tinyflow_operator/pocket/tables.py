"""The tables that kubectl draws: their cells are looked up here, and only drawn there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.cells import at_path
from tinyflow_operator.pocket.resources import Column, Resource


def table(resource: Resource, documents: Iterable[Document], metadata: Document, shown: str) -> Document:
    """A Table of some objects.

    Args:
        metadata: The list's.
        shown: What comes with each row: ``"Metadata"``, ``"Object"`` or ``"None"``.
    """
    columns = [Column("Name", at_path(".metadata.name")), *resource.columns]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [
            {
                "name": column.name,
                "type": column.type,
                "format": "" if number else "name",
                "description": column.description or ("" if number else "The name of the object."),
                "priority": column.priority,
            }
            for number, column in enumerate(columns)
        ],
        "rows": list(_rows(columns, documents, shown)),
    }


def _rows(columns: list[Column], documents: Iterable[Document], shown: str) -> Iterator[Document]:
    for document in documents:
        row: Document = {"cells": [column.cell(document) for column in columns]}
        if shown == "Object":
            row["object"] = document
        elif shown != "None":
            partial = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
            row["object"] = {**partial, "metadata": document["metadata"]}
        else:
            row["object"] = None
        yield row
