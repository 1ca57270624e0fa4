"""A receiver is one process' end of the streams from others: who may send where, and what each has sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from tinyflow_runtime.delivery.arrivals import Arrival, Door
from tinyflow_runtime.delivery.frames import (
    ENDING,
    Answer,
    Close,
    EdgeKey,
    Frame,
    Hello,
    Invitation,
    Open,
    Opened,
    Parcel,
    Receipt,
    Refusal,
    Welcome,
)
from tinyflow_runtime.delivery.strangers import Strangers
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError, Undelivered

REMEMBERED = 64  # lives of one module whose marks an edge keeps; a writer older than that has long given up
STREAMS = 1_000  # writers whose newest stream is remembered


class Right(NamedTuple):
    """Who may send over an edge, and where it ends."""

    module: str
    to: str  # node:port
    capacity: int = 0  # 0 for the default


class Doors(Protocol):
    """Where edges end."""

    def look(self, edge: EdgeKey, right: Right) -> None:
        """Raise a TinyFlowError when there is no such flow, node or port."""

    def door(self, edge: EdgeKey, right: Right) -> Door:
        """A door of its own for one writer; there is a port for it."""


class Receiver:
    """What one process receives from all others.

    Args:
        instance: The uid of this process' life.
        doors: Where edges end.
    """

    def __init__(self, instance: str, module: str, doors: Doors) -> None:
        self.instance = instance
        self.module = module
        self.rights: Mapping[EdgeKey, Right] = {}
        self.doors = doors
        self.strangers = Strangers()
        self.ending: TinyFlowError | None = None  # why nothing is taken any more
        # By edge, then by writer and what that calls it: an edge that was made anew is another one. The newest is last.
        self._arrivals: dict[EdgeKey, dict[tuple[str, int], Arrival]] = {}
        self._sessions: dict[str, Session] = {}
        self._streams: dict[str, int] = {}  # the newest of each writer

    def session(self, *, wake: Callable[[], None] = lambda: None) -> Session:
        """A stream has come; ``wake`` is called when there may be something to say on it."""
        return Session(self, wake)

    def allow(self, rights: Mapping[EdgeKey, Right]) -> None:
        """Take over who may send; also after nodes have come or gone. Writers that were refused are invited anew."""
        self.rights = dict(rights)
        for session in self._sessions.values():
            session.look_again()

    def end_all(self, error: TinyFlowError) -> None:
        """Take nothing more; writers keep it for whoever takes our place, and are still told what is settled."""
        self.ending = error
        for session in self._sessions.values():
            session.look_again()

    def survey(self) -> bool:
        """Tell writers what has been settled since; returns whether anything is not settled yet."""
        return any([session.survey() for session in self._sessions.values()])  # each has something to tell

    def arrival(self, edge: EdgeKey, writer: str, number: int) -> Arrival:
        """What is known of a writer of an edge; made when it first asks."""
        arrivals = self._arrivals.setdefault(edge, {})
        arrival = arrivals.get((writer, number))
        if arrival is None:
            arrival = arrivals[writer, number] = Arrival(edge, number)
            gone = [key for key in arrivals if key[0] not in self._sessions]
            for key in gone:  # whoever they are, most will never come back; the mark stays for those who do
                arrivals[key].leave()
            for key in gone[: max(0, len(arrivals) - REMEMBERED)]:
                del arrivals[key]
        return arrival

    def forget(self, edge: EdgeKey, writer: str, number: int) -> None:
        """A writer has said that nothing more will come."""
        arrival = self._arrivals.get(edge, {}).pop((writer, number), None)
        if arrival is not None:
            arrival.leave()

    def judge(self, module: str, edge: EdgeKey) -> Right:
        """Whether a module may send over an edge.

        Raises:
            Undelivered: TF-150, it may not. NotRunning: TF-135, nobody may.
        """
        if self.ending is not None:
            raise self.ending.with_traceback(None)
        right = self.rights.get(edge)
        if right is None or right.module != module:
            what = (
                f"Module {self.module!r} refused module {module!r}: it has no edge {edge.edge!r} of flow {edge.flow!r}."
            )
            raise Undelivered("TF-150", what, "Add the edge, or wait: the flow may have been changed just now.")
        return right

    def begin(self, session: Session, stream: int) -> bool:
        """A writer has said who it is. Only its newest stream is listened to; returns whether this is it."""
        newest = self._streams.pop(session.writer, 0)
        self._streams[session.writer] = max(newest, stream)
        if len(self._streams) > STREAMS:
            del self._streams[next(iter(self._streams))]
        if stream < newest:
            session.close()
            return False
        before = self._sessions.get(session.writer)
        if before is not None:
            before.close()
        self._sessions[session.writer] = session
        return True

    def end(self, session: Session) -> None:
        """A stream is no more."""
        if self._sessions.get(session.writer) is session:
            del self._sessions[session.writer]


class Session:
    """One stream, from the receiver's side. A driver hands in frames, and writes ``next_answers`` until it is empty."""

    def __init__(self, receiver: Receiver, wake: Callable[[], None]) -> None:
        self.receiver = receiver
        self.writer = ""
        self.module = ""
        self.closed = False
        self._wake = wake
        self._said: list[Answer] = []
        self._arrivals: dict[int, Arrival] = {}
        self._edges: dict[int, EdgeKey] = {}  # all that were asked for, also those that were refused
        self._due: dict[Arrival, None] = {}

    def receive(self, frame: Frame) -> None:
        """Take in a frame.

        Raises:
            ModuleUnavailable: TF-152, the writer broke the protocol; the stream is to be broken off.
        """
        for item in frame:
            if self.closed:
                return
            if isinstance(item, Parcel):
                self._take(item)
            elif isinstance(item, Open):
                self._open(item)
            elif isinstance(item, Close):
                self._close(item)
            elif isinstance(item, Hello):
                # A uid is no secret: another module that says it is another writer, and ends no stream of this one.
                self.writer, self.module = f"{item.module}/{item.writer}", item.module
                if self.receiver.begin(self, item.stream):
                    self._say(Welcome(self.receiver.instance))

    def close(self) -> None:
        """The stream is no more, or is not listened to any more."""
        self.closed = True
        self._said = []
        self._due = {}
        self.receiver.end(self)

    def next_answers(self) -> list[Answer]:
        """What is to be said next; empty when there is nothing."""
        said, self._said = self._said, []
        due, self._due = self._due, {}
        for arrival in due:
            said.append(self._receipt(arrival))
        return said

    def look_again(self) -> None:
        """Rights, or nodes, may have changed: refuse what is not allowed any more, invite what is now."""
        for number, edge in self._edges.items():
            arrival = self._arrivals.get(number)
            is_open = arrival is not None and arrival.open
            error = self._look(edge, arrival)
            if is_open and error is not None:
                assert arrival is not None  # it is open
                self._refuse(number, arrival, arrival.epoch, error)
            elif not is_open and error is None:
                self._say(Invitation(number))

    def survey(self) -> bool:
        """Say what has been settled since; returns whether anything is not settled yet."""
        unsettled = False
        for arrival in self._arrivals.values():
            settled = arrival.settled
            if settled != arrival.told_settled:
                self._be_due(arrival)
            unsettled |= settled < arrival.accepted
        return unsettled

    def _look(self, edge: EdgeKey, arrival: Arrival | None) -> TinyFlowError | None:
        """Why messages cannot come over an edge; None when they can."""
        try:
            right = self.receiver.judge(self.module, edge)
            if arrival is None or arrival.door is None or arrival.door.refusal is not None:
                self.receiver.doors.look(edge, right)
        except TinyFlowError as error:
            return error
        return None

    def _open(self, asked: Open) -> None:
        arrival = self.receiver.arrival(asked.edge, self.writer, asked.number)
        if asked.epoch < arrival.epoch:
            return  # the writer has gone on since
        self._edges[asked.number] = asked.edge
        self._arrivals[asked.number] = arrival
        error = self._look(asked.edge, arrival)
        if error is not None:
            if error.code == "TF-150":
                self.receiver.strangers.refused(self.module, asked.edge, str(error))
            self._refuse(asked.number, arrival, asked.epoch, error)
            return
        self.receiver.strangers.forget(self.module, asked.edge)
        if arrival.door is None or arrival.door.refusal is not None:
            arrival.leave()
            arrival.door = self.receiver.doors.door(asked.edge, self.receiver.rights[asked.edge])
        known = arrival.enter(asked.epoch)
        settled = arrival.told_settled = arrival.settled
        self._say(Opened(asked.number, asked.epoch, known, arrival.received, arrival.limit, settled))
        self._ask_for_room(arrival)

    def _refuse(self, number: int, arrival: Arrival, epoch: int, error: TinyFlowError) -> None:
        known = arrival.refuse(epoch)
        lasting = error.code not in ("TF-150", ENDING)
        self._due.pop(arrival, None)
        self._say(Refusal(number, epoch, known, arrival.received, error, lasting))

    def _take(self, parcel: Parcel) -> None:
        arrival = self._arrivals.get(parcel.number)
        if arrival is None:
            what = f"Messages came for edge number {parcel.number}, which was not opened."
            raise ModuleUnavailable("TF-152", what, "Look at the log of who writes.")
        if not arrival.open or parcel.epoch != arrival.epoch:
            return  # refused, or of an epoch that is over
        refusal = arrival.door.refusal if arrival.door is not None else None
        if refusal is not None:
            self._refuse(parcel.number, arrival, parcel.epoch, refusal)
            return
        arrival.take(parcel)
        self._be_due(arrival)

    def _close(self, closed: Close) -> None:
        arrival = self._arrivals.pop(closed.number, None)
        edge = self._edges.pop(closed.number, None)
        if arrival is not None and edge is not None:
            self.receiver.strangers.forget(self.module, edge)
            self._due.pop(arrival, None)
            self.receiver.forget(edge, self.writer, closed.number)

    def _receipt(self, arrival: Arrival) -> Receipt:
        arrival.grant()
        settled = arrival.told_settled = arrival.settled
        self._ask_for_room(arrival)
        return Receipt(arrival.number, arrival.epoch, arrival.received, arrival.limit, settled)

    def _ask_for_room(self, arrival: Arrival) -> None:
        """When the writer may soon have to wait, tell it as soon as it need not."""
        door = arrival.door
        if door is not None and arrival.limit - arrival.received <= door.capacity // 2:
            door.when_freed(lambda: self._freed(arrival))

    def _freed(self, arrival: Arrival) -> None:
        if not self.closed and arrival.open:
            self._be_due(arrival)

    def _be_due(self, arrival: Arrival) -> None:
        self._due[arrival] = None
        self._wake()

    def _say(self, answer: Answer) -> None:
        if not self.closed:
            self._said.append(answer)
            self._wake()
