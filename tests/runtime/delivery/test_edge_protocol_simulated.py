"""Ten thousand seeded schedules of the edge protocol on a simulated clock, and a planted bug for every rule it follows.

Three processes stand in a row: ``s`` sends over two edges to ``a``, which passes on to ``b``. A schedule draws what
happens next: messages, frames on their way, cuts, reconnects, deaths, slow nodes, rights that come and go. Then all
heals, and what must hold is looked at. More schedules::

    python tests/runtime/delivery/test_edge_protocol_simulated.py 100000 [FIRST_SEED]
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tinyflow_runtime.delivery import departures, receiver
from tinyflow_runtime.delivery.arrivals import Arrival
from tinyflow_runtime.delivery.departures import Departure
from tinyflow_runtime.delivery.frames import Cargo, EdgeKey, Open
from tinyflow_runtime.delivery.receiver import Receiver, Right, Session
from tinyflow_runtime.delivery.sender import Sender
from tinyflow_runtime.errors import DeliveryError, NodeError

SCHEDULES = 10_000
STEPS = 220


class Broken(AssertionError):
    """An invariant does not hold."""


class Exit:
    """Where an edge begins: an Origin that remembers what became of each message."""

    def __init__(self, world, process, edge, capacity):
        self.world = world
        self.process = process
        self.edge = edge
        self.capacity = capacity
        self.items = deque()
        self.taken = deque()
        self.accepted = self.handed_over = self.dead = self.gone = 0

    def __len__(self):
        return len(self.items)

    def put(self, message):
        self.accepted += 1
        self.items.append(message)

    def take(self, count, size):
        count = min(count, len(self.items))
        if not count:
            return None
        messages = [self.items.popleft() for _ in range(count)]
        self.taken.extend(messages)
        return Cargo([b"%d" % message for message in messages], None, count)

    def delivered(self, count):
        self.handed_over += count
        self._end(count)

    def lost(self, *, unacknowledged, unsettled):
        self.handed_over -= unsettled
        self.gone += unacknowledged + unsettled
        self._end(unacknowledged)

    def reject(self, cargo, error):
        if cargo is None:
            messages = list(self.items)
            self.items.clear()
            for message in messages:
                self.process.alive.discard(message)
        else:
            messages = self._end(len(cargo.payloads))
            if messages != [int(payload) for payload in cargo.payloads]:
                raise Broken(f"I6: refused {cargo.payloads}, and {messages} were on their way")
        self.dead += len(messages)
        self.world.dead.update(messages)

    def _end(self, count):
        if count > len(self.taken):
            raise Broken("I6: more was accounted for than taken")
        messages = [self.taken.popleft() for _ in range(count)]
        for message in messages:
            self.process.alive.discard(message)
        return messages

    def check(self):
        queued = len(self.items) + len(self.taken)
        if self.accepted != self.handed_over + self.dead + self.gone + queued:
            raise Broken(f"I6: {vars(self)}")


class Entrance:
    """Where an edge ends: a Door into a node that handles when the schedule says so."""

    def __init__(self, process, edge, capacity):
        self.process = process
        self.edge = edge
        self.capacity = capacity
        self.items = deque()
        self.put_here = []
        self.call = None
        self.closed = False

    @property
    def room(self):
        return self.capacity - len(self.items)

    @property
    def refusal(self):
        return None if self.process.has_node else self.process.no_node()

    @property
    def settled(self):
        self.put_here = [message for message in self.put_here if message in self.process.alive]
        return self.total - len(self.put_here)

    total = 0

    def put(self, cargo):
        if self.closed:
            raise Broken("something came through a closed door")
        messages = [int(payload) for payload in cargo.payloads]
        self.total += len(messages)
        self.items.extend(messages)
        self.put_here += messages
        self.process.alive.update(messages)
        if len(self.items) > self.capacity:
            raise Broken(f"I5: {len(self.items)} in a channel of {self.capacity}")

    def when_freed(self, call):
        self.call = call

    def freed(self):
        if self.call is not None and len(self.items) <= self.capacity // 2:
            call, self.call = self.call, None
            call()

    def close(self):
        self.closed = True


class Process:
    """One life of one module process: what it receives, handles and sends."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.uid = f"{name}-{world.uids}"
        world.uids += 1
        self.alive = set()  # messages of which something is in here
        self.passed = set()  # messages that it has handed to its sender
        self.has_node = True
        self.entrances = []
        self.exits = {}
        self.receiver = Receiver(self.uid, name, self)
        self.sender = None

    def sends(self, peer, edges):
        self.sender = Sender(self.uid, self.name, peer, clock=lambda: self.world.now)
        for edge in edges:
            self.add(edge)

    def add(self, edge):
        exit_ = self.exits[edge] = Exit(self.world, self, edge, self.world.capacities[edge])
        exit_.departure = self.sender.add(edge, exit_)

    # Doors

    def no_node(self):
        return NodeError("TF-107", f"There is no node in {self.name}.")

    def look(self, edge, right):
        if not self.has_node:
            raise self.no_node()

    def door(self, edge, right):
        made = Entrance(self, edge, self.world.capacities[edge])
        self.entrances.append(made)
        return made

    def handle(self, count):
        ready = [entrance for entrance in self.entrances if entrance.items]
        for _ in range(count):
            if not ready:
                return
            entrance = ready[0]
            message = entrance.items[0]
            if self.sender is not None:
                exit_ = next(iter(self.exits.values()))
                if len(exit_) >= exit_.capacity:
                    return
                entrance.items.popleft()
                exit_.put(message)
                self.passed.add(message)
                self.sender.stir(exit_.departure)
            else:
                entrance.items.popleft()
                self.world.commit(message)
                self.alive.discard(message)
            entrance.freed()
            if not entrance.items:
                ready.pop(0)


