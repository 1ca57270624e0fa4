"""What the two ends of a stream say to each other. A frame is a list of such items, and keeps their order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.observation.lineage import Lineage

FRAME_MESSAGES = 256  # beyond it nothing gets faster
FRAME_BYTES = 128 * 1024  # a frame of 256 messages of 10 KB costs three times as much a byte
CAPACITY = 1_024  # messages that an edge between modules holds at each end when nobody says: as many as a window
ENDING = "TF-135"  # the code of a refusal by a process that is about to end: another takes its place
WINDOW = 1_024  # messages of one edge that are sent and not acknowledged: what a round trip takes at full speed


class EdgeKey(NamedTuple):
    """An edge as two modules know it."""

    flow: str
    edge: str  # its id

    def __str__(self) -> str:
        return f"{self.flow}/{self.edge}"


class Cargo(NamedTuple):
    """Messages on their way: encoded payloads, and which messages they are.

    Attributes:
        lineage: What is known of them, index by index; None where nobody looks, as in a simulation.
        size: Bytes of all payloads.
        origin: What the ids of the messages begin with; see ``Ids.prefix``.
    """

    payloads: list[bytes]
    lineage: Lineage | None
    size: int
    origin: str = ""

    def before(self, count: int) -> Cargo:
        """The first ``count``."""
        return self._cut(0, count)

    def after(self, count: int) -> Cargo:
        """All but the first ``count``."""
        return self._cut(count, len(self.payloads))

    def pieces(self, size: int) -> Iterator[Cargo]:
        """The same, in order, in pieces of at most ``size`` bytes, or of one message that is larger."""
        begin = held = 0
        for index, payload in enumerate(self.payloads):
            if index > begin and held + len(payload) > size:
                yield self._cut(begin, index)
                begin, held = index, 0
            held += len(payload)
        yield self._cut(begin, len(self.payloads))

    def _cut(self, begin: int, end: int) -> Cargo:
        kept = self.payloads[begin:end]
        lineage = None if self.lineage is None else self.lineage.cut(begin, end)
        return Cargo(kept, lineage, sum(map(len, kept)), self.origin)


class Hello(NamedTuple):
    """The first item of a stream: who sends.

    Attributes:
        stream: Which stream of this writer it is; what an older one still brings is not listened to.
    """

    writer: str
    module: str
    stream: int


class Open(NamedTuple):
    """May messages of this edge come? Asked on each stream anew, and for each epoch."""

    number: int
    edge: EdgeKey
    epoch: int


class Close(NamedTuple):
    """Nothing more will come over this edge, and everything sent was acknowledged."""

    number: int


class Parcel(NamedTuple):
    """Messages of one edge that follow each other."""

    number: int
    epoch: int
    first: int
    cargo: Cargo

    @property
    def last(self) -> int:
        """The sequence of the last message."""
        return self.first + len(self.cargo.payloads) - 1


class Welcome(NamedTuple):
    """The answer to Hello: who receives."""

    instance: str


class Opened(NamedTuple):
    """Messages may come.

    Attributes:
        known: Whether this epoch was open here before; False after the receiver was started anew.
        received: The high-water mark.
        limit: The sequence up to which there is room.
        settled: How many messages of this writer and edge are settled, over all epochs.
    """

    number: int
    epoch: int
    known: bool
    received: int
    limit: int
    settled: int


class Receipt(NamedTuple):
    """What was accepted so far, and how much more there is room for."""

    number: int
    epoch: int
    received: int
    limit: int
    settled: int


class Refusal(NamedTuple):
    """Messages of this epoch after ``received`` were not accepted and will not be.

    Attributes:
        known: Whether this epoch was open here before.
        lasting: Whether waiting is of no use.
    """

    number: int
    epoch: int
    known: bool
    received: int
    error: TinyFlowError
    lasting: bool


class Invitation(NamedTuple):
    """What was refused can be opened now."""

    number: int


Item = Hello | Open | Close | Parcel
Answer = Welcome | Opened | Receipt | Refusal | Invitation
Frame = list[Item]


@dataclass(frozen=True, slots=True)
class Loss:
    """What may have gone with a process that died.

    Attributes:
        peer: The module whose process it was.
        count: How many messages at the most.
        when: Seconds since the epoch when it was noticed.
    """

    edge: EdgeKey
    peer: str
    count: int
    when: float
