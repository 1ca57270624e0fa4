"""Field managers: whose a field is, what they lose when others change it, and who is asked first."""

from __future__ import annotations

from dataclasses import dataclass

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.fields import Fields, difference, intersection, paths, union
from tinyflow_operator.pocket.merging import Changes
from tinyflow_operator.pocket.refusal import Refusal

# What the server itself writes belongs to nobody.
NOBODYS = ("f:apiVersion", "f:kind")
NOBODYS_METADATA = (
    *("f:name", "f:namespace", "f:creationTimestamp", "f:selfLink", "f:uid", "f:generation", "f:managedFields"),
    *("f:resourceVersion", "f:deletionTimestamp", "f:deletionGracePeriodSeconds"),
)


@dataclass(frozen=True, slots=True)
class Who:
    """A field manager at work.

    Attributes:
        name: ``"kubectl"``.
        operation: ``"Apply"`` or ``"Update"``: under one name they are two managers.
        version: The version of the API it speaks, ``"tinyflow.dev/v1alpha1"``.
        part: ``"status"`` when it writes through that.
    """

    name: str
    operation: str
    version: str
    part: str = ""

    def is_of(self, entry: Document) -> bool:
        return bool(
            entry["manager"] == self.name
            and entry["operation"] == self.operation
            and entry["apiVersion"] == self.version
            and entry.get("subresource", "") == self.part
        )

    def entry(self, fields: Fields, time: str) -> Document:
        return {
            "manager": self.name,
            "operation": self.operation,
            "apiVersion": self.version,
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
            **({"subresource": self.part} if self.part else {}),
        }


def last_of(entries: list[Document], who: Who) -> Fields:
    """The fields a manager owned so far."""
    return next((entry["fieldsV1"] for entry in entries if who.is_of(entry)), {})


def owned_by_all(entries: list[Document], who: Who, own: Fields) -> Fields:
    """What anybody owns, with a manager's new fields instead of its old ones."""
    owned = own
    for entry in entries:
        if not who.is_of(entry):
            owned = union(owned, entry["fieldsV1"])
    return owned


def refuse_conflicts(entries: list[Document], who: Who, changes: Changes) -> None:
    """Raise a Refusal that names every field that is another manager's and its owner."""
    changed = union(changes.added, changes.modified)
    found: list[tuple[str, str]] = []
    for entry in entries:
        if not who.is_of(entry):
            found += [(_called(entry), path) for path in paths(intersection(entry["fieldsV1"], changed))]
    if not found:
        return
    found.sort()
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {owner}", "field": path} for owner, path in found
    ]
    if len(found) == 1:
        said = f"Apply failed with 1 conflict: conflict with {found[0][0]}: {found[0][1]}"
    else:
        lines = []
        for owner in dict.fromkeys(owner for owner, _ in found):
            lines += [f"conflicts with {owner}:", *(f"- {path}" for other, path in found if other == owner)]
        said = f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)
    raise Refusal(409, "Conflict", said, {"causes": causes})


def after(entries: list[Document], who: Who, changes: Changes, own: Fields, time: str) -> list[Document]:
    """Who owns what when the changes are made; an entry that stays the same keeps its time."""
    lost = union(union(changes.added, changes.modified), changes.removed)
    left, found = [], False
    for entry in entries:
        if who.is_of(entry):
            found, fields = True, own
        else:
            fields = difference(entry["fieldsV1"], lost)
        if fields == entry["fieldsV1"]:
            left.append(entry)
        elif fields:
            left.append({**entry, "fieldsV1": fields, **({"time": time} if who.is_of(entry) else {})})
    if own and not found:
        left.append(who.entry(own, time))
    return left


def updated(entries: list[Document], who: Who, changes: Changes) -> Fields:
    """A manager's fields after it updated an object: those it had, and those it changed."""
    kept = difference(last_of(entries, who), changes.removed)
    return owned_part(union(union(kept, changes.modified), changes.added), who.part)


def owned_part(fields: Fields, part: str = "") -> Fields:
    """The fields that can belong to anybody; through a part, those of the part."""
    if part:
        return {mark: node for mark, node in fields.items() if mark == f"f:{part}"}
    kept = {mark: node for mark, node in fields.items() if mark not in NOBODYS}
    metadata = kept.get("f:metadata")
    if metadata is not None:
        rest = {mark: node for mark, node in metadata.items() if mark not in NOBODYS_METADATA and mark != "."}
        if rest:
            kept["f:metadata"] = rest
        else:
            del kept["f:metadata"]
    return kept


def _called(entry: Document) -> str:
    said = f'"{entry["manager"]}"'
    if entry.get("subresource"):
        said += f' with subresource "{entry["subresource"]}"'
    if entry["operation"] == "Update":
        said += f" using {entry['apiVersion']} at {entry['time']}"
    return said
