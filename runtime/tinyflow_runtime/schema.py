"""JSON Schema 2020-12 of a type, fit for a form; and the names under which the rest of the runtime knows types."""

from __future__ import annotations

import datetime
import decimal
import enum
import pathlib
import uuid
from typing import Any, Literal

from tinyflow_runtime.payloads.checks import Check, check
from tinyflow_runtime.payloads.codec import decode, encode
from tinyflow_runtime.payloads.columns import snapshots
from tinyflow_runtime.payloads.conversion import convert
from tinyflow_runtime.payloads.docstrings import summary
from tinyflow_runtime.payloads.fits import certain, fits
from tinyflow_runtime.payloads.mutability import immutable
from tinyflow_runtime.payloads.reading import shape_of
from tinyflow_runtime.payloads.shapes import (
    INT_MAX,
    INT_MIN,
    Bounds,
    Choice,
    DictOf,
    Field,
    Instance,
    ListOf,
    Notes,
    OneOf,
    Record,
    Scalar,
    Shape,
    TupleOf,
)
from tinyflow_runtime.payloads.snapshots import snapshot
from tinyflow_runtime.payloads.words import type_name

__all__ = [
    "INT_MAX",
    "INT_MIN",
    "Check",
    "certain",
    "check",
    "convert",
    "decode",
    "document_of",
    "encode",
    "fits",
    "immutable",
    "json_schema",
    "snapshot",
    "snapshots",
    "type_name",
]

Schema = dict[str, Any]  # Any: a JSON document

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(tp: Any) -> Schema:
    """The schema of a type, with titles, descriptions, bounds, defaults and the labels of enums.

    Records go to ``$defs`` when something refers to them; the record that *is* the type stands at the top, so that a
    form finds its fields at once.
    """
    shape = shape_of(tp)
    writer = _Writer()
    schema = writer.write(shape)
    if isinstance(shape, Record) and "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        top = writer.defs[name] if name in writer.reused else writer.defs.pop(name)
        schema = {**top, **rest}
    schema = {"$schema": DIALECT, **schema}
    return {**schema, "$defs": writer.defs} if writer.defs else schema


