"""The wire form of frames: the messages of module.proto that they travel as."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tinyflow_runtime import errors, protocol
from tinyflow_runtime.delivery.frames import (
    Answer,
    Cargo,
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
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.observation.lineage import COUNTER_BITS, Lineage
from tinyflow_runtime.rpc.envelope import name_of, named

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedScalarFieldContainer

_COUNTER = (1 << COUNTER_BITS) - 1


def written_frame(frame: Frame) -> protocol.Dispatch:
    """A frame as it travels."""
    dispatch = protocol.Dispatch()
    for item in frame:
        if isinstance(item, Parcel):
            _write_parcel(dispatch.parcels.add(), item)
        elif isinstance(item, Open):
            dispatch.opens.add(number=item.number, flow=item.edge.flow, edge=item.edge.edge, epoch=item.epoch)
        elif isinstance(item, Close):
            dispatch.closes.append(item.number)
        else:
            dispatch.hello.CopyFrom(protocol.Hello(writer=item.writer, module=item.module, stream=item.stream))
    return dispatch


def read_frame(dispatch: protocol.Dispatch) -> Frame:
    """A frame that travelled. Its messages are numbered as those of another process, and ``Ids.text`` knows that."""
    frame: Frame = []
    if dispatch.HasField("hello"):
        frame.append(Hello(dispatch.hello.writer, dispatch.hello.module, dispatch.hello.stream))
    frame += [Open(each.number, EdgeKey(each.flow, each.edge), each.epoch) for each in dispatch.opens]
    frame += map(Close, dispatch.closes)
    frame += map(_read_parcel, dispatch.parcels)
    return frame


def written_answers(answers: list[Answer]) -> protocol.Receipts:
    """Answers as they travel."""
    receipts = protocol.Receipts()
    for answer in answers:
        match answer:
            case Receipt(number, epoch, received, limit, settled):
                receipts.receipts.add(number=number, epoch=epoch, received=received, limit=limit, settled=settled)
            case Opened():
                receipts.opened.add(**answer._asdict())
            case Refusal(number, epoch, known, received, error, lasting):
                refusal = receipts.refusals.add(
                    number=number, epoch=epoch, known=known, received=received, retryable=not lasting
                )
                refusal.kind, refusal.code = name_of(error), error.code
                refusal.what, refusal.where = error.what, error.where
                refusal.way_out.extend(error.way_out)
            case Invitation(number):
                receipts.invitations.append(number)
            case Welcome(instance):
                receipts.welcome.instance = instance
    return receipts


def read_answers(receipts: protocol.Receipts) -> list[Answer]:
    """Answers that travelled."""
    answers: list[Answer] = []
    if receipts.HasField("welcome"):
        answers.append(Welcome(receipts.welcome.instance))
    answers += [
        Opened(each.number, each.epoch, each.known, each.received, each.limit, each.settled) for each in receipts.opened
    ]
    answers += [
        Refusal(each.number, each.epoch, each.known, each.received, _error(each), not each.retryable)
        for each in receipts.refusals
    ]
    answers += [Receipt(each.number, each.epoch, each.received, each.limit, each.settled) for each in receipts.receipts]
    answers += map(Invitation, receipts.invitations)
    return answers


def _error(refusal: protocol.Refusal) -> TinyFlowError:
    made = named(refusal.kind) or errors.Undelivered
    return made(refusal.code, refusal.what, *refusal.way_out, where=refusal.where)


def _write_parcel(into: protocol.Parcel, parcel: Parcel) -> None:
    payloads, lineage, _, origin = parcel.cargo
    into.number, into.epoch, into.first = parcel.number, parcel.epoch, parcel.first
    into.payloads.extend(payloads)
    if lineage is None:
        return
    into.time = lineage.time
    origins = [origin]
    into.ids.extend(_few(lineage.ids))
    if lineage.traces is not lineage.ids:
        _write_numbers(lineage.traces, into.traces, into.trace_origins, origins)
    if lineage.parents is not None:
        _write_numbers(lineage.parents, into.parents, into.parent_origins, origins)
    hops = lineage.hops
    into.hops.extend((hops,) if isinstance(hops, int) else hops)
    into.origins.extend(origins)


def _few(numbers: Sequence[int]) -> Iterable[int]:
    """Numbers that count up are told by the first of them."""
    return (numbers[0],) if isinstance(numbers, range) and numbers.step == 1 else numbers


def _write_numbers(
    numbers: Sequence[int],
    into: RepeatedScalarFieldContainer[int],
    into_origins: RepeatedScalarFieldContainer[int],
    origins: list[str],
) -> None:
    """Write numbers of which some were drawn in another process."""
    if isinstance(numbers, range) and numbers.step == 1 and numbers[-1] >> COUNTER_BITS == numbers[0] >> COUNTER_BITS:
        numbers = numbers[:1]
    if max(numbers) <= _COUNTER:
        into.extend(numbers)
        return
    into.extend([number & _COUNTER for number in numbers])
    known = {0: 0}
    places = []
    for origin in [number >> COUNTER_BITS for number in numbers]:
        place = known.get(origin)
        if place is None:
            place = known[origin] = len(origins)
            origins.append(f"{origin:010x}")
        places.append(place)
    into_origins.extend(places[:1] if len(set(places)) == 1 else places)


def _read_parcel(parcel: protocol.Parcel) -> Parcel:
    payloads = list(parcel.payloads)
    count = len(payloads)
    if not count:
        raise _broken("it holds no message")
    lineage = _read_lineage(parcel, count) if parcel.origins else None
    return Parcel(parcel.number, parcel.epoch, parcel.first, Cargo(payloads, lineage, sum(map(len, payloads))))


def _read_lineage(parcel: protocol.Parcel, count: int) -> Lineage:
    try:
        bases = [int(origin, 16) << COUNTER_BITS for origin in parcel.origins]
    except ValueError:
        raise _broken("an origin is not hexadecimal") from None
    ids = _read_numbers(parcel.ids, (), bases, count)
    traces = _read_numbers(parcel.traces, parcel.trace_origins, bases, count) if parcel.traces else ids
    parents = _read_numbers(parcel.parents, parcel.parent_origins, bases, count) if parcel.parents else None
    hops = list(parcel.hops)
    if len(hops) not in (1, count):
        raise _broken(f"it tells the hops of {len(hops)} messages")
    return Lineage(ids, traces, parents, hops[0] if len(hops) == 1 else hops, parcel.time)


def _read_numbers(numbers: Sequence[int], places: Sequence[int], bases: Sequence[int], count: int) -> Sequence[int]:
    if len(numbers) not in (1, count) or len(places) not in (0, 1, count):
        raise _broken(f"it names {len(numbers)} messages and holds {count}")
    if places and max(places) >= len(bases):
        raise _broken("it names an origin that it does not tell")
    if len(places) <= 1:
        base = bases[places[0] if places else 0]
        if len(numbers) == 1:
            return range(base + numbers[0], base + numbers[0] + count)
        return [base + number for number in numbers]
    if len(numbers) == 1:
        numbers = range(numbers[0], numbers[0] + count)
    return [bases[place] + number for place, number in zip(places, numbers, strict=True)]


def _broken(what: str) -> ModuleUnavailable:
    return ModuleUnavailable("TF-152", f"A writer broke the protocol with a parcel: {what}.", "Look at its log.")
