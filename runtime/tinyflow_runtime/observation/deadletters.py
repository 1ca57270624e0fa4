"""Dead letters: what could not be handled, kept to be looked at, sent again or discarded."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import overload

from tinyflow_runtime.message import Address, Message

KEPT = 10_000  # dead letters of one flow: enough to look at, and a flow that fails for ever does not eat the memory


class DeadLetter:
    """One message that could not be handled.

    Attributes:
        message: What was to be handled, with its payload; ``message.to`` is the port it was for.
        node: The node that could not handle it.
        reason: Why, in the words of the error.
        error: What was raised: the component's own exception, or a ``TinyFlowError``.
    """

    __slots__ = ("_owner", "error", "message", "node", "reason")

    def __init__(self, message: Message, reason: str, error: BaseException, owner: DeadLetters) -> None:
        self.message = message
        self.node = message.to.node
        self.reason = reason
        self.error = error
        self._owner = owner

    def replay(self, timeout: float | None = None) -> None:
        """Send it again to the port it was for; it leaves the dead letters once it is accepted.

        Raises:
            Busy: No room within ``timeout`` seconds; the letter stays.
            NotRunning: The flow is stopped; the letter stays.
        """
        self._owner._replay(self, timeout)

    def discard(self) -> None:
        """Forget it."""
        self._owner.take(self)

    def __repr__(self) -> str:
        return f"<DeadLetter {self.message.to}: {self._owner.masked(self.reason)}>"


class DeadLetters:
    """The dead letters of one flow, oldest first; the newest 10,000 are kept and the rest are counted as ``lost``.

    It is a collection: ``len``, iteration, indexing. Written by the flow's thread, read by any.

    Attributes:
        masked: Makes of a reason what may be shown of it.
    """

    def __init__(self, send: Callable[[Address, object, float | None], None]) -> None:
        self._letters: OrderedDict[int, DeadLetter] = OrderedDict()
        self._nodes = Counter[str]()
        self._lock = threading.Lock()
        self._send = send
        self.masked: Callable[[str], str] = str
        self.lost = 0

    def add(self, message: Message, reason: str, error: BaseException) -> DeadLetter:
        """Keep a message that could not be handled."""
        letter = DeadLetter(message, reason, error, self)
        with self._lock:
            self._letters[id(letter)] = letter
            self._nodes[letter.node] += 1
            if len(self._letters) > KEPT:
                _, oldest = self._letters.popitem(last=False)
                self._nodes[oldest.node] -= 1
                self.lost += 1
        return letter

    def replay(self, timeout: float | None = None) -> int:
        """Send every letter again, oldest first, and return how many were accepted.

        A letter that is refused stays, and so do those after it.

        Raises:
            Busy: No room within ``timeout`` seconds for one of them.
            NotRunning: The flow is stopped.
        """
        letters = list(self)
        for letter in letters:
            self._replay(letter, timeout)
        return len(letters)

    def discard(self) -> int:
        """Forget them all, and return how many there were."""
        with self._lock:
            count = len(self._letters)
            self._letters.clear()
            self._nodes.clear()
        return count

    def _replay(self, letter: DeadLetter, timeout: float | None) -> None:
        if not self.take(letter):
            return
        try:
            self._send(letter.message.to, letter.message.payload, timeout)
        except BaseException:
            self.put_back(letter)
            raise

    def put_back(self, letter: DeadLetter) -> None:
        """Keep a letter again that was taken: it is the oldest."""
        with self._lock:
            self._letters[id(letter)] = letter
            self._letters.move_to_end(id(letter), last=False)
            self._nodes[letter.node] += 1

    def take(self, letter: DeadLetter) -> bool:
        """Take a letter out; False when somebody was quicker."""
        with self._lock:
            found = self._letters.pop(id(letter), None) is not None
            if found:
                self._nodes[letter.node] -= 1
            return found

    def by_node(self) -> Counter[str]:
        """How many are kept of each node: those that were sent again or discarded are not there any more."""
        with self._lock:
            return +self._nodes

    def __len__(self) -> int:
        return len(self._letters)

    def __iter__(self) -> Iterator[DeadLetter]:
        with self._lock:
            return iter(list(self._letters.values()))

    @overload
    def __getitem__(self, index: int) -> DeadLetter: ...
    @overload
    def __getitem__(self, index: slice) -> list[DeadLetter]: ...
    def __getitem__(self, index: int | slice) -> DeadLetter | list[DeadLetter]:
        return list(self)[index]

    def __repr__(self) -> str:
        letters = list(self)
        shown = "\n".join(f"  {letter.message.to}: {self.masked(letter.reason)}" for letter in letters[-10:])
        return f"{len(letters)} dead letters" + (f", the last of them:\n{shown}" if letters else "")