_SCALARS: dict[type, Schema] = {
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
    bytes: {"type": "string", "contentEncoding": "base64"},
    bytearray: {"type": "string", "contentEncoding": "base64"},
    decimal.Decimal: {"type": "string", "format": "decimal"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    datetime.timedelta: {"type": "string", "format": "duration"},
    pathlib.Path: {"type": "string", "format": "path"},
    pathlib.PurePath: {"type": "string", "format": "path"},
}


class _Writer:
    """Writes one schema; collects the records on the way."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}
        self.reused: set[str] = set()  # referred to from inside themselves, so they must stay in $defs
        self._names: dict[type, str] = {}
        self._open: set[type] = set()

    def write(self, shape: Shape) -> Schema:
        schema = self._plain(shape)
        return {**schema, **_noted(shape.notes)} if shape.notes else schema

    def _plain(self, shape: Shape) -> Schema:
        match shape:
            case Scalar():
                return {**_SCALARS[shape.type], **_bounded(shape.bounds, shape)}
            case Choice():
                return _choice(shape)
            case ListOf():
                unique: Schema = {"uniqueItems": True} if shape.type in (set, frozenset) else {}
                items = self.write(shape.item)
                return {
                    "type": "array",
                    **({"items": items} if items else {}),
                    **unique,
                    **_bounded(shape.bounds, shape),
                }
            case TupleOf():
                parts = [self.write(item) for item in shape.items]
                return {"type": "array", "prefixItems": parts, "items": False, "minItems": len(parts)}
            case DictOf():
                values = self.write(shape.value)
                more: Schema = {"additionalProperties": values} if values else {}
                return {"type": "object", **more, **_bounded(shape.bounds, shape)}
            case OneOf():
                return self._one_of(shape)
            case Record():
                return self._reference(shape)
            case Instance():
                return {"title": shape.type.__name__}
        return {}

    def _one_of(self, shape: OneOf) -> Schema:
        options = [self.write(option) for option in shape.options]
        if all(option.keys() == {"type"} for option in options):
            return {"type": [option["type"] for option in options]}
        return {"anyOf": options}

    def _reference(self, record: Record) -> Schema:
        name = self._names.get(record.type)
        if name is None:
            name = record.type.__name__
            while name in self.defs:  # two classes of one name: the second gets a number, never the first's fields
                name = f"{name}{len(self.defs)}"
            self._names[record.type] = name
            self.defs[name] = {}
            self._open.add(record.type)
            self.defs[name] = self._pydantic(record) if record.kind == "pydantic" else self._record(record)
            self._open.discard(record.type)
        elif record.type in self._open:
            self.reused.add(name)
        return {"$ref": f"#/$defs/{name}"}

    def _record(self, record: Record) -> Schema:
        fields = record.fields
        schema: Schema = {"title": record.type.__name__, "type": "object"}
        if text := summary(record.type):
            schema["description"] = text
        if record.kind == "namedtuple":  # its document is a list, as that of every tuple
            parts = [self._property(field) for field in fields]
            least = sum(field.required for field in fields)
            return {**schema, "type": "array", "prefixItems": parts, "items": False, "minItems": least}
        schema["properties"] = {field.alias: self._property(field) for field in fields}
        if record.tag is not None:
            schema["properties"] = {record.tag[0]: {"const": record.tag[1]}, **schema["properties"]}
        if required := [field.alias for field in fields if field.required]:
            schema["required"] = required
        if record.kind != "typeddict":
            schema["additionalProperties"] = False
        return schema

    def _property(self, field: Field) -> Schema:
        schema = {**self.write(field.shape), "title": label(field.alias), **_noted(field.notes)}
        if field.default is not None:
            try:
                schema["default"] = document_of(field.default())
            except Exception:  # a default that needs a live world (a clock, a file) is no default of a form
                schema.pop("default", None)
        return schema

    def _pydantic(self, record: Record) -> Schema:
        model: Any = record.type  # pydantic is optional, so its types are not ours to name
        schema: Schema = model.model_json_schema()
        self.defs.update(schema.pop("$defs", {}))
        if "$ref" not in schema:
            return schema
        name = schema["$ref"].rpartition("/")[2]  # it contains itself, so pydantic has put it into its $defs
        self.reused.add(name)
        return self.defs[name]


def label(name: str) -> str:
    """A field's name as a form shows it: ``max_delay`` is ``Max delay``."""
    words = name.replace("_", " ").replace("-", " ").strip()
    return words[:1].upper() + words[1:]


def document_of(value: Any, *, order: Literal["sorted"] | None = None) -> Any:
    """A value as the JSON document it would be sent as; sorted, equal values make equal texts."""
    import msgspec

    return msgspec.to_builtins(value, enc_hook=_json_value, order=order)


def _json_value(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, pathlib.PurePath):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a document")


def _noted(notes: Notes) -> Schema:
    said: Schema = {}
    if notes.title:
        said["title"] = notes.title
    if notes.description:
        said["description"] = notes.description
    if notes.examples:
        said["examples"] = [document_of(example) for example in notes.examples]
    return {**said, **dict(notes.extra)}


def _bounded(bounds: Bounds, shape: Shape) -> Schema:
    length = {"minLength": bounds.min_length, "maxLength": bounds.max_length}
    if isinstance(shape, ListOf):
        length = {"minItems": bounds.min_length, "maxItems": bounds.max_length}
    elif isinstance(shape, DictOf):
        length = {"minProperties": bounds.min_length, "maxProperties": bounds.max_length}
    said = {
        "minimum": bounds.ge,
        "exclusiveMinimum": bounds.gt,
        "maximum": bounds.le,
        "exclusiveMaximum": bounds.lt,
        "multipleOf": bounds.multiple_of,
        "pattern": bounds.pattern,
        **length,
    }
    numbers = (int, float, str)  # JSON Schema cannot bound a date
    return {key: value for key, value in said.items() if isinstance(value, numbers)}


def _choice(shape: Choice) -> Schema:
    values = [value.value if isinstance(value, enum.Enum) else value for value in shape.values]
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    types = sorted({kinds[type(value)] for value in values if type(value) in kinds})
    kind: Schema = {"type": types[0]} if len(types) == 1 else {}
    if shape.type is None:
        return {**kind, "enum": values}
    schema: Schema = {"title": shape.type.__name__, **kind}
    if (text := summary(shape.type)) and not text.startswith("An enumeration"):
        schema["description"] = text
    labels = [{"const": document_of(member.value), "title": _enum_label(member)} for member in shape.values]
    return {**schema, "oneOf": labels}


def _enum_label(member: enum.Enum) -> str:
    return label(member.name.lower() if member.name.isupper() else member.name)
