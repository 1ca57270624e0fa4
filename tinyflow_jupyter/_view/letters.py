"""The dead letters of a flow, as an inspector lists them, sends them again and forgets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyflow_runtime.errors import Busy, TinyFlowError

from tinyflow_jupyter._passed import Inspectable

from .rows import Rows, gone
from .tree import ROOM, cost

__all__ = ["Letters"]

Json = Any  # what JSON can hold
Letter = Any  # DeadLetter or RemoteLetter, which have no name in common
Request = Mapping[str, Any]  # Any: what a browser sent

ANSWER = 512 * 1024  # bytes of trees in one answer
MOST = 50  # letters in one answer
REASON = 2_000  # letters of a reason
SOON = 2.0  # seconds that a browser's request may wait for room: the kernel answers nobody else meanwhile


class Letters:
    """What a browser may ask of the dead letters of one flow."""

    def __init__(self, flow: Inspectable, rows: Rows) -> None:
        self._flow, self._rows = flow, rows

    def answers(self) -> dict[str, Any]:  # Any: callables of a request
        """By the word that a request begins with."""
        return {"letters": self._list, "replay": self._replay, "discard": self._discard}

    def named(self, wanted: str) -> Letter:
        """The letter with an id.

        Raises:
            NodeError: TF-107, it is there no more.
        """
        found = next((letter for letter in self._flow.dead_letters if _id(letter) == wanted), None)
        if found is None:
            raise gone("This dead letter")
        return found

    def _list(self, request: Request) -> Json:
        """The newest first; of one node, if one is named."""
        self._rows.learn()
        node = request.get("node")
        letters = list(self._flow.dead_letters)
        mine = [letter for letter in letters if node is None or letter.node == node]
        rows: list[Json] = []
        left = ANSWER
        for letter in mine[::-1][: int(request.get("count") or MOST)]:
            if left <= 0:
                break
            rows.append(self._row(letter, min(ROOM, left)))
            left -= cost(rows[-1]["tree"])
        nodes: dict[str, int] = {}
        for letter in letters:
            nodes[letter.node] = nodes.get(letter.node, 0) + 1
        return {"rows": rows, "count": len(mine), "lost": self._flow.dead_letters.lost, "nodes": nodes}

    def _row(self, letter: Letter, room: int) -> Json:
        reason = self._rows.redactor.text(str(letter.reason))[:REASON]
        error = letter.error
        cause = error.__cause__ if isinstance(error, TinyFlowError) and error.__cause__ is not None else error
        row = self._rows.of(letter.message, room)
        return {**row, "letter": _id(letter), "node": letter.node, "reason": reason, "error": type(cause).__name__}

    def _replay(self, request: Request) -> Json:
        """Send letters again: one by its id, those of a node, or all; tells how many were accepted."""
        done = 0
        for letter in self._chosen(request):
            try:
                letter.replay(timeout=SOON)
            except Busy:
                if not done:
                    raise
                break
            done += 1
        return {"count": done}

    def _discard(self, request: Request) -> Json:
        """Forget letters: one by its id, those of a node, or all."""
        chosen = list(self._chosen(request))
        for letter in chosen:
            letter.discard()
        return {"count": len(chosen)}

    def _chosen(self, request: Request) -> Iterator[Letter]:
        if request.get("id"):
            yield self.named(str(request["id"]))
            return
        node = request.get("node")
        if node is None and not request.get("all"):
            raise gone("This dead letter")
        yield from (letter for letter in list(self._flow.dead_letters) if node is None or letter.node == node)


def _id(letter: Letter) -> str:
    """Unique: one message goes to one port once. A module says its letters' ids itself, in the same way."""
    own = getattr(letter, "id", None)
    return str(own) if own is not None else f"{letter.message.to}@{letter.message.id}"