class Stream:
    """A connection: what is on its way in either direction, in order, and who still listens."""

    def __init__(self, start, end):
        self.start, self.end = start, end
        self.up, self.down = deque(), deque()
        self.session = end.receiver.session()
        self.cut = False
        self.superseded = False


class World:
    """Three processes, what lies between them, and what happened."""

    def __init__(self, seed, *, deaths):
        self.random = random.Random(seed)
        self.now = 1_000.0
        self.uids = 0
        self.next_message = 0
        self.deaths = deaths
        self.sent, self.committed, self.dead = {}, [], set()
        self.reported = 0
        self.edges = [EdgeKey("f", "one"), EdgeKey("f", "two")]
        self.last = EdgeKey("f", "last")
        self.capacities = {edge: self.random.choice((1, 2, 5, 20)) for edge in (*self.edges, self.last)}
        self.processes = {}
        self.streams = []
        self.current = {}
        for name in "sab":
            self.start(name)

    def start(self, name):
        process = self.processes[name] = Process(self, name)
        if name == "s":
            process.sends("a", self.edges)
        if name == "a":
            process.sends("b", [self.last])
            process.receiver.allow({edge: Right("s", "node:in") for edge in self.edges})
        if name == "b":
            process.receiver.allow({self.last: Right("a", "node:in")})

    def commit(self, message):
        self.committed.append(message)

    # What can happen

    def send(self):
        process = self.processes["s"]
        edge = self.random.choice(self.edges)
        exit_ = process.exits.get(edge)
        if exit_ is None:
            return
        for _ in range(self.random.randint(1, 6)):
            if len(exit_) >= exit_.capacity:
                break
            self.next_message += 1
            self.sent[self.next_message] = edge
            process.alive.add(self.next_message)
            exit_.put(self.next_message)
        process.sender.stir(exit_.departure)

    def connect(self, name):
        start, end = self.processes[name], self.processes["b" if name == "a" else "a"]
        before = self.current.get(name)
        if before is not None and not before.cut:
            return
        if before is not None:
            start.sender.disconnected()
        stream = self.current[name] = Stream(start, end)
        self.streams.append(stream)
        start.sender.connected()

    def write(self, name):
        stream = self.current.get(name)
        if stream is None or stream.cut:
            return
        frame = stream.start.sender.next_frame()
        if frame:
            stream.up.append(frame)

    def arrive(self, stream):
        """A frame reaches the receiver, also on a stream that is cut: it may have been on its way."""
        if not stream.up:
            return
        puts = sum(entrance.total for entrance in stream.end.entrances)
        frame = stream.up.popleft()
        for other in self.streams:
            if other is not stream and other.start is stream.start and other.end is stream.end:
                if self.streams.index(other) < self.streams.index(stream):
                    other.superseded = True
        try:
            stream.session.receive(frame)
        except DeliveryError as error:
            raise Broken(f"the protocol was broken: {error}") from error
        if stream.superseded and puts != sum(entrance.total for entrance in stream.end.entrances):
            raise Broken("I8: a stream that was replaced was listened to")

    def answer(self, stream):
        if stream.session.closed:
            return
        answers = stream.session.next_answers()
        if answers and not stream.cut:
            stream.down.append(answers)

    def hear(self, stream):
        if stream.down and not stream.cut and self.current.get(stream.start.name) is stream:
            losses = len(stream.start.sender.losses)
            stream.start.sender.receive(stream.down.popleft())
            self.reported += sum(loss.count for loss in stream.start.sender.losses[losses:])

    def cut(self, stream):
        stream.cut = True
        stream.down.clear()
        if self.random.random() < 0.4:  # what was on its way is gone
            for _ in range(self.random.randint(0, len(stream.up))):
                stream.up.pop()
        if self.current.get(stream.start.name) is stream:
            stream.start.sender.disconnected()

    def forget(self, stream):
        stream.session.close()
        self.streams.remove(stream)

    def kill(self, name):
        """Only what somebody who lives can know is reported, so two neighbours do not die over the same messages."""
        a, b = self.processes["a"], self.processes["b"]
        if name == "a" and a.sender.instance not in ("", b.uid):
            return
        if name == "b" and b.alive - a.passed:
            return
        dying = self.processes[name]
        for stream in list(self.streams):
            if dying in (stream.start, stream.end):
                if stream.start is not dying:
                    self.cut(stream)
                elif not stream.session.closed and self.random.random() < 0.5:
                    stream.cut = True  # what it had written still arrives
                    continue
                self.streams.remove(stream)
        if name == "a":
            self.current.pop("a", None)
        self.start(name)

    def change(self):
        """A right or a node comes or goes, or an edge is made anew."""
        name = self.random.choice("ab")
        process = self.processes[name]
        kind = self.random.random()
        rights = dict(process.receiver.rights)
        if kind < 0.4:
            edge = self.random.choice(self.edges if name == "a" else [self.last])
            if edge in rights:
                del rights[edge]
            else:
                rights[edge] = Right("s" if name == "a" else "a", "node:in")
        elif kind < 0.6:
            process.has_node = not process.has_node
        elif kind < 0.8:
            first = self.processes["s"]
            edge = self.random.choice(self.edges)
            if edge not in first.exits:
                first.add(edge)
            elif first.exits[edge].departure.done:  # else what comes after it may overtake
                first.sender.remove(first.exits.pop(edge).departure)
        process.receiver.allow(rights)

    def pass_time(self):
        self.now += self.random.choice((0.1, 1.0, 6.0))
        for process in self.processes.values():
            if process.sender is not None:
                process.sender.tick()

    # A schedule

    def happen(self):
        draw = self.random.random()
        stream = self.random.choice(self.streams) if self.streams else None
        if draw < 0.16:
            self.send()
        elif draw < 0.30:
            self.write(self.random.choice("sa"))
        elif draw < 0.36:
            self.connect(self.random.choice("sa"))
        elif draw < 0.48:
            self.processes[self.random.choice("ab")].handle(self.random.randint(1, 8))
        elif draw < 0.52:
            self.processes[self.random.choice("ab")].receiver.survey()
        elif draw < 0.55:
            self.pass_time()
        elif draw < 0.558:
            self.change()
        elif draw < 0.57:
            if self.deaths:
                self.kill(self.random.choice(self.deaths))
        elif stream is None:
            pass
        elif draw < 0.71:
            self.arrive(stream)
        elif draw < 0.85:
            self.answer(stream)
        elif draw < 0.97:
            self.hear(stream)
        elif draw < 0.99:
            self.cut(stream)
        elif stream.cut:
            self.forget(stream)

    def heal(self):
        for name in "ab":
            process = self.processes[name]
            process.has_node = True
            edges = self.edges if name == "a" else [self.last]
            process.receiver.allow({edge: Right("s" if name == "a" else "a", "node:in") for edge in edges})
        self.settle(self.delivered, survey=False)  # what is told of late must not be what moves the messages
        self.settle(self.quiet, survey=True)

    def settle(self, over, *, survey):
        for _ in range(4_000):
            for name in "sa":
                self.connect(name)
                self.write(name)
            for stream in list(self.streams):
                self.arrive(stream)
                self.answer(stream)
                self.hear(stream)
            for name in "ab":
                self.processes[name].handle(8)
                if survey:
                    self.processes[name].receiver.survey()
            if over():
                return
        raise Broken("I7: it did not drain")

    def delivered(self):
        s, a, b = self.processes.values()
        departures_ = [*s.sender.departures, *a.sender.departures]
        return not (a.alive or b.alive) and not any(each.flight or len(each.origin) for each in departures_)

    def quiet(self):
        s, a, _ = self.processes.values()
        departures_ = [*s.sender.departures, *a.sender.departures]
        on_their_way = any(stream.up or (stream.down and not stream.cut) for stream in self.streams)
        return not on_their_way and self.delivered() and all(each.opened and each.done for each in departures_)

    def look(self):
        for process in self.processes.values():
            for exit_ in process.exits.values():
                exit_.check()

    def check_end(self):
        self.look()
        unknown = set(self.committed) - set(self.sent)
        if unknown:
            raise Broken(f"I2: {unknown} came from nowhere")
        if len(set(self.committed)) != len(self.committed):
            raise Broken("I3: a message was handled twice")
        if self.dead & set(self.committed):
            raise Broken("I3: a dead letter was handled as well")
        for edge in self.edges:
            order = [message for message in self.committed if self.sent[message] == edge]
            if order != sorted(order):
                raise Broken(f"I4: {edge} {order}")
        missing = len(set(self.sent) - set(self.committed) - self.dead)
        if missing > self.reported:
            raise Broken(f"I1: {missing} are missing and {self.reported} were reported")
        if not self.deaths and self.reported:
            raise Broken(f"I1: {self.reported} were reported and nobody died")


