"""Redaction masks secrets where messages are observed, before they leave the process; what flows is never touched.

A value is masked when its type declares it secret, when its field is called like one, when it looks like one, and
wherever the value of a known secret turns up again. Masks are not secret-proof: what a component computes from a
secret is not known to be one.
"""

from __future__ import annotations

import base64
import re
import urllib.parse
from collections import OrderedDict
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from tinyflow_runtime.observation.secretshapes import SHAPES
from tinyflow_runtime.schema import encode, json_schema

__all__ = ["MASK", "Redactor", "Secret", "is_secret_name"]

# Any: payloads and JSON Schemas are documents of every shape.

MASK = "•••"
SHORTEST = 6  # characters of a value that is looked for elsewhere: shorter ones are everywhere
KNOWN = 500  # secrets looked for elsewhere, in several forms each; beyond it the oldest are forgotten

Secret = Annotated[str, msgspec.Meta(extra_json_schema={"format": "password", "writeOnly": True})]
"""A text that is masked wherever it is observed: ``def call(x: str, *, key: Secret) -> str``."""

_NAMES = re.compile(
    r"(?i)(^|[_\-.])(pass(word|wd|phrase)?|secrets?|credentials?|authorization|cookies?|tokens?|api[_-]?keys?"
    r"|(private|access|secret|signing|encryption)[_-]?keys?)($|[_\-.])"
)
# Masking costs a reader less than a secret that is shown: these two are looser than what a module's text is held to.
_SHAPES = [
    *((mark, shape.pattern) for shape in SHAPES for mark in shape.marks),
    ("earer ", re.compile(r"(?<=[Bb]earer )[\w.~+/-]{8,}=*")),
    ("://", re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)")),  # who and password of an address
]
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Redactor:
    """Masks what leaves one process, and knows the secrets that were given to it."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self._known: OrderedDict[str, list[str]] = OrderedDict()  # the forms of each
        self._schemas: dict[Any, dict[str, Any] | None] = {}
        for name, value in (environment or {}).items():
            if is_secret_name(name):
                self._learn(value)

    def payload(self, payload: Any, *, name: str = "", type: Any = Any) -> bytes:  # noqa: A002  # a port's own word
        """A payload as MessagePack, masked.

        Args:
            payload: As it was seen.
            name: The port's.
            type: The port's, which may declare parts of it secret.

        Raises:
            PayloadError: TF-120, a part can be sent to nobody.
        """
        return msgspec.msgpack.encode(self.document(payload, name=name, type=type))

    def document(self, payload: Any, *, name: str = "", type: Any = Any) -> Any:  # noqa: A002  # as above
        """The same, as lists, dicts and plain values."""
        document = msgspec.msgpack.decode(encode(payload))  # arrays stay the bytes that they are on the wire
        schema = self._schema(type)
        if schema is not None:
            document = self._declared(document, schema, schema.get("$defs", {}))
        return self._mask(document, named=is_secret_name(name))

    def declares(self, tp: Any) -> bool:
        """Whether a type says that a part of its values is secret."""
        return self._schema(tp) is not None

    def learn(self, settings: Any, *, type: Any) -> None:  # noqa: A002  # as above
        """Remember what is secret in settings: wherever these values turn up they are masked."""
        before = msgspec.msgpack.decode(encode(settings))
        self._compare(before, self.document(settings, type=type))

    def text(self, text: str) -> str:
        """A line of a log, a reason: masked by shape and by known value."""
        if len(text) < SHORTEST:
            return text
        for mark, shape in _SHAPES:
            if mark in text:
                text = shape.sub(MASK, text)
        for forms in list(self._known.values()):
            if len(forms[-1]) > len(text):  # the shortest: most texts are shorter than most secrets
                continue
            for form in forms:
                if form in text:
                    text = text.replace(form, MASK)
        return text

    def _schema(self, tp: Any) -> dict[str, Any] | None:
        """The schema of a type that declares something secret."""
        try:
            return self._schemas[tp]
        except KeyError:
            schema = self._schemas[tp] = _secret_schema(tp)
            return schema
        except TypeError:  # a type whose notes have no hash
            return _secret_schema(tp)

    def _declared(self, document: Any, schema: Any, defs: Any) -> Any:
        if not isinstance(schema, dict):
            return document
        if "$ref" in schema:
            return self._declared(document, defs.get(schema["$ref"].rpartition("/")[2]), defs)
        if schema.get("format") == "password" or schema.get("writeOnly"):
            return _hide(document)
        for each in [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]:
            document = self._declared(document, each, defs)
        if isinstance(document, dict):
            parts, others = schema.get("properties", {}), schema.get("additionalProperties")
            return {key: self._declared(value, parts.get(key, others), defs) for key, value in document.items()}
        if isinstance(document, list):
            first, rest = schema.get("prefixItems", []), schema.get("items")
            return [
                self._declared(value, first[i] if i < len(first) else rest, defs) for i, value in enumerate(document)
            ]
        return document

    def _mask(self, document: Any, *, named: bool) -> Any:
        match document:
            case str():
                return _hide(document) if named else self.text(document)
            case bytes():
                return _hide(document) if named else self._bytes(document)
            case dict():
                return {
                    self.text(key) if isinstance(key, str) else key: self._mask(
                        value, named=named or (isinstance(key, str) and is_secret_name(key))
                    )
                    for key, value in document.items()
                }
            case list():
                return [self._mask(value, named=named) for value in document]
        return document  # a number called "tokens" is a count

    def _bytes(self, document: bytes) -> bytes:
        text = document.decode("latin-1")
        masked = self.text(text)
        return document if masked == text else masked.encode("utf-8")

    def _compare(self, plain: Any, masked: Any) -> None:
        """Remember what a mask lies over."""
        match plain, masked:
            case dict(), dict():
                for key, value in plain.items():
                    self._compare(value, masked.get(key))
            case list(), list():
                for value, other in zip(plain, masked, strict=True):
                    self._compare(value, other)
            case str(), str() if masked == MASK != plain:
                self._learn(plain)

    def _learn(self, value: str) -> None:
        if len(value) < SHORTEST:
            return
        if value not in self._known:
            coded = [_base64(value.encode(), before) for before in range(3)]
            safe = [form.translate(str.maketrans("+/", "-_")) for form in coded]
            forms = {value, *coded, *safe, urllib.parse.quote(value, safe="")}
            self._known[value] = sorted(forms, key=len, reverse=True)
        self._known.move_to_end(value)
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)


def _hide(document: Any) -> Any:
    """The mask; what is empty says nothing."""
    match document:
        case dict():
            return {key: _hide(value) for key, value in document.items()}
        case list():
            return [_hide(value) for value in document]
        case None | "" | b"":
            return document
    return MASK


def _base64(raw: bytes, before: int) -> str:
    """What a value looks like in base64 after so many other bytes; without what depends on its neighbours."""
    coded = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
    return coded[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]


def is_secret_name(name: str) -> bool:
    """Whether what is called like this is a secret."""
    return _NAMES.search(_CAMEL.sub("_", name)) is not None


def _secret_schema(tp: Any) -> dict[str, Any] | None:
    try:
        schema = json_schema(tp)
    except Exception:  # a type that has no schema declares nothing
        return None
    text = str(schema)
    return schema if "'password'" in text or "'writeOnly'" in text else None
