"""Conversion: a JSON-like document becomes a value of a type: settings, what is sent by hand, what a mapping made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tinyflow_runtime.payloads.misfits import Misfit, payload_error
from tinyflow_runtime.payloads.reading import shape_of
from tinyflow_runtime.payloads.records import build
from tinyflow_runtime.payloads.scalars import scalar, within
from tinyflow_runtime.payloads.shapes import (
    Anything,
    Choice,
    DictOf,
    Field,
    Instance,
    ListOf,
    OneOf,
    Record,
    Scalar,
    Shape,
    TupleOf,
)
from tinyflow_runtime.payloads.words import describe, show

__all__ = ["convert", "convert_shape", "fields_named", "is_twin"]


def convert(value: Any, tp: Any, *, path: str = "") -> Any:
    """Make a value of ``tp`` from a JSON-like document.

    A value that is one already stays the same object; a dict becomes a dataclass, a list a tuple, a text a date or the
    member of an enum. An int stays an int where a float is asked for. Nothing is guessed: ``"3"`` is no int.

    Args:
        value: The document.
        tp: The type, or what is inside ``Annotated``.
        path: What the document itself is called in errors; ``"message"`` when empty.

    Raises:
        PayloadError: TF-123; names the path of the part that does not fit, such as ``message.sizes[2].width``.
    """
    try:
        return convert_shape(value, shape_of(tp))
    except Misfit as misfit:
        raise payload_error(misfit, path=path) from None


def convert_shape(value: Any, shape: Shape) -> Any:
    """``convert`` for a shape; raises ``Misfit``."""
    return _CONVERTERS[type(shape)](value, shape)


def _anything(value: Any, shape: Anything) -> Any:
    return value


def _instance(value: Any, shape: Instance) -> Any:
    if isinstance(value, shape.type):
        return value
    raise Misfit(f"{show(value)}, not {describe(shape)}")


def _choice(value: Any, shape: Choice) -> Any:
    if shape.type is not None:
        return _member(value, shape)
    for choice in shape.values:
        if choice == value and type(choice) is type(value):
            return choice
    known = [str(choice) for choice in shape.values if isinstance(choice, str)]
    raise Misfit(f"{show(value)}, not {describe(shape)}", name=str(value), known=known)


def _member(value: Any, shape: Choice) -> Any:
    if isinstance(value, shape.type or object):
        return value
    for member in shape.values:
        if member.value == value and type(member.value) is type(value):
            return member
    raise Misfit(f"{show(value)}, not {describe(shape)}")


def _list(value: Any, shape: ListOf) -> Any:
    if not isinstance(value, (list, tuple, set, frozenset)) or isinstance(value, (str, bytes)):
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    items = [_part(item, shape.item, f"[{index}]") for index, item in enumerate(value)]
    fits = isinstance(value, shape.accepts)
    if fits and all(new is old for new, old in zip(items, value, strict=True)):
        made = value
    else:
        made = (type(value) if fits and type(value) in shape.accepts else shape.type)(items)
    if not within(made, shape.bounds):
        raise Misfit(f"has {len(made)} items; {describe(shape)} is asked for")
    return made


def _dict(value: Any, shape: DictOf) -> Any:
    if not isinstance(value, Mapping):
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    made = {_part(key, shape.key, f"[{key!r}]"): _part(item, shape.value, f"[{key!r}]") for key, item in value.items()}
    if not within(made, shape.bounds):
        raise Misfit(f"has {len(made)} keys; {describe(shape)} is asked for")
    same = isinstance(value, dict) and all(
        key is old_key and item is old for (key, item), (old_key, old) in zip(made.items(), value.items(), strict=True)
    )
    return value if same else made


def _tuple(value: Any, shape: TupleOf) -> Any:
    if not isinstance(value, (list, tuple)):
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    if len(value) != len(shape.items):
        raise Misfit(f"has {len(value)} items; {describe(shape)} has {len(shape.items)}")
    items = [_part(item, one, f"[{index}]") for index, (item, one) in enumerate(zip(value, shape.items, strict=True))]
    same = isinstance(value, tuple) and all(new is old for new, old in zip(items, value, strict=True))
    return value if same else tuple(items)


def _part(value: Any, shape: Shape, step: str) -> Any:
    try:
        return convert_shape(value, shape)
    except Misfit as misfit:
        raise misfit.under(step) from None


def _record(value: Any, shape: Record) -> Any:
    if shape.kind != "typeddict" and isinstance(value, shape.type):
        return value  # an instance is taken at its class's word, as Python itself does
    parts = _document_of(value, shape)
    if shape.kind == "pydantic":
        return _pydantic(parts, shape)
    found: dict[str, Any] = {}
    for field in shape.fields:
        if field.alias in parts:
            found[field.name] = _part(parts.pop(field.alias), field.shape, field.alias)
        elif field.required:
            raise Misfit(f"has no {field.alias!r}", kind="missing", name=field.alias)
    if parts and shape.kind != "typeddict":
        name, known = str(next(iter(parts))), [field.alias for field in shape.fields]
        raise Misfit(f"has no field {name!r}", kind="unknown", name=name, known=known)
    if shape.kind == "typeddict":
        same = all(found[name] is value[name] for name in found)
        return value if same and isinstance(value, dict) else {**parts, **found}
    return _built(shape, found)


def _document_of(value: Any, shape: Record) -> dict[str, Any]:
    if isinstance(value, Mapping):
        parts = dict(value)
    elif shape.kind == "namedtuple" and isinstance(value, (list, tuple)):
        if len(value) > len(shape.fields):
            raise Misfit(f"has {len(value)} items; {describe(shape)} has {len(shape.fields)}")
        parts = dict(zip((field.alias for field in shape.fields), value, strict=False))
    elif is_twin(type(value), shape):
        parts = {field.alias: getattr(value, field.name) for field in shape.fields if hasattr(value, field.name)}
    else:
        raise Misfit(f"{show(value)}, not {describe(shape)}")
    if shape.tag is not None and shape.tag[0] in parts:
        if parts.pop(shape.tag[0]) != shape.tag[1]:
            raise Misfit(f"is not a {describe(shape)}: its {shape.tag[0]!r} is not {shape.tag[1]!r}")
    return parts


def is_twin(tp: type, record: Record) -> bool:
    """Whether two classes are one that was made twice: its cell was run again, and an older value is on its way."""
    return (
        record.kind != "typeddict"
        and tp is not record.type
        and (tp.__module__, tp.__qualname__) == (record.type.__module__, record.type.__qualname__)
    )


def _built(shape: Record, found: dict[str, Any]) -> Any:
    try:
        return build(shape, found)
    except Exception as error:  # the class's own __init__ or __post_init__ refuses: whatever it raises is the reason
        raise Misfit(f"is refused by {shape.type.__name__}: {error}") from error


def _pydantic(parts: dict[str, Any], shape: Record) -> Any:
    model: Any = shape.type  # pydantic is optional, so its types are not ours to name
    try:
        return model.model_validate(parts)
    except ValueError as error:
        first = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        misfit = Misfit(f"does not fit {shape.type.__name__}: {first['msg']}")
        if first.get("type") == "missing":
            misfit = Misfit(f"has no {first['loc'][-1]!r}", kind="missing", name=str(first["loc"][-1]))
            first["loc"] = first["loc"][:-1]
        for step in reversed(first["loc"]):
            misfit.under(f"[{step}]" if isinstance(step, int) else str(step))
        raise misfit from None


def _one_of(value: Any, shape: OneOf) -> Any:
    misfits: list[Misfit] = []
    converted: list[Any] = []
    for option in shape.options:
        try:
            found = convert_shape(value, option)
        except Misfit as misfit:
            misfits.append(misfit)
            continue
        if found is value:
            return value
        converted.append(found)
    if converted:
        return converted[0]
    deep = [misfit for misfit in misfits if misfit.path or misfit.kind != "value"]
    if len(deep) == 1:
        raise deep[0]
    raise Misfit(f"{show(value)}, not {describe(shape)}")


# A table, where a match would ask one class after the other; this runs for every part of every document.
_CONVERTERS: dict[type[Shape], Callable[[Any, Any], Any]] = {
    Anything: _anything,
    Scalar: scalar,
    Choice: _choice,
    ListOf: _list,
    DictOf: _dict,
    TupleOf: _tuple,
    Record: _record,
    OneOf: _one_of,
    Instance: _instance,
}


def fields_named(shape: Shape) -> tuple[Field, ...]:
    """The fields of a shape, when it is a record; of the record in a union such as ``Settings | None``."""
    if isinstance(shape, OneOf):
        records = [option for option in shape.options if isinstance(option, Record)]
        return records[0].fields if len(records) == 1 else ()
    return shape.fields if isinstance(shape, Record) else ()