def run(seed, steps=STEPS):
    """One schedule; returns its world."""
    deaths = ("", "b", "a", "ab")[seed % 4]
    world = World(seed, deaths=deaths)
    for _ in range(steps):
        world.happen()
        world.look()
    world.heal()
    world.check_end()
    return world


@pytest.mark.timeout(120)
def test_ten_thousand_schedules_keep_every_invariant():
    started = time.perf_counter()

    for seed in range(SCHEDULES):
        run(seed)

    assert time.perf_counter() - started < 60


class Edges(RuleBasedStateMachine):
    """The same world, driven by hypothesis, which looks for the shortest way to break it."""

    @initialize(seed=st.integers(0, 1 << 16), deaths=st.sampled_from(["", "a", "b", "ab"]))
    def begin(self, seed, deaths):
        self.world = World(seed, deaths=deaths)

    def _stream(self, number):
        return self.world.streams[number % len(self.world.streams)] if self.world.streams else None

    @rule()
    def send(self):
        self.world.send()

    @rule(name=st.sampled_from("sa"))
    def connect(self, name):
        self.world.connect(name)

    @rule(name=st.sampled_from("sa"))
    def write(self, name):
        self.world.write(name)

    @rule(name=st.sampled_from("ab"), count=st.integers(1, 8))
    def handle(self, name, count):
        self.world.processes[name].handle(count)

    @rule(name=st.sampled_from("ab"))
    def survey(self, name):
        self.world.processes[name].receiver.survey()

    @rule(
        number=st.integers(0, 7), what=st.sampled_from(["arrive", "answer", "hear", "arrive", "answer", "hear", "cut"])
    )
    def on_a_stream(self, number, what):
        stream = self._stream(number)
        if stream is not None:
            getattr(self.world, what)(stream)

    @rule()
    def pass_time(self):
        self.world.pass_time()

    @rule()
    def change(self):
        self.world.change()

    @rule(name=st.sampled_from("ab"))
    def kill(self, name):
        if name in self.world.deaths:
            self.world.kill(name)

    @invariant()
    def every_snapshot_balances(self):
        if hasattr(self, "world"):
            self.world.look()

    def teardown(self):
        if hasattr(self, "world"):
            self.world.heal()
            self.world.check_end()


