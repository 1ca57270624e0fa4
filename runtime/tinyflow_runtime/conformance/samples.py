"""Samples: payloads that fit a JSON Schema, and one that does not, to try a port of which nothing else is known."""

from __future__ import annotations

from typing import Any

__all__ = ["misfit", "sample"]

# Any: payloads, and JSON Schemas, which are documents.

DEPTH = 8  # a type that holds itself ends somewhere

_OF_TYPE: dict[str, Any] = {"integer": 3, "number": 1.5, "string": "sample", "boolean": True, "null": None}
_OF_FORMAT = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05",
    "duration": "PT1S",
    "uuid": "12345678-1234-5678-1234-567812345678",
    "decimal": "1.5",
    "email": "a@example.org",
    "uri": "https://example.org/",
}


def sample(schema: Any, number: int = 0) -> Any:
    """A payload that fits; samples of other numbers are others, where the type has several."""
    return _sample(schema, schema.get("$defs", {}) if isinstance(schema, dict) else {}, number, 0)


def _sample(schema: Any, defs: dict[str, Any], number: int, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > DEPTH:
        return None
    if "$ref" in schema:
        return _sample(defs.get(schema["$ref"].rpartition("/")[2]), defs, number, depth + 1)
    for given in ("const", "default"):
        if given in schema:
            return schema[given]
    for several in ("enum", "examples"):
        if schema.get(several):
            return schema[several][number % len(schema[several])]
    for either in ("anyOf", "oneOf"):
        if schema.get(either):
            return _sample(schema[either][0], defs, number, depth + 1)
    kind: Any = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match kind:
        case "object":
            needed = set(schema.get("required", ()))
            parts = schema.get("properties", {}).items()
            return {name: _sample(part, defs, number, depth + 1) for name, part in parts if name in needed}
        case "array":
            count = max(len(schema.get("prefixItems", ())), schema.get("minItems", 0))
            first, rest = schema.get("prefixItems", []), schema.get("items")
            return [_sample(first[i] if i < len(first) else rest, defs, number, depth + 1) for i in range(count)]
        case "integer" | "number":
            return _number(schema, number, whole=kind == "integer")
        case "string":
            if schema.get("contentEncoding"):
                return b"sample"
            text = _OF_FORMAT.get(schema.get("format", ""), f"sample {number}")
            return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 1_000)]
    return _OF_TYPE.get(kind, number)  # no type: anything fits


def _number(schema: dict[str, Any], number: int, *, whole: bool) -> float:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    found = number * step if low is None else low + (number + 1) * step
    if high is not None and found >= high:
        found = high - step if low is None else (low + high) / 2
    return int(found) if whole else float(found)


def misfit(schema: Any) -> Any:
    """A payload that does not fit; None when there is none that certainly does not."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    return {
        "integer": "no number",
        "number": ["no number"],
        "string": {"no": "text"},
        "boolean": "neither",
        "object": 7,
        "array": 7,
    }.get(kind if isinstance(kind, str) else "")
