"""A document is one custom resource as YAML has it; here it is read, and refused field by field."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tinyflow_runtime.errors import ManifestError, TinyFlowError, did_you_mean
from tinyflow_runtime.message import Address
from tinyflow_runtime.ports import NAME_RULE, is_label
from tinyflow_runtime.resources.labels import FLOW_LABEL, IMPORT, NOTES, POSITION, SCHEMAS

__all__ = [
    "EDITION",
    "FLOW_LABEL",
    "IMPORT",
    "POSITION",
    "VERSION",
    "Document",
    "Dumper",
    "Resource",
    "edition_of",
    "read",
]

Document = dict[str, Any]  # Any: whatever YAML has there

VERSION = "tinyflow.dev/v1alpha1"
EDITION = 3  # of the schemas: counts up when a field is added; who writes it needs definitions as new as that

KINDS = ("TinyFlow", "TinyNode", "TinyModule")  # a module's document may stand with its flow's, and says nothing of it

# Fields by kind of thing: their types, and whether they must be there. What a cluster adds is known, and passed over.
_TOP = {"apiVersion": (str, True), "kind": (str, True), "metadata": (dict, True), "spec": (dict, False)}
_FIELDS: dict[str, dict[str, tuple[type, bool]]] = {
    "document": {**_TOP, "status": (dict, False)},
    "metadata": {
        "name": (str, True),
        "labels": (dict, False),
        "annotations": (dict, False),
        **{name: (object, False) for name in ("namespace", "uid", "resourceVersion", "generation", "managedFields")},
        **{name: (object, False) for name in ("creationTimestamp", "ownerReferences", "finalizers", "selfLink")},
    },
    "TinyFlow": {"description": (str, False)},
    "TinyNode": {"module": (str, True), "component": (str, True), "ports": (list, False), "edges": (list, False)},
    "port": {"name": (str, True), "settings": (dict, False)},
    "edge": {
        "id": (str, True),
        "port": (str, True),
        "to": (str, True),
        "when": (str, False),
        "map": (str, False),
        "loop": (bool, False),
        "capacity": (int, False),
    },
}
_WORDS = {str: "a text", dict: "a mapping", list: "a list", bool: "true or false", int: "a whole number"}
_IMPORT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


_BREAKS = set("\r\x85\u2028\u2029\ufeff")  # end a line, for YAML


class Dumper(yaml.SafeDumper):
    """Writes what a person would: a text of several lines as one, and the same list twice rather than a reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.strip() else None
    if set(text) & _BREAKS:
        style = '"'  # the only one in which they are escaped: bare, they come back as blanks
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)


class _Loader(yaml.SafeLoader):
    """The safe loader, and no key twice: the second would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@dataclass(frozen=True, slots=True)
class Resource:
    """One document that has been read.

    Attributes:
        index: Its number in the text, from 1.
        ports: Of a TinyNode; empty for others, as ``edges``.
        imported: Where its component can be imported from; empty when it does not say.
        notes: Of a TinyFlow, as text; empty where there are none.
    """

    index: int
    kind: str
    name: str
    labels: Document
    spec: Document
    ports: list[Document]
    edges: list[Document]
    imported: str
    position: tuple[float, float] | None
    notes: str

    @property
    def title(self) -> str:
        """How errors call it."""
        return f"Document {self.index}, {self.kind} {self.name}"

    def node_of(self, flow: str) -> str:
        """The node's name within its flow; a document without the label names the flow before its dot."""
        said = self.labels.get(FLOW_LABEL, flow)
        if said != flow:
            raise self.error(f"metadata.labels.{FLOW_LABEL}", f"is {said!r}.", f"The flow of this text is {flow!r}.")
        name = self.name.removeprefix(f"{flow}.")
        if name == self.name or not is_label(name):
            raise self.error("metadata.name", f"is {self.name!r}.", f"Write {flow}.<node>. {NAME_RULE}")
        return name

    def error(self, path: str, what: str, *way_out: str) -> ManifestError:
        return ManifestError("TF-117", f"{path} {what}", *way_out, where=f"{self.title}.")

    @contextlib.contextmanager
    def blame(self, path: str) -> Iterator[None]:
        """Whatever the flow refuses meanwhile is refused here, at this field."""
        try:
            yield
        except ManifestError:
            raise
        except TinyFlowError as error:
            raise ManifestError(
                "TF-117", f"{path}: {error.what}", *error.way_out, where=f"{self.title} ({error.code})."
            ) from error


def read(text: str) -> list[Resource]:
    """The documents of a text; empty ones are passed over, though they count.

    Raises:
        ManifestError: TF-117, with the document and the path of the field that is wrong.
    """
    if not isinstance(text, str):
        what = f"The documents of a flow are a text, not {type(text).__name__}."
        raise ManifestError("TF-117", what, "Give what to_yaml() writes; of a file, its read_text().")
    try:
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"Line {mark.line + 1}, column {mark.column + 1}." if mark else ""
        raise ManifestError("TF-117", f"This is not YAML: {error.problem}.", "Mend the line.", where=at) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        said = str(error).splitlines()[0]
        raise ManifestError("TF-117", f"This is not YAML: {said}.", "Write what to_yaml() writes.") from None
    return [_resource(index, one) for index, one in enumerate(documents, start=1) if one is not None]


