"""The workloads: who runs what, which figure counts, and what TinyFlow must reach against whom.

W1 to W8 are the names of the measurements that the design was made from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DIRECT = "direct calls"
ASYNCIO = "asyncio.Queue"
NOFLO = "NoFlo"
NODE_RED = "Node-RED function"
TCP = "raw asyncio TCP"
UNARY = "gRPC unary"
NAIVE = "asyncio.Queue + jsonpath-ng + pydantic"

LESS_IS_MORE = {"p50", "p99", "us_node", "kib_node", "traverse_ms", "first_ms", "us_one", "us_five"}
UNITS = {
    "rate": "M hops/CPU-s",
    "wall_rate": "M hops/s",
    "messages": "messages/s",
    "p50": "p50 µs",
    "p99": "p99 µs",
    "us_node": "µs a node",
    "kib_node": "KiB a node",
    "traverse_ms": "one message through all, ms",
    "first_ms": "the first, ms",
    "us_one": "one field, µs",
    "us_five": "five fields, µs",
    "peak_mib": "peak MiB",
}


@dataclass(frozen=True, slots=True)
class Contender:
    """One process: a peer, and how much of the workload it is given.

    Attributes:
        name: As the table calls it.
        program: The file in peers/ that runs.
        n: Messages, sized so that it takes half a second; only rates are compared.
        variant: What the program offers more than one of.
    """

    name: str
    program: str
    n: int
    variant: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """What TinyFlow must reach, and what it reaches for.

    Attributes:
        subject: Which of TinyFlow's contenders.
        against: Which peer, as a ratio in the same round; "" for a limit that the figure must stay below.
        figure: What is compared.
        must: Missing it fails the gate.
        reach: What the sketches came to.
    """

    subject: str
    against: str
    must: float | None
    reach: float | None
    figure: str = "rate"


@dataclass(frozen=True, slots=True)
class Workload:
    """Contenders that run the same thing.

    Attributes:
        name: As ``--only`` takes it, or its beginning.
        tells: What happens in it, in one line.
        job: The peers' word for it.
        k: Nodes between source and sink.
        figures: The columns of its table; the first is compared.
    """

    name: str
    tells: str
    job: str
    k: int
    figures: tuple[str, ...]
    contenders: tuple[Contender, ...]
    goals: tuple[Goal, ...] = ()

    def scaled(self, scale: float) -> Workload:
        """The same with fewer messages, to try it out."""
        smaller = [replace(one, n=max(20, int(one.n * scale))) for one in self.contenders]
        return replace(self, contenders=tuple(smaller))


def _chain(k: int, goals: tuple[Goal, ...], *more: Contender) -> Workload:
    n = 2_000_000 // k if k < 100 else 60_000  # so that what is kept of the first 1,000 at each port is little of it
    return Workload(
        name=f"W1 K={k}",
        tells=f"small dicts from a source through {k} nodes to a sink",
        job="w1",
        k=k,
        figures=("rate", "wall_rate", "peak_mib"),
        contenders=(
            Contender("TinyFlow, map nodes", "tinyflow", n, "value"),
            *more,
            Contender(DIRECT, "direct", n),
            Contender(ASYNCIO, "asyncio_channels", n // 8),
            Contender("reactivex", "reactive", n // 4),
            Contender("streamz", "streams", n // 40),
            Contender(NOFLO, "noflo", n // 10),
            Contender(NODE_RED, "node_red", n // 40),
            Contender("Node-RED change", "node_red", n // 20, "change"),
        ),
        goals=goals,
    )


def _between(size: str, job: str, n: int, rate: Goal) -> Workload:
    return Workload(
        name=f"W4 {size}",
        tells=f"messages of {size} to another process on this machine, and an acknowledgement from end to end",
        job=job,
        k=0,
        figures=("messages", "p50", "p99", "peak_mib"),
        contenders=(
            Contender("TinyFlow", "between", n, "tinyflow"),
            Contender(TCP, "between", n, "tcp"),
            Contender(UNARY, "between", 1_500, "unary"),
            Contender("gRPC stream, a message a frame", "between", min(n, 3_000), "stream"),
        ),
        goals=(
            rate,
            Goal("TinyFlow", TCP, None, 0.65 if job == "small" else 1, figure="messages"),
            *((Goal("TinyFlow", UNARY, 1.54, 2, figure="p50"),) if job == "small" else ()),
        ),
    )


WORKLOADS = (
    _chain(
        10,
        (
            Goal("TinyFlow, map nodes", ASYNCIO, 6, 15),
            Goal("TinyFlow, map nodes", DIRECT, None, 0.9),
            Goal("TinyFlow, map nodes", NOFLO, 15, 30),
            Goal("TinyFlow, map nodes", NODE_RED, None, 150),
            Goal("TinyFlow, generator nodes", ASYNCIO, 3, 8),
            Goal("TinyFlow, async nodes", ASYNCIO, 1.5, 3),
        ),
        Contender("TinyFlow, generator nodes", "tinyflow", 100_000, "generator"),
        Contender("TinyFlow, async nodes", "tinyflow", 50_000, "async"),
        Contender("TinyFlow, handler nodes", "tinyflow", 50_000, "handler"),
    ),
    _chain(
        100,
        (
            Goal("TinyFlow, map nodes", ASYNCIO, 10, 24),
            Goal("TinyFlow, map nodes", DIRECT, None, 1),
        ),
    ),
    Workload(
        name="W2 fan-out",
        tells="every message to 100 sinks; messages that cannot change, so that nobody needs a copy",
        job="fan-out",
        k=1,
        figures=("rate", "wall_rate", "peak_mib"),
        contenders=(
            Contender("TinyFlow", "tinyflow", 10_000),
            Contender("TinyFlow, dicts: a copy for each", "tinyflow", 2_000, "dict"),
            Contender(DIRECT, "direct", 20_000),
            Contender(ASYNCIO, "asyncio_channels", 3_000),
            Contender("reactivex", "reactive", 10_000),
            Contender("streamz", "streams", 2_000),
            Contender(NOFLO, "noflo", 300),
            Contender(NODE_RED, "node_red", 200),
        ),
        goals=(Goal("TinyFlow", ASYNCIO, 4, 8),),
    ),
    Workload(
        name="W2 fan-in",
        tells="small dicts from 100 sources to one sink",
        job="fan-in",
        k=1,
        figures=("rate", "wall_rate", "peak_mib"),
        contenders=(
            Contender("TinyFlow", "tinyflow", 5_000),
            Contender(DIRECT, "direct", 10_000),
            Contender(ASYNCIO, "asyncio_channels", 2_000),
            Contender("reactivex", "reactive", 2_000),
            Contender("streamz", "streams", 500),
            Contender(NOFLO, "noflo", 200),
            Contender(NODE_RED, "node_red", 200),
        ),
        goals=(Goal("TinyFlow", ASYNCIO, 2.5, 5),),
    ),
    Workload(
        name="W3 1,000 nodes",
        tells="make 1,000 connected idle nodes, then send one message through all of them",
        job="w3",
        k=0,
        figures=("us_node", "kib_node", "traverse_ms", "first_ms", "peak_mib"),
        contenders=(
            Contender("TinyFlow", "tinyflow", 1_000),
            Contender(DIRECT, "direct", 1_000),
            Contender(ASYNCIO, "asyncio_channels", 1_000),
            Contender("reactivex", "reactive", 1_000),
            Contender("streamz", "streams", 1_000),
            Contender(NOFLO, "noflo", 1_000),
            Contender(NODE_RED, "node_red", 1_000),
        ),
    ),
    Workload(
        name="W3 10,000 nodes",
        tells="make 10,000 connected idle nodes, then send one message through all of them",
        job="w3",
        k=0,
        figures=("us_node", "kib_node", "traverse_ms", "first_ms", "peak_mib"),
        contenders=(
            Contender("TinyFlow", "tinyflow", 10_000),
            Contender(ASYNCIO, "asyncio_channels", 10_000),
        ),
        goals=(
            Goal("TinyFlow", "", 10, 4, figure="us_node"),
            Goal("TinyFlow", "", 3, 1.5, figure="kib_node"),
            Goal("TinyFlow", ASYNCIO, 4, 33, figure="traverse_ms"),
        ),
    ),
    _between("100 B", "small", 150_000, Goal("TinyFlow", UNARY, 70, 130, figure="messages")),
    _between("10 KB", "big", 6_000, Goal("TinyFlow", UNARY, 3.5, 5, figure="messages")),
    Workload(
        name="W5",
        tells="one message at a time through an idle chain of 10, from where the source sends to where the sink is",
        job="w5",
        k=10,
        figures=("p50", "p99", "peak_mib"),
        contenders=(
            Contender("TinyFlow", "tinyflow", 5_000),
            Contender(DIRECT, "direct", 20_000),
            Contender(ASYNCIO, "asyncio_channels", 4_000),
            Contender("reactivex", "reactive", 20_000),
            Contender("streamz", "streams", 4_000),
            Contender(NOFLO, "noflo", 4_000),
            Contender(NODE_RED, "node_red", 1_000),
        ),
        goals=(Goal("TinyFlow", ASYNCIO, 3, 10, figure="p50"),),
    ),
    Workload(
        name="W7",
        tells="what the mapping of an edge costs for each message",
        job="w7",
        k=0,
        figures=("us_one", "us_five"),
        contenders=(
            Contender("TinyFlow", "mapping", 1_000_000, "tinyflow"),
            Contender("jmespath", "mapping", 50_000, "jmespath"),
            Contender("jsonpath-ng", "mapping", 20_000, "jsonpath-ng"),
        ),
        goals=(Goal("TinyFlow", "jsonpath-ng", 20, 35, figure="us_one"),),
    ),
    Workload(
        name="W8",
        tells="the realistic hop: each of 11 edges maps two fields, each of 10 nodes is given a valid typed message",
        job="w8",
        k=10,
        figures=("rate", "wall_rate", "peak_mib"),
        contenders=(
            Contender("TinyFlow, dataclass", "tinyflow", 50_000, "dataclass"),
            Contender("TinyFlow, msgspec.Struct", "tinyflow", 100_000, "struct"),
            Contender("TinyFlow, documents validated anew", "tinyflow", 20_000, "document"),
            Contender(NAIVE, "naive", 4_000),
        ),
        goals=(
            Goal("TinyFlow, dataclass", NAIVE, 10, 35),
            Goal("TinyFlow, msgspec.Struct", NAIVE, 10, 35),
            Goal("TinyFlow, documents validated anew", NAIVE, 10, None),
        ),
    ),
    Workload(
        name="Probe",
        tells="W1 with 10 map nodes, while somebody looks at every port twenty times a second, and while nobody does",
        job="w1",
        k=10,
        figures=("rate", "wall_rate", "peak_mib"),
        contenders=(
            Contender("somebody looks", "tinyflow", 200_000, "value watched"),
            Contender("nobody looks", "tinyflow", 200_000, "value"),
        ),
        goals=(Goal("somebody looks", "nobody looks", 0.85, 0.95, figure="wall_rate"),),
    ),
)