TestEdges = Edges.TestCase
TestEdges.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
TestEdges.pytestmark = [pytest.mark.timeout(120)]


# Planted bugs: each takes one rule out, and some schedule must notice


def _drop_a_message(patch):
    take = Arrival.take

    def planted(self, parcel):
        shorter = parcel._replace(cargo=parcel.cargo.before(len(parcel.cargo.payloads) - 1))
        if parcel.first == self.received + 1 and len(parcel.cargo.payloads) > 1:
            take(self, shorter)
            self.received += 1
        else:
            take(self, parcel)

    patch.setattr(Arrival, "take", planted)


def _skip_the_high_water_check(patch):
    def planted(self, parcel):
        self.received = max(self.received, parcel.last)
        self.accepted += len(parcel.cargo.payloads)
        self._taken += len(parcel.cargo.payloads)
        self.door.put(parcel.cargo)

    patch.setattr(Arrival, "take", planted)


def _acknowledge_when_sent(patch):
    pack = Departure.pack

    def planted(self, count, size):
        parcel = pack(self, count, size)
        if parcel is not None:
            self.acknowledge(parcel.last, 0, 0)
        return parcel

    patch.setattr(Departure, "pack", planted)


def _use_an_epoch_twice(patch):
    begin = Departure._begin_epoch

    def planted(self):
        begin(self)
        self.epoch -= 1

    patch.setattr(Departure, "_begin_epoch", planted)


