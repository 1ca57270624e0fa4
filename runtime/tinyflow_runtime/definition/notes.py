"""A note is a text on the canvas, for people: a comment where it stands, or the title of a group of nodes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.errors import NodeError
from tinyflow_runtime.ports import NAME_RULE, is_label

__all__ = ["Note", "Noted", "document", "read_notes", "written"]

LONGEST = 2_000  # letters of one note: a longer text is a document of its own
MOST = 200  # notes on one flow
LARGEST = 200 * 1024  # bytes of all notes of a flow: Kubernetes takes 256 KiB of annotations, and some are others'
FARTHEST = 1e7  # pixels: what lies further could not be found again

_FIELDS = {"name", "text", "at", "size", "nodes"}


@dataclass(frozen=True, slots=True)
class Note:
    """A text on the canvas.

    Attributes:
        position: Of its top left corner; None lets the drawing decide.
        size: Width and height; None for as much as the text needs.
        nodes: The names of the nodes that it is about; those that are gone do no harm.
    """

    name: str
    text: str
    position: tuple[float, float] | None = None
    size: tuple[float, float] | None = None
    nodes: tuple[str, ...] = ()


class Noted:
    """Something that carries notes.

    Attributes:
        notes: By name, in the order of writing.
    """

    name: str
    revision: int
    notes: dict[str, Note]

    def note(
        self,
        name: str,
        text: str | None,
        *,
        position: tuple[float, float] | None = None,
        size: tuple[float, float] | None = None,
        nodes: Iterable[str] = (),
    ) -> Note | None:
        """Write a note on the canvas, or another text in the place of the one of that name; None takes it away.

        Args:
            name: A DNS label; notes and nodes may be called alike.
            text: At most 2,000 letters; it is drawn as text, never as anything else.
            position: Of its top left corner; None leaves it where it is.
            size: Width and height; None leaves them as they are.
            nodes: The names of the nodes that it is about: it is drawn around these.

        Raises:
            NodeError: TF-124, it is too long, there are too many, or it cannot be written into a document.
        """
        if not is_label(name):
            raise _refused(f"{name!r:.80} is no name for a note.", NAME_RULE)
        if text is None:
            self.notes.pop(name, None)
            self.revision += 1
            return None
        old = self.notes.get(name)
        made = _checked(
            Note(
                name,
                text,
                _pair(position, "position") if position is not None else old.position if old else None,
                _pair(size, "size") if size is not None else old.size if old else None,
                tuple(nodes),
            )
        )
        notes = {**self.notes, name: made}
        if len(notes) > MOST:
            raise _refused(f"Flow {self.name!r} has {MOST} notes already.", "Take some away: flow.note(name, None).")
        if len(written(notes).encode()) > LARGEST:
            what = f"The notes of flow {self.name!r} would be larger than {LARGEST // 1024} KiB."
            raise _refused(what, "Write less, or take some away: flow.note(name, None).")
        self.notes = notes
        self.revision += 1
        return made


def written(notes: Mapping[str, Note]) -> str:
    """Notes as the text of an annotation: one on each line, so that a diff shows which has changed."""
    lines = [json.dumps(document(note), ensure_ascii=False, separators=(", ", ": ")) for note in notes.values()]
    return "[\n  " + ",\n  ".join(lines) + "\n]"


def read_notes(text: str) -> dict[str, Note]:
    """The notes of such a text.

    Raises:
        NodeError: TF-124, it is no such text.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(
            f"The notes are no JSON: {str(error).splitlines()[0]}.", "Write what to_yaml() writes."
        ) from None
    flow = Noted()
    flow.name, flow.revision, flow.notes = "", 0, {}
    for one in found if isinstance(found, list) else [found]:
        if not isinstance(one, dict) or not {"name", "text"} <= one.keys() <= _FIELDS:
            raise _refused(f"{one!r:.60} is no note.", f"A note has {', '.join(sorted(_FIELDS))}.")
        if isinstance(one["name"], str) and one["name"] in flow.notes:
            raise _refused(f"Two notes are called {one['name']!r:.60}.", "Give one of them another name.")
        nodes = one.get("nodes", [])
        if one["text"] is None or not isinstance(nodes, list):
            raise _refused(f"{one!r:.60} is no note.", "text is a text, and nodes a list of names.")
        flow.note(one["name"], one["text"], position=one.get("at"), size=one.get("size"), nodes=nodes)
    return flow.notes


def document(note: Note) -> dict[str, Any]:  # Any: what JSON can hold
    """A note as it stands in the annotation."""
    said: dict[str, Any] = {"name": note.name, "text": note.text}
    if note.position is not None:
        said["at"] = [_number(part) for part in note.position]
    if note.size is not None:
        said["size"] = [_number(part) for part in note.size]
    if note.nodes:
        said["nodes"] = list(note.nodes)
    return said


def _number(value: float) -> float:
    return int(value) if value == int(value) else float(value)


def _checked(note: Note) -> Note:
    if not isinstance(note.text, str):
        raise _refused(f"The text of note {note.name!r} is {note.text!r:.60}.", "Write a text.")
    if len(note.text) > LONGEST:
        what = f"Note {note.name!r} has {len(note.text):,} letters; {LONGEST:,} are the most."
        raise _refused(what, "Write less, or several notes.")
    if any("\ud800" <= letter <= "\udfff" for letter in note.text):
        raise _refused(f"Note {note.name!r} has half a letter in it.", "Leave it out: no document can hold it.")
    if not all(is_label(node) for node in note.nodes):
        raise _refused(f"Note {note.name!r} is about {list(note.nodes)!r:.60}.", "Write the names of nodes.")
    return note


def _pair(value: Any, word: str) -> tuple[float, float]:  # Any: whatever a person or a document says
    numbers = isinstance(value, list | tuple) and len(value) == 2
    if numbers and all(isinstance(part, int | float) and not isinstance(part, bool) for part in value):
        first, second = value
        if abs(first) <= FARTHEST and abs(second) <= FARTHEST:
            return first, second
    raise _refused(f"{word} is {value!r:.60}; it is two numbers.", f"Write for example {word}=(120, 40).")


def _refused(what: str, way_out: str) -> NodeError:
    return NodeError("TF-124", what, way_out, where=place.caller())
