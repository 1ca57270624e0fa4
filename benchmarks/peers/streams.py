"""streamz, used synchronously: it buffers nothing between its nodes."""

from __future__ import annotations

from streamz import Stream

from . import push
from .measure import Figures, Job, main


class Streamz:
    """A Stream for every node. Streams hold what follows them weakly, so the sinks are kept here."""

    def __init__(self) -> None:
        self.kept: list[Stream] = []

    def chain(self, k: int, sink: push.Push) -> push.Push:
        first = last = Stream()
        for _ in range(k):
            last = last.map(lambda m: m)
        self.kept += [first, last.sink(sink)]
        return first.emit

    def fan_out(self, sinks: list[push.Push]) -> push.Push:
        source = Stream()
        self.kept += [source.sink(sink) for sink in sinks]
        return source.emit

    def fan_in(self, senders: int, sink: push.Push) -> list[push.Push]:
        sources = [Stream() for _ in range(senders)]
        self.kept.append(sources[0].union(*sources[1:]).sink(sink))
        return [source.emit for source in sources]


def run(job: Job) -> Figures:
    return push.run(job, Streamz())


if __name__ == "__main__":
    main(run)
