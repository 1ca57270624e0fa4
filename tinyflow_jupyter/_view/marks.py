"""Marks stand in a form's schema and value for what the browser must not have, or could not: secrets, and odd numbers.

They go both ways: ``{"$number": "nan"}`` for a number beyond them, and
``{"$kept": [path]}`` for a secret that is set and stays as it is.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.redaction import MASK, Redactor, is_secret_name
from tinyflow_runtime.schema import json_schema

if TYPE_CHECKING:
    from tinyflow_runtime.component import Port

__all__ = ["KEPT", "at", "copied", "masked", "reduced", "schema_of", "wired", "written"]

Json = Any  # what JSON can hold

KEPT, NUMBER = "$kept", "$number"
EXACT = 1 << 53  # integers from here on are not exact in JavaScript
DEEPEST = 60  # levels of a document in a form


def schema_of(port: Port, said: Mapping[str, Any] | None = None) -> dict[str, Json]:
    """The JSON Schema of a port, with its secret fields marked as such; empty where a type has none."""
    if said is None:
        try:
            said = json_schema(port.type)
        except Exception:  # a person's class may make its own schema, and fail: then any document is taken
            said = {}
    made = _marked(said, "")
    return made if isinstance(made, dict) else {}


def _marked(schema: Json, name: str) -> Json:
    """The schema with ``format: password`` at every text that is called like a secret, and no default of one."""
    if isinstance(schema, list):
        return [_marked(one, "") for one in schema]
    if not isinstance(schema, Mapping):
        return wired(schema)
    made = {
        key: {one: _marked(part, one) for one, part in value.items()}
        if key in ("properties", "$defs") and isinstance(value, Mapping)
        else _marked(value, name if key in ("anyOf", "items") else "")
        for key, value in schema.items()
    }
    kinds = schema.get("type")
    text = kinds == "string" or (isinstance(kinds, list) and "string" in kinds)
    if schema.get("writeOnly") or schema.get("format") == "password" or (text and is_secret_name(name)):
        made |= {"format": "password", "writeOnly": True}
        for key in ("default", "examples", "const", "enum"):
            made.pop(key, None)
    return made


def masked(document: Json, schema: Json, redactor: Redactor | None) -> Json:
    """A document as the browser may have it: secrets as marks, numbers beyond JavaScript as marks."""
    return wired(_masked(document, schema, schema.get("$defs", {}), redactor, []))


def _masked(document: Json, schema: Json, defs: Json, redactor: Redactor | None, path: list[Json]) -> Json:
    schema = _resolved(schema, defs, document)
    if len(path) > DEEPEST:
        return None
    if isinstance(document, Mapping):
        fields, others = schema.get("properties", {}), schema.get("additionalProperties")
        return {
            str(key): _masked(
                part,
                fields.get(key, others) if not is_secret_name(str(key)) else {"writeOnly": True},
                defs,
                redactor,
                [*path, str(key)],
            )
            for key, part in document.items()
        }
    if isinstance(document, (list, tuple)):
        first, rest = schema.get("prefixItems") or [], schema.get("items")
        if schema.get("writeOnly"):
            first, rest = [], {"writeOnly": True}
        return [
            _masked(part, first[index] if index < len(first) else rest, defs, redactor, [*path, index])
            for index, part in enumerate(document)
        ]
    if isinstance(document, (str, bytes)) and document:
        if schema.get("writeOnly") or schema.get("format") == "password":
            return {KEPT: path}
        if isinstance(document, str) and redactor is not None and redactor.text(document) != document:
            return {KEPT: path}
    return document


def _resolved(schema: Json, defs: Json, document: Json) -> Mapping[str, Json]:
    """A schema without a reference or a choice in the way; of a choice, what may be secret counts."""
    for _ in range(DEEPEST):
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" in schema:
            named = defs.get(str(schema["$ref"]).rpartition("/")[2], {})
            schema = {**named, **{key: value for key, value in schema.items() if key != "$ref"}}
            continue
        options = [_resolved(one, defs, document) for one in (*schema.get("anyOf", ()), *schema.get("allOf", ()))]
        fitting = [one for one in options if _alike(one, document)]
        merged: dict[str, Json] = {}
        for one in fitting:
            merged |= {**one, "properties": {**merged.get("properties", {}), **one.get("properties", {})}}
        return {**merged, **schema}
    return {}


def _alike(schema: Mapping[str, Json], document: Json) -> bool:
    kinds = schema.get("type")
    kind = "object" if isinstance(document, Mapping) else "array" if isinstance(document, (list, tuple)) else "string"
    if not isinstance(document, (Mapping, list, tuple, str, bytes)):
        return True
    return kinds is None or kinds == kind or (isinstance(kinds, list) and kind in kinds)


def written(document: Json, kept: Callable[[list[Json]], Json]) -> Json:
    """What a person wrote, with the marks replaced by what they stand for.

    Args:
        document: From the browser.
        kept: Finds the secret at a path of the value that the form was made of.
    """
    if isinstance(document, Mapping):
        if document.keys() == {NUMBER}:
            return _number(document[NUMBER])
        if document.keys() == {KEPT}:
            return kept(list(document[KEPT]))
        return {str(key): written(value, kept) for key, value in document.items()}
    return [written(value, kept) for value in document] if isinstance(document, list) else document


def _number(text: Json) -> Json:
    for kind in (int, float):
        try:
            return kind(str(text)[:400])
        except ValueError:
            continue
    return text


def wired(document: Json) -> Json:
    """A document with marks where JSON or JavaScript would say something else."""
    match document:
        case bool() | None:
            return document
        case int() if abs(document) >= EXACT:
            return {NUMBER: str(document) if document.bit_length() <= 1_024 else "a huge number"}
        case float() if not math.isfinite(document):
            return {NUMBER: repr(document)}
        case bytes():
            return base64.b64encode(document).decode()
        case str():
            return document.encode("utf-8", "replace").decode("utf-8")
        case Mapping():
            return {str(key): wired(value) for key, value in document.items()}
        case list() | tuple():
            return [wired(value) for value in document]
        case int() | float():
            return document
    return str(type(document).__name__)


def copied(document: Json, redactor: Redactor) -> str:
    """A document as text for somebody's clipboard: secrets are masks, a text stands without quotes."""
    text = unmarked(masked(document, {}, redactor))
    return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False, indent=2)


def unmarked(document: Json) -> Json:
    """A document with what a person reads in place of the marks."""
    if isinstance(document, Mapping):
        if document.keys() == {KEPT}:
            return MASK
        if document.keys() == {NUMBER}:
            return _number(document[NUMBER])
        return {key: unmarked(value) for key, value in document.items()}
    return [unmarked(value) for value in document] if isinstance(document, list) else document


def at(document: Json, path: Iterable[Json]) -> Json:
    """The part of a document at a path; the mask where there is none, which no secret is."""
    for key in path:
        try:
            document = document[key]
        except (LookupError, TypeError):
            return MASK
    return document


def reduced(document: Mapping[str, Json], schema: Mapping[str, Json], given: Iterable[str]) -> dict[str, Json]:
    """Settings without what says no more than the default: a flow that is written down says what somebody chose."""
    fields, known = schema.get("properties", {}), set(given)
    return {
        key: value
        for key, value in document.items()
        if key in known or "default" not in fields.get(key, {}) or fields[key]["default"] != wired(value)
    }