def _send_again_from_the_wrong_place(patch):
    def planted(self, opened):
        Departure_open(self, opened)
        if self.again:
            self.again.popleft()

    Departure_open = Departure.open
    patch.setattr(Departure, "open", planted)


def _send_nothing_again(patch):
    def planted(self, opened):
        Departure_open(self, opened)
        self.again.clear()

    Departure_open = Departure.open
    patch.setattr(Departure, "open", planted)


def _grant_more_than_there_is_room_for(patch):
    def planted(self):
        if self.door is not None and self.open:
            self.limit = max(self.limit, self.received + self.door.capacity)

    patch.setattr(Arrival, "grant", planted)


def _send_without_credit(patch):
    pack = Departure.pack

    def planted(self, count, size):
        self.limit += 1
        return pack(self, count, size)

    patch.setattr(Departure, "pack", planted)


def _never_tell_of_new_room(patch):
    patch.setattr(Session, "_freed", lambda self, arrival: None)


def _listen_to_a_replaced_stream(patch):
    def planted(self, session, stream):
        self._sessions[session.writer] = session
        return True

    patch.setattr(Receiver, "begin", planted)


def _take_an_old_stream_for_the_newest(patch):
    begin = Receiver.begin
    counter = iter(range(1, 1 << 60))
    patch.setattr(Receiver, "begin", lambda self, session, stream: begin(self, session, next(counter)))


