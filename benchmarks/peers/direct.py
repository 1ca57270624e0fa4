"""The floor: functions that call each other."""

from __future__ import annotations

from . import push
from .measure import Figures, Job, main


class Direct:
    """Nothing between two nodes but a call."""

    def chain(self, k: int, sink: push.Push) -> push.Push:
        following = sink
        for _ in range(k):

            def node(m: object, following: push.Push = following) -> None:
                following(m)

            following = node
        return following

    def fan_out(self, sinks: list[push.Push]) -> push.Push:
        def node(m: object) -> None:
            for sink in sinks:
                sink(m)

        return node

    def fan_in(self, senders: int, sink: push.Push) -> list[push.Push]:
        return [lambda m: sink(m) for _ in range(senders)]


def run(job: Job) -> Figures:
    return push.run(job, Direct())


if __name__ == "__main__":
    main(run)
