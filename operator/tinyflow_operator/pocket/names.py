"""Names, labels and annotations: what every object's metadata has to be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.refusal import Cause

MOST_ANNOTATIONS = 262_144  # bytes, of all of an object's together

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?\Z")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?\Z")
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")

SAID_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
SAID_DNS_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
    "and must start and end with an alphanumeric character"
)
SAID_LABEL = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
SAID_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)

# Labels and names come again and again; matching each of them each time is a tenth of a write.
_known: set[tuple[str, str]] = set()
_MOST_KNOWN = 10_000


def wrong_metadata(metadata: Document, kind: str) -> list[Cause]:
    """What is wrong with an object's metadata."""
    name = metadata.get("name")
    causes: list[Cause] = []
    if not name:
        causes.append(Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name"))
    else:
        causes += _wrong_name(str(name), kind)
    for field in ("labels", "annotations"):
        for key, value in (metadata.get(field) or {}).items():
            if (key, value if field == "labels" else "") not in _known:
                causes += _wrong_label(key, value, field)
    annotations = metadata.get("annotations")
    if annotations and sum(len(key) + len(value) for key, value in annotations.items()) > MOST_ANNOTATIONS // 4:
        size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
        if size > MOST_ANNOTATIONS:
            said = f"Too long: must have at most {MOST_ANNOTATIONS} bytes"
            causes.append(Cause("FieldValueTooLong", said, "metadata.annotations"))
    return causes


def _wrong_name(name: str, kind: str) -> Iterator[Cause]:
    pattern, said, most = SUBDOMAIN, SAID_SUBDOMAIN, 253
    if kind in ("Namespace", "Service"):
        pattern, said, most = DNS_LABEL, SAID_DNS_LABEL, 63
    if len(name) > most:
        said = f"must be no more than {most} characters"
    elif pattern.match(name):
        return
    yield Cause("FieldValueInvalid", f'Invalid value: "{name}": {said}', "metadata.name")


def _wrong_label(key: str, value: str, field: str) -> Iterator[Cause]:
    prefix, slash, name = key.rpartition("/")
    right = bool(LABEL_NAME.match(name)) and len(name) <= 63
    if slash:
        right = right and bool(SUBDOMAIN.match(prefix)) and len(prefix) <= 253
    if not right:
        yield Cause("FieldValueInvalid", f'Invalid value: "{key}": {SAID_LABEL}', f"metadata.{field}")
    elif field == "labels" and (len(value) > 63 or not LABEL_VALUE.match(value)):
        said = SAID_VALUE if len(value) <= 63 else "must be no more than 63 characters"
        yield Cause("FieldValueInvalid", f'Invalid value: "{value}": {said}', f"metadata.{field}")
    elif len(_known) < _MOST_KNOWN:
        _known.add((key, value if field == "labels" else ""))
