"""Metrics: the counts of every node and edge of a module in Prometheus' text format, over HTTP on this machine."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator

import psutil

from tinyflow_runtime import protocol
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.rpc.listening import loopback

__all__ = ["CONTENT_TYPE", "metric", "process", "serve_metrics", "text"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LINE = 8 * 1024  # bytes of a request's line
HURRY = 5.0  # seconds for a request to be complete
ASKERS = 16  # connections at once; further ones are closed

Sample = tuple[dict[str, str], float]

# name, kind, help, field of protocol.Runner
_NODES = (
    ("accepted_total", "counter", "Messages accepted for a node.", "accepted"),
    ("handled_total", "counter", "Messages handled by a node.", "handled"),
    ("failed_total", "counter", "Messages whose failure went to the error port.", "failed"),
    ("dead_total", "counter", "Messages that became dead letters.", "dead"),
    ("shed_total", "counter", "Messages given up by an overflow policy.", "shed"),
    ("filtered_total", "counter", "Payloads that an edge's condition kept from becoming messages.", "filtered"),
    ("queued", "gauge", "Messages that wait at a node.", "queued"),
    ("running", "gauge", "Messages in a node's hands.", "running"),
)
# name, kind, help, field of protocol.Channel
_EDGES = (
    ("sent_total", "counter", "Messages accepted over an edge.", "sent"),
    ("queued", "gauge", "Messages that wait on an edge.", "queued"),
    ("capacity", "gauge", "Messages that may wait on an edge.", "capacity"),
)


def text(host_state: protocol.State, description: protocol.Description) -> str:
    """What Prometheus reads: https://prometheus.io/docs/instrumenting/exposition_formats/."""
    nodes, edges = host_state.nodes, host_state.edges
    lines: list[str] = []
    told = {name: getattr(description, name) for name in ("module", "revision", "version", "instance")}
    lines += metric("tinyflow_module", "gauge", "What runs here.", [(told, 1)])
    for name, kind, what, field in _NODES:
        samples = [({"flow": node.flow, "node": node.name}, float(getattr(node, field))) for node in nodes]
        lines += metric(f"tinyflow_node_{name}", kind, what, samples)
    up = [({"flow": node.flow, "node": node.name}, float(node.state != "closed")) for node in nodes]
    lines += metric("tinyflow_node_up", "gauge", "Whether a node has started.", up)
    for name, kind, what, field in _EDGES:
        lines += metric(
            f"tinyflow_edge_{name}", kind, what, [(_edge(edge), float(getattr(edge, field))) for edge in edges]
        )
    lost = [({"flow": each.flow, "edge": each.edge, "peer": each.peer}, float(each.count)) for each in host_state.lost]
    lines += metric("tinyflow_edge_lost_total", "counter", "Messages that went with a peer that died.", lost)
    lines += metric("tinyflow_dead_letters", "gauge", "Dead letters kept.", [({}, host_state.dead_letters)])
    return "\n".join([*lines, *process(), ""])


def _edge(edge: protocol.Channel) -> dict[str, str]:
    return {"flow": edge.flow, "source": edge.source, "to": edge.to}


def process() -> Iterator[str]:
    """What Prometheus wants to know of any process."""
    this = psutil.Process()
    times, memory = this.cpu_times(), this.memory_info()
    yield from metric("process_cpu_seconds_total", "counter", "Processor time.", [({}, times.user + times.system)])
    yield from metric("process_resident_memory_bytes", "gauge", "Memory in use.", [({}, memory.rss)])
    yield from metric("process_start_time_seconds", "gauge", "When it began.", [({}, this.create_time())])


def metric(name: str, kind: str, what: str, samples: Iterable[Sample]) -> Iterator[str]:
    """The lines of one metric, with its labels."""
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(each)}"' for label, each in labels.items())
        yield f"{name}{{{shown}}} {value:.17g}" if shown else f"{name} {value:.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@contextlib.asynccontextmanager
async def serve_metrics(host: Host, address: str) -> AsyncIterator[str]:
    """Answer GET /metrics until the block ends; yields the URL, with the port that was found for port 0.

    Raises:
        ValueError: The address is not a loopback one. OSError: It cannot be listened at.
    """
    name, port = loopback(address)
    asking = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asking
        asking += 1
        try:
            if asking <= ASKERS:
                async with asyncio.timeout(HURRY):
                    await _answer(host, reader, writer)
        except (TimeoutError, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever asked has gone, or asks no HTTP
        finally:
            asking -= 1
            writer.close()

    server = await asyncio.start_server(answer, name.strip("[]"), port, limit=LINE)
    async with server:
        yield f"http://{name}:{server.sockets[0].getsockname()[1]}/metrics"


async def _answer(host: Host, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = (await reader.readuntil(b"\r\n")).split()
    while await reader.readuntil(b"\r\n") != b"\r\n":  # headers say nothing that matters here
        pass
    status, body = "404 Not Found", b"Ask for /metrics.\n"
    if request[:1] not in ([b"GET"], [b"HEAD"]):
        status, body = "405 Method Not Allowed", b"Ask with GET.\n"
    elif request[1:2] and request[1].partition(b"?")[0] == b"/metrics":
        state = await host.state(protocol.StateRequest())
        description = protocol.Description(
            module=host.module, revision=host.revision, version=host.version, instance=host.instance
        )
        status, body = "200 OK", text(state, description).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + (b"" if request[:1] == [b"HEAD"] else body))
    await writer.drain()
