"""Dead letters over the wire: told masked, sent again or forgotten by their ids."""

from __future__ import annotations

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.hosting.reports import carried, fitting, seen
from tinyflow_runtime.hosting.running import Running
from tinyflow_runtime.observation.deadletters import DeadLetter
from tinyflow_runtime.redaction import Redactor

__all__ = ["discard", "replay", "told"]

LIMIT = 100  # letters told at once, unless another number is asked for


def told(running: Running, limit: int, redactor: Redactor) -> protocol.Letters:
    """The newest letters, newest first; fewer than ``limit`` when these are too large for one answer."""
    newest = list(running.dead_letters)[: -(limit or LIMIT) - 1 : -1]
    return protocol.Letters(
        letters=fitting(_letter(running, letter, redactor) for letter in newest),
        count=len(running.dead_letters),
        lost=running.dead_letters.lost,
    )


async def replay(running: Running, wanted: protocol.LetterIds) -> int:
    """Send letters again, oldest first; returns how many were accepted.

    Raises:
        NodeError: TF-107, the node is no more. PortError: TF-101. Busy: TF-134. The letter stays, with those after it.
    """
    count = 0
    for letter in _chosen(running, wanted):
        exit_ = running.scheduler.exits.to(letter.message.to)
        if exit_ is None:
            running.port(letter.message.to)
        if running.dead_letters.take(letter):
            try:
                await (running.scheduler if exit_ is None else exit_).send(letter.message.to, letter.message.payload)
            except BaseException:
                running.dead_letters.put_back(letter)
                raise
            count += 1
    return count


def discard(running: Running, wanted: protocol.LetterIds) -> int:
    """Forget letters; returns how many there were."""
    return sum(map(running.dead_letters.take, _chosen(running, wanted)))


def _letter(running: Running, letter: DeadLetter, redactor: Redactor) -> protocol.Letter:
    port = running.ports(letter.node).get(letter.message.to.port)
    try:
        message = seen(running.name, letter.message, port, redactor)
    except PayloadError:  # it became a dead letter for that
        message = carried(running.name, letter.message, b"")
    return protocol.Letter(id=_id(letter), node=letter.node, reason=redactor.text(letter.reason), message=message)


def _id(letter: DeadLetter) -> str:
    """Unique: one message goes to one port once, and has another id when it is sent again."""
    return f"{letter.message.to}@{letter.message.id}"


def _chosen(running: Running, wanted: protocol.LetterIds) -> list[DeadLetter]:
    ids = set(wanted.ids)
    return [letter for letter in running.dead_letters if wanted.all or _id(letter) in ids]
