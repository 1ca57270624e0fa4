"""A plan: what a push would change on a cluster, and why. Making it changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tinyflow_runtime.resources.documents import Document

from tinyflow_jupyter._text import safe

from .difference import MISSING, Field, difference
from .resources import Resources, names, node_of, owners_of
from .telling import OWNER, lines_told, told

Action = Literal["create", "change", "delete"]

SIGNS: dict[Action, str] = {"create": "+", "change": "~", "delete": "-"}
LINES = 20  # changes that are shown one by one


@dataclass(frozen=True, slots=True)
class Change:
    """One object that a push would create, change or delete.

    Attributes:
        wanted: What is to be there; what is there, for one that is to be deleted.
        fields: What would change in it.
        there: What the cluster holds, where only replacing it as a whole takes away what is no longer wanted.
    """

    action: Action
    wanted: Document
    fields: tuple[Field, ...] = ()
    there: Document | None = None

    @property
    def kind(self) -> str:
        return str(self.wanted["kind"])

    @property
    def name(self) -> str:
        """A node's name within its flow, any other's own."""
        return node_of(self.wanted) if self.kind == "TinyNode" else str(self.wanted["metadata"]["name"])

    @property
    def drift(self) -> bool:
        """Whether somebody else changed it since it was pushed."""
        return any(field.by for field in self.fields)

    @property
    def doomed(self) -> bool:
        """Whether what is there goes with a flow that was deleted, so that it has to be made anew."""
        return any(field.path == OWNER and field.before for field in self.fields)

    @property
    def why(self) -> str:
        """What differs, in one line."""
        if self.action == "delete":
            return "no longer in the flow" if self.kind == "TinyNode" else "no node is in it any more"
        if self.action == "create":
            spec = self.wanted.get("spec") or {}
            return f"{spec['module']}/{spec['component']}" if self.kind == "TinyNode" else ""
        what = told(self.fields)
        return "; ".join(what[:3]) + (f" and {len(what) - 3} more" if len(what) > 3 else "") or "its nodes"


@dataclass(frozen=True, slots=True)
class Other:
    """What somebody else has put there, and a push would replace.

    Attributes:
        who: Whose it is, in one word, which is repeated to confirm it.
        what: The rest of a sentence: ``"it would replace flow 'numbers', which was pushed by ada"``.
        instead: What to do rather than that.
    """

    who: str
    what: str
    instead: str


class Plan:
    """What pushing a flow to a cluster would do; the last line of a cell shows it.

    Attributes:
        flow: The flow's name.
        cluster: What the cluster is called.
        changes: What would be created, changed and deleted, in that order of doing it.
        unchanged: How many objects are as they should be.
        warnings: What a person should know before pushing.
        texts: By module whose source changes, the difference of its text, as ``diff -u`` writes it. Definitions that
            only stand elsewhere in it are not told.
        others: What somebody else has put there and this would replace.
        refusals: What the cluster would refuse, and why, where it was asked.
    """

    others: Sequence[Other] = ()
    refusals: Sequence[str] = ()

    def __init__(
        self,
        flow: str,
        cluster: str,
        changes: Sequence[Change],
        unchanged: int,
        *,
        warnings: Sequence[str] = (),
        texts: Mapping[str, str] | None = None,
    ) -> None:
        self.flow, self.cluster = flow, cluster
        self.changes, self.unchanged, self.warnings = tuple(changes), unchanged, tuple(warnings)
        self.texts = dict(texts or {})

    @property
    def created(self) -> list[Change]:
        """What is not there yet."""
        return [change for change in self.changes if change.action == "create"]

    @property
    def changed(self) -> list[Change]:
        """What is there otherwise."""
        return [change for change in self.changes if change.action == "change"]

    @property
    def deleted(self) -> list[Change]:
        """What is there and no longer in the flow."""
        return [change for change in self.changes if change.action == "delete"]

    @property
    def drift(self) -> list[Change]:
        """What somebody else changed since it was pushed."""
        return [change for change in self.changes if change.drift]

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.changes)

    def _why(self, change: Change) -> str:
        lines = lines_told(self.texts.get(change.name, "")) if change.kind == "TinyModule" else ""
        return f"{change.why} ({lines})" if lines else change.why

    def _remarks(self) -> list[str]:
        return [*self.warnings, *(other.what for other in self.others)]

    def _summary(self) -> str:
        counts = (("to create", self.created), ("to change", self.changed), ("to delete", self.deleted))
        parts = [f"{len(changes)} {word}" for word, changes in counts if changes]
        return ", ".join([*parts, f"{self.unchanged} unchanged"])

    def __repr__(self) -> str:
        lines = [f"Plan for flow {self.flow} on {self.cluster}: {self._summary()}"]
        lines += [
            f"  {SIGNS[change.action]} {change.kind:<10} {change.name:<16} {self._why(change)}".rstrip()
            for change in self.changes[:LINES]
        ]
        if len(self.changes) > LINES:
            lines.append(f"  … and {len(self.changes) - LINES} more")
        lines += [f"  ! {warning}" for warning in self._remarks()]
        lines += [f"  x refused: {refusal}" for refusal in self.refusals[:LINES]]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:  # Any: IPython's own include and exclude
        return {"text/plain": repr(self), "text/html": self._html()}

    def _html(self) -> str:
        colours = {"create": "#16a34a", "change": "#b45309", "delete": "#dc2626"}
        rows = "".join(
            f'<tr><td style="color:{colours[change.action]};font-weight:600">{SIGNS[change.action]}</td>'
            f'<td style="opacity:.65;text-align:left">{safe(change.kind)}</td>'
            f'<td style="text-align:left"><b>{safe(change.name)}</b></td>'
            f'<td style="text-align:left">{safe(self._why(change))}</td></tr>'
            for change in self.changes[:LINES]
        )
        more = f"<div>… and {len(self.changes) - LINES} more</div>" if len(self.changes) > LINES else ""
        texts = "".join(
            f"<details><summary>{safe(module)}: what changes in its text</summary>"
            f'<pre style="margin:.3em 0">{safe(text)}</pre></details>'
            for module, text in self.texts.items()
        )
        warnings = "".join(f'<div style="color:#b45309">! {safe(warning)}</div>' for warning in self._remarks())
        warnings += "".join(
            f'<div style="color:#dc2626">✗ refused: {safe(refusal)}</div>' for refusal in self.refusals[:LINES]
        )
        return (
            f"<div><b>{safe(self.flow)}</b> on {safe(self.cluster)} "
            f'<span style="opacity:.65">{safe(self._summary())}</span>'
            f'<table style="font-family:monospace;margin:.3em 0 0">{rows}</table>{more}{texts}{warnings}</div>'
        )


def compare(
    wanted: Resources,
    there: Iterable[Document],
    *,
    cluster: str,
    warnings: Sequence[str] = (),
    texts: Mapping[str, str] | None = None,
    left: Iterable[Document] = (),
) -> Plan:
    """The plan that brings a cluster from what is there to what is wanted.

    Args:
        there: Its ConfigMaps, modules and flow of the names that are wanted, and all nodes of the flow.
        left: Modules that no node would be in any more.
    """
    held: Mapping[tuple[str, str], Document] = {(one["kind"], one["metadata"]["name"]): one for one in there}
    changes, unchanged = list[Change](), 0
    for document in wanted.documents:
        old = held.get((document["kind"], document["metadata"]["name"]))
        if old is None:
            changes.append(Change("create", document))
            continue
        # A source is named by its hash and cannot change.
        fields = () if document["kind"] == "ConfigMap" else tuple(difference(document, old))
        if document["kind"] == "TinyNode":
            fields += _owner(wanted.name, held.get(("TinyFlow", wanted.name)), old)
        if fields:
            # An apply leaves what others have added; and of a list that it takes away, older servers make null, which
            # the schema then refuses.
            whole = document["kind"] == "TinyNode" and any(one.after is MISSING for one in fields)
            changes.append(Change("change", document, fields, old if whole else None))
        else:
            unchanged += 1
    kept = names(wanted.of("TinyNode"))
    surplus = [one for (kind, name), one in held.items() if kind == "TinyNode" and name not in kept]
    changes += [Change("delete", document) for document in (*surplus, *left)]
    return Plan(wanted.name, cluster, changes, unchanged, warnings=warnings, texts=texts)


def _owner(name: str, flow: Document | None, node: Document) -> tuple[Field, ...]:
    """That a node is to go with its flow, where it does not: it was pushed before nodes did, or its flow is gone."""
    owners = owners_of(node)
    return () if flow is not None and flow["metadata"]["uid"] in owners else (Field(OWNER, owners, name),)
