"""A stretch is a line of plain functions, each the only receiver of the one before: messages go along it in one call.

Nothing lies between its nodes, so there is no room to ask for, no turn to wait for and nothing to hand over. What each
node has handled, and what passed at its ports, is noted for the whole stretch and told to them when somebody asks.
As soon as something is not as simple as that (a channel in which something lies, a function that does not send one
message for each), its nodes go on one by one, as all others do.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.execution.ledger import UNSEEN, Entry, Ledger
from tinyflow_runtime.execution.passage import LONGEST, Passage, Stage, passage
from tinyflow_runtime.schema import snapshot

if TYPE_CHECKING:
    from tinyflow_runtime.channel import Channel
    from tinyflow_runtime.execution.context import Context
    from tinyflow_runtime.observation.lineage import Lineage
    from tinyflow_runtime.probe import Kept
    from tinyflow_runtime.runner import Runner

# What came out at the end: payloads, and what is known and kept of them; None where nothing came out.
Passed: TypeAlias = "tuple[list[Any], Lineage, Kept] | None"


class _Nothing(BaseException):
    """A function returned None, so nothing is sent. It never leaves the stretch."""


class Stretch:
    """Drives the runners of a stretch, all at once.

    Attributes:
        head: Its first runner: what comes to it goes along.
        end: Its last runner.
        clear: Whether nothing lies between its nodes and all are idle.
        truncated: The index of the message after which the watchdog ended the batch; else -1.
    """

    def __init__(self, runners: list[Runner]) -> None:
        self.runners = runners
        self.head, self.end = runners[0], runners[-1]
        self.clear = False
        self.truncated = -1
        self._blocking = 0  # the stage that the watchdog found at work when it ended the batch
        self._handled = 0  # messages that went along, and that the runners have not been told of yet
        self._lost: list[tuple[int, int]] = []  # of the batch: messages that did not reach the end, and at which stage
        self._in_hand: dict[str, Any] = {}  # when the last of them was lost; Any, as payloads are
        self._given: list[Any] = []
        self._iterator: Iterator[Any] = iter(())
        self._thread = threading.get_ident()
        outlets = [runner.out for runner in runners if runner.out is not None]
        self._lanes = [outlet.lane for outlet in outlets if outlet.lane is not None][: len(runners) - 1]
        self._sending = len(outlets)
        probes = [outlet.probe or outlet.watched() for outlet in outlets]
        self._allowance = probes[0]
        inputs = [lane.probe or lane.target.inlet(lane) for lane in self._lanes]
        self._ledger = Ledger(list(zip(probes, inputs, strict=False)))
        self._passage = self._made(runners)
        for runner in runners:
            runner.stretch = self

    def _made(self, runners: list[Runner]) -> Passage:
        looks = [(runner.out.check.look() if runner.out else None) or ("", None) for runner in runners]
        copied = [runner.out is not None and not runner.out.immutable for runner in runners]
        return passage(
            tuple(Stage(look, copy) for (look, _), copy in zip(looks, copied, strict=True)),
            [runner.component.call() for runner in runners],  # type: ignore[attr-defined] # all of them are functions
            [kinds for _, kinds in looks],
            snapshot=snapshot,
            odd=self._odd,
            lost=self._lose,
        )

    def room(self) -> int:
        """How many messages can go along it now.

        Returns:
            0 when it is soon to be free again, so that what comes should wait; -1 when its nodes must go on one by one,
            until the channels between them are full too.
        """
        room = self.end.room()
        if room > 0 and (self.clear or all(runner.drive.idle() for runner in reversed(self.runners[1:]))):
            self.clear = True
            return room
        self.clear = False
        return 0 if self._draining() else -1

    def _draining(self) -> bool:
        """Whether somebody has a turn coming, in which he takes out of the way what lies there."""
        behind = self.end.leads_to()
        if behind is not None and getattr(behind.drive, "queued", False):
            return True
        return any(runner.drive.queued for runner in self.runners[1:])  # type: ignore[union-attr] # all of them are Inline

    def may_grow(self) -> bool:
        """Whether the runner behind its end would go along too."""
        behind = self.end.leads_to() if len(self.runners) < LONGEST else None
        if behind is None:
            return False
        return behind.goes_along() or (behind.stretch is not None and behind.stretch.head is behind)

    def carry(self, channel: Channel, payloads: list[Any], lineage: Lineage) -> Passed:
        """Let a batch go along; there is room for it at the end."""
        scheduler = self.head.scheduler
        count, now = len(payloads), scheduler.now()
        first = scheduler.ids.draw(count * self._sending).start
        all_seen = count == 1 or self._allowance.affords(count, now)
        self._port, self._lost, self.truncated = channel.port, [], -1
        self._came = lineage, first, count, now
        scheduler.running = self
        out: list[Any] = []
        seen: list[list[Any]] = []
        start = 0 if all_seen else count - 1
        if start:
            self._passage.many(self._going(payloads, 0, start), out.append)
            if self._lost:
                start = self._note_what_was_in_hand(seen)
        if self.truncated < 0:
            self._carry_seen(self._going(payloads, start + len(seen), count), seen, out)
        scheduler.running = None
        done = self._index() + 1
        self._handled += done
        batch = Entry(lineage, first, count, now, done, start, seen, self._lost, not all_seen)
        self._note(batch)
        passed = self._passed(batch, out) if out else None
        if done < count:
            self.head.drive.give_back(channel, payloads[done:], lineage.cut(done, count))  # type: ignore[union-attr] # it is Inline
        blocking = self.runners[self._blocking] if self.truncated >= 0 else None
        self.head.drive.took(done, scheduler.tick(), blocking)  # type: ignore[union-attr] # it is Inline
        if self._lost:  # what follows no longer sees all that comes here, so it needs a count and a sample of its own
            self.dissolve()
        return passed

    def _going(self, payloads: list[Any], start: int, stop: int) -> Iterator[Any]:
        """An iterator that tells how far it is, and that the watchdog can end."""
        self._given = payloads if stop - start == len(payloads) else payloads[start:stop]
        self._before = start
        self._iterator = iter(self._given)
        return self._iterator

    def _carry_seen(self, messages: Iterator[Any], seen: list[list[Any]], out: list[Any]) -> None:
        one, sends = self._passage.one, self._sending == len(self.runners)
        for message in messages:
            snapshots: list[Any] = []
            seen.append(snapshots)
            result = one(message, snapshots.append)
            if sends and result is not None:
                out.append(result)

    def _note(self, batch: Entry) -> None:
        if self._ledger.note(batch):
            self.head.scheduler.tell_soon(self._ledger)

    def _passed(self, batch: Entry, out: list[Any]) -> Passed:
        last = self._sending - 1
        sent = batch.lineage(last)
        if batch.lost:
            lost = {index for index, _ in batch.lost}
            sent = sent.pick([index for index in range(batch.done) if index not in lost])
        return out, sent.cut(0, len(out)), batch.kept(last)

    # What is not as it mostly is

    def _odd(self, stage: int, result: Any) -> Any:
        """A result that is not settled at a glance: what is sent instead of it, mostly itself."""
        if result is None:
            raise _Nothing
        check = self.runners[stage].out.check  # type: ignore[union-attr] # only results that are sent are looked at
        return result if check.first_misfit([result]) < 0 else check.one(result)

    def _lose(self, error: BaseException, in_hand: dict[str, Any]) -> None:
        """A message has not reached the end: its function raised, or nothing is sent for it."""
        traceback = error.__traceback__
        assert traceback is not None  # it was raised
        stage, index = self._passage.stage(traceback.tb_frame.f_code, traceback.tb_lineno), self._index()
        runner = self.runners[stage]
        if not isinstance(error, _Nothing):
            error.__traceback__ = traceback.tb_next  # without our frame, which holds the whole batch
            port = self._lanes[stage - 1].port if stage else self._port
            runner.handled -= 1
            runner.fail(port, in_hand[f"m{stage}"], self._arrived(stage), index, error)
        for later in self.runners[stage + 1 :]:
            later.handled -= 1
        for lane in self._lanes[stage:]:
            lane.accepted -= 1
        runner.drive.uneven = True  # type: ignore[union-attr] # it is Inline
        self._lost.append((index, stage))
        self._in_hand = in_hand

    def _note_what_was_in_hand(self, seen: list[list[Any]]) -> int:
        """The first message was lost among those that nobody needed to see: some ports will have seen no later one.

        What the message before it had become is still there, stage by stage, behind the stage where this one was lost.

        Returns:
            The index of the first message that was seen.
        """
        index, stage = self._lost[0]
        found, self._in_hand = self._in_hand, {}
        if index:
            seen.append([UNSEEN] * stage + [_tried(found[f"m{port + 1}"]) for port in range(stage, self._sending)])
        seen.append([_tried(found[f"m{port + 1}"]) for port in range(stage)])
        return max(0, index - 1)

    def _arrived(self, stage: int) -> Lineage:
        """What is known of the batch as it comes to a stage."""
        came, first, size, now = self._came
        return came.ahead(stage - 1, range(first, first + size), size, now) if stage else came

    # Who asks while a function is being called

    def context(self) -> Context:
        """What the component may know of the message it is handling."""
        stage = max(0, self._stage())
        port = self._lanes[stage - 1].port if stage else self._port
        return self.head.scheduler.context(self.runners[stage], port, self._arrived(stage), self._index())

    def index(self) -> tuple[int, int]:
        """Which message is being handled, and at which stage."""
        return self._index(), self._stage()

    def truncate(self) -> None:
        """Let the batch end after the message that is being handled. Called by the watchdog, from its own thread."""
        iterator = self._iterator  # held, so that a batch begun meanwhile is not the one that is ended
        self._blocking, self.truncated = max(0, self._stage()), self._index()
        iterator.__setstate__(sys.maxsize)  # type: ignore[attr-defined] # a list's iterator

    def _index(self) -> int:
        if self.truncated >= 0:
            return self.truncated
        left: int = self._iterator.__length_hint__()  # type: ignore[attr-defined] # a list's iterator
        return self._before + len(self._given) - left - 1

    def _stage(self) -> int:
        """The stage whose function is being called: the line at which the passage stands tells."""
        frame = sys._current_frames().get(self._thread)
        while frame is not None:
            stage = self._passage.stage(frame.f_code, frame.f_lineno)
            if stage >= 0:
                return stage
            frame = frame.f_back
        return -1

    # Who asks between two batches

    def settle(self) -> None:
        """Tell the runners what they have handled."""
        done, self._handled = self._handled, 0
        for runner in self.runners:
            runner.handled += done
        for lane in self._lanes:
            lane.accepted += done

    def dissolve(self) -> None:
        """From now on its nodes go on one by one, until somebody finds a stretch again."""
        self.clear = False
        self.settle()
        self._ledger.close()
        for runner in self.runners:
            runner.stretch = None


def find(runner: Runner) -> None:
    """Make a stretch that begins at a runner, where one does; one that can be longer now is made anew."""
    if runner.stretch is not None:
        if runner.stretch.head is not runner or not runner.stretch.may_grow():
            return
        runner.stretch.dissolve()
    runners: list[Runner] = []
    following: Runner | None = runner
    while following is not None and len(runners) < LONGEST:
        behind = following.stretch
        if behind is not None and behind.head is following:
            behind.dissolve()
            runner.scheduler.wirings += 1  # so that what does not come along is looked at again
        if not following.goes_along():
            break
        runners.append(following)
        following = following.leads_to()
    if len(runners) > 1:
        Stretch(runners)


def _tried(payload: Any) -> Any:
    try:
        return snapshot(payload)
    except PayloadError:
        return UNSEEN
