"""The pages an operator answers: its counts for Prometheus, and for a kubelet whether it lives and is ready."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from aiohttp import web
from tinyflow_runtime import __version__
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.hosting.metrics import CONTENT_TYPE, metric, process

from tinyflow_operator.due import Due
from tinyflow_operator.kube import Kube
from tinyflow_operator.leadership import Leadership
from tinyflow_operator.loop import Operator

Page = Callable[[], tuple[int, str]]  # a status and a text

PLAIN = "text/plain; charset=utf-8"
P = "tinyflow_operator"  # what each metric of ours begins with


class Said:
    """What an operator says of itself.

    Args:
        leadership: None where there is one operator only.
    """

    def __init__(self, operator: Operator, kube: Kube, leadership: Leadership | None) -> None:
        self._operator, self._kube, self._leadership = operator, kube, leadership

    def lives(self) -> tuple[int, str]:
        """That this is answered says it: the pages and the work have one loop."""
        return 200, "ok"

    def ready(self) -> tuple[int, str]:
        """Whether it works, or would at once: one that waits for its turn is as ready as it can be."""
        if self._leadership is not None and not self._leadership.leads:
            return (200, "waits for its turn") if self._leadership.holder else (503, "has not seen who leads")
        return (200, "works") if self._operator.desk.world.is_synced else (503, "reads what is there")

    def metrics(self) -> tuple[int, str]:
        return 200, "\n".join([*self._lines(), *process(), ""])

    @property
    def _leads(self) -> bool:
        return self._leadership is None or self._leadership.leads

    def _lines(self) -> Iterator[str]:
        desk = self._operator.desk
        yield from metric(f"{P}_info", "gauge", "What runs here.", [({"version": __version__}, 1)])
        yield from metric(f"{P}_leader", "gauge", "Whether it works, or waits for its turn.", [({}, self._leads)])
        yield from metric(f"{P}_synced", "gauge", "Whether it has read all there is.", [({}, desk.world.is_synced)])
        requests = [({"method": method, "code": code}, count) for (method, code), count in self._kube.counts.items()]
        yield from metric(f"{P}_requests_total", "counter", "Requests of the Kubernetes API.", requests)
        dues: dict[str, Due] = {"nodes": desk.many, "others": desk.few}
        looks = [
            ({"kind": kind, "outcome": outcome}, count)
            for due in dues.values()
            for (kind, outcome), count in due.counts.items()
        ]
        yield from metric(f"{P}_reconciles_total", "counter", "Looks at one thing, by what they came to.", looks)
        took = [({"kind": kind}, seconds) for due in dues.values() for kind, seconds in due.seconds.items()]
        yield from metric(f"{P}_reconcile_seconds_total", "counter", "Time that looks took.", took)
        waiting = [({"of": name}, due.waiting) for name, due in dues.items()]
        yield from metric(f"{P}_due", "gauge", "Things that wait to be looked at.", waiting)
        failing = [({"of": name}, due.failing) for name, due in dues.items()]
        yield from metric(f"{P}_failing", "gauge", "Things that failed last time, and are tried again.", failing)
        objects = [({"kind": kind.name}, len(cache)) for kind, cache in desk.world.kinds]
        yield from metric(f"{P}_objects", "gauge", "Objects there are.", objects)
        heard = [
            ({"kind": kind.name, "what": what}, count)
            for kind, cache in desk.world.kinds
            for what, count in cache.counts.items()
        ]
        yield from metric(f"{P}_followed_total", "counter", "How objects were followed.", heard)


@contextlib.asynccontextmanager
async def serve(address: str, pages: Mapping[str, Page]) -> AsyncIterator[str]:
    """Answer some paths until the block ends; yields the URL, with the port that was found for port 0.

    Raises:
        ClusterError: TF-188, it is no address, or taken.
    """
    host, _, port = address.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise ClusterError("TF-188", f"{address!r} is no address.", "Write it as in 0.0.0.0:8080.")

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        page = pages.get(request.path)
        if page is None:
            return web.Response(status=404, text=f"Ask for {' or '.join(pages)}.\n")
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="Ask with GET.\n")
        status, text = page()
        kind = CONTENT_TYPE if request.path == "/metrics" else PLAIN
        return web.Response(status=status, body=text.encode(), headers={"Content-Type": kind})

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    try:
        site = web.TCPSite(runner, host.strip("[]"), int(port))
        try:
            await site.start()
        except (OSError, OverflowError) as error:
            what = f"Nothing can listen at {address}: {error}."
            raise ClusterError("TF-188", what, "Choose another address.") from None
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
