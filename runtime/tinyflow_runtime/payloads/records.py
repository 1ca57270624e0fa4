"""A record is a class with named fields: a dataclass, a TypedDict, a NamedTuple, a msgspec Struct, a pydantic model."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from tinyflow_runtime.errors import ComponentError
from tinyflow_runtime.payloads.docstrings import documented
from tinyflow_runtime.payloads.optional import loaded
from tinyflow_runtime.payloads.reading import CACHED, merge_notes, shape_of
from tinyflow_runtime.payloads.shapes import ANYTHING, Field, Notes, Record

__all__ = ["build", "fields_of", "is_pydantic", "kind_of", "parts_of", "setters", "tag_of"]

Kind = Literal["dataclass", "typeddict", "namedtuple", "struct", "pydantic"]

_fields: dict[type, tuple[Field, ...]] = {}


def kind_of(tp: type) -> Kind | None:
    """Which kind of record a class is; None when it is none."""
    if typing.is_typeddict(tp):
        return "typeddict"
    if issubclass(tp, msgspec.Struct):
        return "struct"
    if is_pydantic(tp):
        return "pydantic"
    if dataclasses.is_dataclass(tp):
        return "dataclass"
    if issubclass(tp, tuple) and hasattr(tp, "_fields"):
        return "namedtuple"
    return None


def is_pydantic(tp: type) -> bool:
    """Whether a class is a pydantic model. pydantic is optional: nobody has a model who has not imported it."""
    pydantic = loaded("pydantic")
    return pydantic is not None and issubclass(tp, pydantic.BaseModel)


def tag_of(tp: type) -> tuple[str, Any] | None:
    """Name and value of the tag of a tagged Struct."""
    if not issubclass(tp, msgspec.Struct):
        return None
    config = tp.__struct_config__
    return (config.tag_field, config.tag) if config.tag_field is not None else None


def fields_of(record: Record) -> tuple[Field, ...]:
    """The fields of a record, read once per class.

    Raises:
        ComponentError: TF-113, an annotation of the class cannot be resolved.
    """
    known = _fields.get(record.type)
    if known is None:
        if len(_fields) >= CACHED:
            _fields.clear()
        known = _fields[record.type] = tuple(_READERS[record.kind](record))
    return known


def parts_of(value: Any, record: Record) -> dict[str, Any]:
    """The fields of a value, by name; a field that was deleted or never set is left out."""
    if record.kind == "typeddict":
        return dict(value)
    return {f.name: getattr(value, f.name) for f in record.fields if hasattr(value, f.name)}


def build(record: Record, parts: dict[str, Any]) -> Any:
    """A value of the record from its fields, by name; absent ones take their defaults."""
    if record.kind != "dataclass":
        return dict(parts) if record.kind == "typeddict" else record.type(**parts)
    late = {f.name for f in dataclasses.fields(record.type) if not f.init}
    value = record.type(**{name: part for name, part in parts.items() if name not in late})
    for name in late & parts.keys():
        object.__setattr__(value, name, parts[name])
    return value


def setters(tp: type, names: list[str]) -> list[Callable[[Any, Any], None]] | None:
    """What fills the slots of a class; None when its instances hold anything besides these slots."""
    found = [getattr(tp, name, None) for name in names]
    if tp.__dictoffset__ or not names or not all(isinstance(one, types.MemberDescriptorType) for one in found):
        return None
    return [one.__set__ for one in found]  # type: ignore[union-attr]  # as looked at


def _hints(record: Record) -> dict[str, Any]:
    try:
        return typing.get_type_hints(record.type, localns=dict(record.names), include_extras=True)
    except NameError as error:
        raise ComponentError(
            "TF-113",
            f"{record.type.__name__} has a field whose type {error.name!r} cannot be resolved.",
            f"Define or import {error.name} before {record.type.__name__}, in the same cell or an earlier one.",
        ) from error


def _field(record: Record, name: str, hint: Any, default: Callable[[], Any] | None, **more: Any) -> Field:
    shape = ANYTHING if hint is None else shape_of(hint, dict(record.names))
    notes = merge_notes(Notes(description=documented(record.type).get(name, "")), more.pop("notes", Notes()))
    return Field(
        name=name,
        alias=more.get("alias", name),
        shape=shape,
        required=more.get("required", default is None),
        default=default,
        notes=merge_notes(notes, shape.notes) if shape.notes else notes,
    )


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def _of_dataclass(record: Record) -> list[Field]:
    hints, found = _hints(record), []
    for field in dataclasses.fields(record.type):
        default: Callable[[], Any] | None = None
        if field.default is not dataclasses.MISSING:
            default = _constant(field.default)
        elif field.default_factory is not dataclasses.MISSING:
            default = field.default_factory
        said = field.metadata
        notes = Notes(str(said.get("title", "")), str(said.get("description", "")))
        required = default is None and field.init
        found.append(_field(record, field.name, hints[field.name], default, required=required, notes=notes))
    return found


def _of_typeddict(record: Record) -> list[Field]:
    required = record.type.__required_keys__  # type: ignore[attr-defined]  # is_typeddict does not narrow
    return [_field(record, name, hint, None, required=name in required) for name, hint in _hints(record).items()]


def _of_namedtuple(record: Record) -> list[Field]:
    hints = _hints(record)
    defaults: dict[str, Any] = record.type._field_defaults  # type: ignore[attr-defined]  # NamedTuple is no class
    names: tuple[str, ...] = record.type._fields  # type: ignore[attr-defined]
    return [
        _field(record, name, hints.get(name, Any), _constant(defaults[name]) if name in defaults else None)
        for name in names
    ]


def _of_struct(record: Record) -> list[Field]:
    hints, found = _hints(record), []
    for field in msgspec.structs.fields(record.type):
        default: Callable[[], Any] | None = None
        if field.default is not msgspec.NODEFAULT:
            default = _constant(field.default)
        elif field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory
        found.append(_field(record, field.name, hints[field.name], default, alias=field.encode_name))
    return found


def _of_pydantic(record: Record) -> list[Field]:
    found = []
    for name, info in record.type.model_fields.items():  # type: ignore[attr-defined]  # pydantic may be absent
        default = None if info.is_required() else (lambda info=info: info.get_default(call_default_factory=True))
        notes = Notes(title=info.title or "", description=info.description or "")
        field = _field(record, name, info.annotation, default, alias=info.alias or name, notes=notes)
        found.append(field)
    return found


_READERS: dict[Kind, Callable[[Record], list[Field]]] = {
    "dataclass": _of_dataclass,
    "typeddict": _of_typeddict,
    "namedtuple": _of_namedtuple,
    "struct": _of_struct,
    "pydantic": _of_pydantic,
}