def _send_the_next_life_what_the_last_one_had(patch):
    def planted(self, instance, *, known):
        if instance != self.instance and self.begun and self.instance:
            self.epoch += 1
            self.begun = False
            renumbered = [parcel.cargo for parcel in self.flight]
            self.flight.clear()
            self.next, self.acknowledged, self.limit = 1, 0, 0
            for cargo in renumbered:
                self.flight.append(departures.Parcel(self.number, self.epoch, self.next, cargo))
                self.next += len(cargo.payloads)
            unsettled = self.accepted - self.settled
            self.origin.lost(unacknowledged=0, unsettled=unsettled)
            self.accepted = self.settled = 0
            self.instance = instance
            return unsettled
        return meet(self, instance, known=known)

    meet = Departure.meet
    patch.setattr(Departure, "meet", planted)


def _report_only_what_was_not_acknowledged(patch):
    meet = Departure.meet

    def planted(self, instance, *, known):
        unsettled = self.accepted - self.settled
        count = meet(self, instance, known=known)
        return count - unsettled if count else 0

    patch.setattr(Departure, "meet", planted)


def _take_accepted_for_settled(patch):
    patch.setattr(Arrival, "settled", property(lambda self: self.accepted))


def _refuse_without_the_mark(patch):
    refuse = Session._refuse

    def planted(self, number, arrival, epoch, error):
        refuse(self, number, arrival, epoch, error)
        self._said[-1] = self._said[-1]._replace(received=0)

    patch.setattr(Session, "_refuse", planted)


def _forget_who_was_refused(patch):
    patch.setattr(Session, "look_again", lambda self: None)


def _take_a_refused_epoch_up_again(patch):
    def planted(self, answers):
        for answer in answers:
            if isinstance(answer, receiver.Refusal):
                departure = self._departures.get(answer.number)
                if departure is not None and departure.epoch == answer.epoch:
                    self._said.append(Open(departure.number, departure.edge, departure.epoch))
                continue
            receive(self, [answer])

    receive = Sender.receive
    patch.setattr(Sender, "receive", planted)


def _believe_a_receipt_of_an_epoch_that_is_over(patch):
    def planted(self, departure, receipt):
        departure.acknowledge(receipt.received, receipt.limit, receipt.settled)

    patch.setattr(Sender, "_take_receipt", planted)


PLANTED = [
    _drop_a_message,
    _skip_the_high_water_check,
    _acknowledge_when_sent,
    _use_an_epoch_twice,
    _send_again_from_the_wrong_place,
    _send_nothing_again,
    _grant_more_than_there_is_room_for,
    _send_without_credit,
    _never_tell_of_new_room,
    _listen_to_a_replaced_stream,
    _take_an_old_stream_for_the_newest,
    _send_the_next_life_what_the_last_one_had,
    _report_only_what_was_not_acknowledged,
    _take_accepted_for_settled,
    _refuse_without_the_mark,
    _forget_who_was_refused,
    _take_a_refused_epoch_up_again,
    _believe_a_receipt_of_an_epoch_that_is_over,
]


def caught(schedules=2_000):
    """The first seed that notices what was planted, and how."""
    for seed in range(schedules):
        try:
            run(seed)
        except Exception as error:  # a machine that trips over itself is caught as well
            return seed, f"{type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__.strip("_"))
def test_a_planted_bug_is_caught(plant, monkeypatch):
    plant(monkeypatch)

    assert caught() is not None


def explain():
    """Print what notices each planted bug."""
    for plant in PLANTED:
        with contextlib.ExitStack() as stack:
            patch = pytest.MonkeyPatch()
            stack.callback(patch.undo)
            plant(patch)
            print(f"{plant.__name__.strip('_'):48} {caught()}")


def main(count, first=0):
    started, sent, reported, dead = time.perf_counter(), 0, 0, 0
    for seed in range(first, first + count):
        try:
            world = run(seed)
        except Broken as error:
            print(f"seed {seed}: {error}")
            raise
        sent, reported, dead = sent + len(world.sent), reported + world.reported, dead + len(world.dead)
    took = time.perf_counter() - started
    print(f"schedules={count} sent={sent} dead={dead} reported={reported} broken=0 seconds={took:.1f}")


if __name__ == "__main__":
    explain() if sys.argv[1:] == ["planted"] else main(*map(int, sys.argv[1:]))
