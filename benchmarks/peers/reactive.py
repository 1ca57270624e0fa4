"""reactivex, used synchronously: it buffers nothing between its operators."""

from __future__ import annotations

import reactivex
from reactivex import operators
from reactivex.subject import Subject

from . import push
from .measure import Figures, Job, main


class Reactive:
    """A map operator for every node."""

    def chain(self, k: int, sink: push.Push) -> push.Push:
        subject: Subject[object] = Subject()
        subject.pipe(*[operators.map(lambda m: m) for _ in range(k)]).subscribe(sink)
        return subject.on_next

    def fan_out(self, sinks: list[push.Push]) -> push.Push:
        subject: Subject[object] = Subject()
        for sink in sinks:
            subject.subscribe(sink)
        return subject.on_next

    def fan_in(self, senders: int, sink: push.Push) -> list[push.Push]:
        subjects: list[Subject[object]] = [Subject() for _ in range(senders)]
        reactivex.merge(*subjects).subscribe(sink)
        return [subject.on_next for subject in subjects]


def run(job: Job) -> Figures:
    return push.run(job, Reactive())


if __name__ == "__main__":
    main(run)
