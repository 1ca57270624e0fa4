"""Fits an object to its shape: unknown fields go, defaults come, and whatever is wrong is told, all of it at once."""

from __future__ import annotations

import base64
import binascii
import copy
import re
from typing import Any

from tinyflow_operator.pocket.equal import encode
from tinyflow_operator.pocket.refusal import Cause
from tinyflow_operator.pocket.shape import ANY, MISSING, Shape

TYPES: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
WRONG_TYPE = "FieldValueTypeInvalid"
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")


class Fit:
    """One look through an object.

    Attributes:
        unknown: The fields that were left out, as ``spec.nested.unknown``.
        causes: What is wrong.
    """

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self.causes: list[Cause] = []

    def fit(self, shape: Shape, value: Any, path: str) -> Any:
        """The value as it is kept; what came in is changed in place."""
        if shape is ANY:
            return value
        kind = TYPES[type(value)]
        wanted = shape.type
        if shape.either and kind not in ("integer", "string"):
            self._wrong_type(path, "integer,string", kind)
            return value
        if kind == "object" and wanted in ("object", ""):
            return self._object(shape, value, path)
        if kind == "array" and wanted in ("array", ""):
            return self._array(shape, value, path)
        if wanted and kind != wanted and not (kind == "null" and shape.nullable):
            if wanted == "number" and kind == "integer":
                self._scalar(shape, value, path)
            elif wanted == "integer" and kind == "number" and value == int(value):
                value = int(value)
                self._scalar(shape, value, path)
            else:
                self._wrong_type(path, wanted, kind)
            return value
        if kind != "null":
            self._scalar(shape, value, path)
        return value

    def hold(self, shape: Shape, value: Any, old: Any, path: str) -> None:
        """Hold a value that fits to the rules of its shape, seen beside the old one (MISSING when there is none)."""
        for rule in shape.rules:
            if rule.holds is None or (rule.turns and old is MISSING):
                continue
            if not rule.holds({"self": value, **({} if old is MISSING else {"oldSelf": old})}):
                self._cause("FieldValueInvalid", f'Invalid value: "{shape.type}": {rule.message}', path)
        if isinstance(value, dict):
            for name, part in value.items():
                inner = shape.child(name)
                if inner is not None and inner.ruled:
                    before = old.get(name, MISSING) if isinstance(old, dict) else MISSING
                    self.hold(inner, part, before, _join(path, name))
        elif isinstance(value, list) and shape.items is not None and shape.items.ruled:
            for number, item in enumerate(value):
                self.hold(shape.items, item, _counterpart(shape, item, old), f"{path}[{number}]")

    def _object(self, shape: Shape, value: dict[str, Any], path: str) -> dict[str, Any]:
        fields, others = shape.fields, shape.others
        for name in list(value):
            part = fields.get(name) or others
            if part is None:
                self.unknown.append(_join(path, name))
                del value[name]
                continue
            inner = value[name]
            if inner is None and not part.nullable and part.type:
                del value[name]  # as if it were not there: its default takes its place
                continue
            kept = self.fit(part, inner, _join(path, name))
            if kept is not inner:
                value[name] = kept
        for name, default in shape.defaults:
            if name not in value:
                value[name] = self.fit(fields[name], copy.deepcopy(default), _join(path, name))
        for name in shape.required:
            if name not in value:
                self.causes.append(Cause("FieldValueRequired", "Required value", _join(path, name)))
        self._size(shape, len(value), path, "properties")
        return value

    def _array(self, shape: Shape, value: list[Any], path: str) -> list[Any]:
        items = shape.items or ANY
        for number, item in enumerate(value):
            kept = self.fit(items, item, f"{path}[{number}]")
            if kept is not item:
                value[number] = kept
        self._size(shape, len(value), path, "items")
        if shape.unique or shape.keys:
            self._distinct(shape, value, path)
        return value

    def _distinct(self, shape: Shape, value: list[Any], path: str) -> None:
        seen: set[bytes] = set()
        for number, item in enumerate(value):
            if shape.keys and not isinstance(item, dict):
                continue  # its type is trouble enough
            told = {key: item[key] for key in shape.keys if key in item} if shape.keys else item
            mark = encode(told)
            if mark in seen:
                shown = f"map[string]interface {{}}{mark.decode()}" if shape.keys else mark.decode()
                self._cause("FieldValueDuplicate", f"Duplicate value: {shown}", f"{path}[{number}]")
            seen.add(mark)

    def _size(self, shape: Shape, size: int, path: str, what: str) -> None:
        if shape.most is not None and size > shape.most:
            self._cause("FieldValueTooMany", f"Too many: {size}: must have at most {shape.most} {what}", path)
        if shape.fewest is not None and size < shape.fewest:
            said = f"Invalid value: {size}: {path} in body should have at least {shape.fewest} {what}"
            self._cause("FieldValueInvalid", said, path)

    def _scalar(self, shape: Shape, value: Any, path: str) -> None:
        if shape.enum and value not in shape.enum:
            known = ", ".join(f'"{one}"' for one in shape.enum)
            said = f"Unsupported value: {encode(value).decode()}: supported values: {known}"
            self._cause("FieldValueNotSupported", said, path)
        if isinstance(value, str):
            self._text(shape, value, path)
        elif not isinstance(value, bool):
            self._number(shape, value, path)

    def _text(self, shape: Shape, value: str, path: str) -> None:
        if shape.longest is not None and len(value) > shape.longest:
            self._cause("FieldValueTooLong", f"Too long: may not be longer than {shape.longest}", path)
        if shape.shortest is not None and len(value) < shape.shortest:
            self._invalid(value, f"should be at least {shape.shortest} chars long", path)
        if shape.pattern is not None and not shape.pattern.search(value):
            self._invalid(value, f"should match '{shape.pattern.pattern}'", path)
        if shape.form == "date-time" and not TIME.match(value):
            self._invalid(value, f'must be of type date-time: "{value}"', path)
        if shape.form == "byte" and not _base64(value):
            self._cause(WRONG_TYPE, f'Invalid value: "{value}": {path} in body must be of type byte', path)

    def _number(self, shape: Shape, value: float, path: str) -> None:
        low, high = shape.minimum, shape.maximum
        if high is not None and (value >= high if shape.beyond_maximum else value > high):
            self._invalid(value, f"should be less than {'' if shape.beyond_maximum else 'or equal to '}{high}", path)
        if low is not None and (value <= low if shape.beyond_minimum else value < low):
            wanted = f"should be greater than {'' if shape.beyond_minimum else 'or equal to '}{low}"
            self._invalid(value, wanted, path)

    def _wrong_type(self, path: str, wanted: str, found: str) -> None:
        self._cause(
            WRONG_TYPE,
            f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"',
            path,
        )

    def _invalid(self, value: Any, why: str, path: str) -> None:
        self._cause("FieldValueInvalid", f"Invalid value: {encode(value).decode()}: {path} in body {why}", path)

    def _cause(self, reason: str, message: str, path: str) -> None:
        self.causes.append(Cause(reason, message, path))


def _counterpart(shape: Shape, item: Any, old: Any) -> Any:
    """The item of the old list that has the same keys."""
    if not shape.keys or not isinstance(old, list):
        return MISSING
    return next((one for one in old if all(one.get(key) == item.get(key) for key in shape.keys)), MISSING)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