def _resource(index: int, document: Any) -> Resource:
    where = f"Document {index}."
    _checked(document, "", "document", where)
    version, kind, metadata = document["apiVersion"], document["kind"], document["metadata"]
    if version != VERSION:
        raise ManifestError("TF-117", f"apiVersion is {version!r}.", f"Write {VERSION!r}.", where=where)
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or "A flow is made of a TinyFlow and TinyNodes."
        raise ManifestError("TF-117", f"kind is {kind!r}.", hint, where=where)
    _checked(metadata, "metadata", "metadata", where)
    where = f"Document {index}, {kind} {metadata['name']}."
    spec = document.get("spec", {})
    if kind in _FIELDS:
        _checked(spec, "spec", kind, where)
    lists: dict[str, list[Document]] = {"port": [], "edge": []}
    if kind == "TinyNode":
        for word, found in lists.items():
            for number, part in enumerate(spec.get(f"{word}s", [])):
                _checked(part, f"spec.{word}s[{number}]", word, where)
                found.append(part)
        _unique(lists, where)
    annotations = metadata.get("annotations", {})
    return Resource(
        index,
        kind,
        metadata["name"],
        metadata.get("labels", {}),
        spec,
        lists["port"],
        lists["edge"],
        _imported(annotations, where),
        _position(annotations, where),
        _notes(annotations, where),
    )


def _checked(value: Any, path: str, kind: str, where: str) -> None:
    """Every field is known and of its type, and those that must be there are."""
    if not isinstance(value, dict):
        what = f"{path or 'It'} is {value!r:.60}, not a mapping of fields."
        raise ManifestError("TF-117", what, 'Write fields: "name: value".', where=where)
    known = _FIELDS[kind]
    inside = f"{path}." if path else ""
    for name, part in value.items():
        if name not in known:
            hint = did_you_mean(str(name), known)
            fields = f"Fields of {path or 'a document'}: {', '.join(known)}." if len(known) < 8 else ""
            raise ManifestError("TF-117", f"{inside}{name} is no field.", hint, fields, where=where)
        wanted = known[name][0]
        if not isinstance(part, wanted) or (wanted is int and isinstance(part, bool)):
            what = f"{inside}{name} is {part!r:.60}, not {_WORDS[wanted]}."
            raise ManifestError("TF-117", what, f"Write {_WORDS[wanted]}, or leave it out.", where=where)
        if name == "settings" and isinstance(part, dict):
            _names(part, f"{inside}settings", where)
    for name, (wanted, needed) in known.items():
        if needed and name not in value:
            raise ManifestError("TF-117", f"{inside}{name} is missing.", f"Add it: {_WORDS[wanted]}.", where=where)


def _names(settings: Mapping[Any, Any], path: str, where: str) -> None:
    odd = next((name for name in settings if not isinstance(name, str)), None)
    if odd is not None:
        raise ManifestError(
            "TF-117", f"{path} has a field {odd!r}, which is no name.", "Put it in quotes.", where=where
        )


def _unique(lists: Mapping[str, list[Document]], where: str) -> None:
    """No edge and no port twice: the second would replace the first."""
    for word, key in (("port", "name"), ("edge", "id")):
        seen: set[str] = set()
        for number, part in enumerate(lists[word]):
            if part[key] in seen:
                what = f"spec.{word}s[{number}].{key} is {part[key]!r}, which is there already."
                raise ManifestError("TF-117", what, "Remove one of them.", where=where)
            seen.add(part[key])
    for number, edge in enumerate(lists["edge"]):
        if not Address.parse(edge["to"]).port:
            what = f"spec.edges[{number}].to is {edge['to']!r}."
            raise ManifestError("TF-117", what, 'Write "node:port".', where=where)


def _imported(annotations: Document, where: str) -> str:
    name = annotations.get(IMPORT, "")
    if name and not (isinstance(name, str) and _IMPORT.fullmatch(name)):
        what = f"metadata.annotations.{IMPORT} is {name!r:.60}."
        raise ManifestError("TF-117", what, 'Write "package.module:attribute".', where=where)
    return str(name)


def _notes(annotations: Document, where: str) -> str:
    text = annotations.get(NOTES, "")
    if not isinstance(text, str):
        what = f"metadata.annotations.{NOTES} is {text!r:.60}, not {_WORDS[str]}."
        raise ManifestError("TF-117", what, "Write what to_yaml() writes.", where=where)
    return text


def _position(annotations: Document, where: str) -> tuple[float, float] | None:
    text = annotations.get(POSITION)
    if text is None:
        return None
    try:
        left, top = (float(part) for part in str(text).split(","))
        math.floor(left), math.floor(top)  # neither infinite nor no number
    except (ValueError, OverflowError):
        what = f"metadata.annotations.{POSITION} is {text!r:.60}."
        raise ManifestError("TF-117", what, 'Write two numbers: "120,40".', where=where) from None
    return left, top


def edition_of(definition: Document) -> int:
    """The edition of a custom resource definition; 0 where it says none."""
    said = str((definition.get("metadata", {}).get("annotations") or {}).get(SCHEMAS, ""))
    return int(said) if said.isdecimal() else 0
