"""Blame says which parts of a document do not fit a type, all of them: a form shows each next to its field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyflow_runtime.payloads.conversion import convert_shape
from tinyflow_runtime.payloads.misfits import Misfit
from tinyflow_runtime.payloads.reading import shape_of
from tinyflow_runtime.payloads.shapes import DictOf, ListOf, OneOf, Record, Shape, TupleOf

__all__ = ["blame"]

Path = tuple[str | int, ...]  # field names and positions, from the whole document to the part
MOST = 50  # parts to blame: a person mends a few at a time


def blame(document: Any, tp: Any) -> dict[Path, str]:  # Any: a document of any shape, and a type
    """What is wrong with a document, by the path to the part; empty when it fits.

    A class's own refusal (``__post_init__``, a validator) is told in its own words.
    """
    found: dict[Path, str] = {}
    for path, what in _wrong(document, shape_of(tp), ()):
        found.setdefault(path, what)
        if len(found) >= MOST:
            break
    return found


def _wrong(value: Any, shape: Shape, path: Path) -> Iterator[tuple[Path, str]]:
    deeper = list(_inside(value, shape, path))
    if deeper:
        yield from deeper
        return
    try:
        convert_shape(value, shape)
    except Misfit as misfit:
        yield _told(misfit, path)


def _inside(value: Any, shape: Shape, path: Path) -> Iterator[tuple[Path, str]]:
    match shape:
        case Record() if shape.kind == "pydantic" and isinstance(value, Mapping):
            yield from _pydantic(value, shape, path)
        case Record() if isinstance(value, Mapping):
            for field in shape.fields:
                if field.alias in value:
                    yield from _wrong(value[field.alias], field.shape, (*path, field.alias))
                elif field.required:
                    yield (*path, field.alias), "It is needed."
        case ListOf() if isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                yield from _wrong(item, shape.item, (*path, index))
        case TupleOf() if isinstance(value, (list, tuple)) and len(value) == len(shape.items):
            for index, (item, one) in enumerate(zip(value, shape.items, strict=True)):
                yield from _wrong(item, one, (*path, index))
        case DictOf() if isinstance(value, Mapping):
            for key, item in value.items():
                yield from _wrong(item, shape.value, (*path, str(key)))
        case OneOf():
            chosen = _meant(value, shape)
            if chosen is not None:
                yield from _inside(value, chosen, path)


def _meant(value: Any, shape: OneOf) -> Shape | None:
    """The only option that is of the same kind as the value; None where it is not clear, or where one fits."""
    kinds = (Record, DictOf) if isinstance(value, Mapping) else (ListOf, TupleOf) if isinstance(value, list) else ()
    options = [option for option in shape.options if isinstance(option, kinds)]
    for option in options:
        try:
            convert_shape(value, option)
        except Misfit:
            continue
        return None
    return options[0] if len(options) == 1 else None


def _pydantic(value: Mapping[str, Any], shape: Record, path: Path) -> Iterator[tuple[Path, str]]:
    model: Any = shape.type  # pydantic is optional, so its types are not ours to name
    try:
        model.model_validate(dict(value))
    except ValueError as error:
        for each in error.errors() if hasattr(error, "errors") else ():
            if each.get("loc"):
                yield (*path, *each["loc"]), f"{each['msg']}."


def _told(misfit: Misfit, path: Path) -> tuple[Path, str]:
    if misfit.kind in ("missing", "unknown") and not misfit.path and misfit.name:
        return (*path, misfit.name), "It is needed." if misfit.kind == "missing" else "There is no such field."
    at = f"{misfit.path} {misfit.what}" if misfit.path else f"It {misfit.what}"
    return path, f"{at.rstrip('.')}."
