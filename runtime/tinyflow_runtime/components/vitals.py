"""Vitals: how this computer is doing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.components.beats import beats


@dataclass(frozen=True, slots=True)
class VitalsSettings:
    """How often to look, and how closely."""

    every: Annotated[float, Meta(ge=0.1, le=3_600, description="Seconds between two readings.")] = 1.0
    busiest: Annotated[int, Meta(ge=0, le=100, description="How many of the busiest processes to name.")] = 5
    disk: Annotated[str, Meta(min_length=1, description="A folder on the disk whose room is told.")] = "/"


@dataclass(frozen=True, slots=True)
class Cpu:
    """How busy the processors are, in percent of all of them, and each by itself."""

    time: float
    percent: float
    cores: list[float]


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in bytes, and what is in use of it in percent."""

    time: float
    percent: float
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class Network:
    """What all network interfaces sent and received, in bytes a second."""

    time: float
    sent: float
    received: float


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on one disk in percent and bytes; what all disks read and wrote, in bytes a second."""

    time: float
    percent: float
    free: int
    read: float
    written: float


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its share of one processor in percent (so more than 100 with threads), and of the memory."""

    pid: int
    name: str
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Processes:
    """How many processes there are, and the busiest of them."""

    time: float
    count: int
    busiest: list[Process]


Reading = Cpu | Memory | Network | Disk | Processes


class Vitals(Component):
    """Reads processors, memory, network, disk and processes of this computer, one port each.

    ``time`` in every reading is in seconds since the epoch. Rates are means since the reading before; the first reading
    comes one rhythm after the start, for a rate needs two looks.
    """

    tags = ("source", "computer")
    settings: VitalsSettings = VitalsSettings()

    def ports(self) -> list[Port]:
        return [
            Port("cpu", "out", Cpu),
            Port("memory", "out", Memory),
            Port("network", "out", Network),
            Port("disk", "out", Disk),
            Port("processes", "out", Processes),
            Port("settings", "in", VitalsSettings, settings=True),
        ]

    async def run(self, output: Handler) -> None:
        """Read until stopped, in threads, for psutil blocks."""
        psutil = await asyncio.to_thread(import_module, "psutil")  # here, so that a flow without vitals loads none
        looker = Looker(psutil, time.time)
        try:
            # Each at its own pace: while somebody counts in Python, a look at hundreds of processes takes seconds.
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(looker.look, output))
                group.create_task(self._read(looker.look_at_processes, output))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _read(self, look: Callable[[VitalsSettings], dict[str, Reading]], output: Handler) -> None:
        async for _ in beats(lambda: self.settings.every):
            for port, reading in (await asyncio.to_thread(look, self.settings)).items():
                await output(port, reading)


class Looker:
    """Looks at the computer again and again, and makes rates of two looks.

    Args:
        psutil: The library, or a double of it.
        clock: Seconds since the epoch.
    """

    def __init__(self, psutil: ModuleType, clock: Callable[[], float]) -> None:
        self._psutil: Any = psutil  # Any: tests put a double here
        self._clock = clock
        self._counters: dict[str, Any] = {}
        self._processes: dict[str, Any] = {}

    def look(self, settings: VitalsSettings) -> dict[str, Reading]:
        """The readings by port, but for the processes; empty the first time."""
        psutil, before = self._psutil, self._counters
        network, disk = psutil.net_io_counters(), psutil.disk_io_counters()  # None where there is none
        now = self._counters = {
            "time": self._clock(),
            "cores": psutil.cpu_times(percpu=True),
            "sent": network.bytes_sent if network else 0,
            "received": network.bytes_recv if network else 0,
            "read": disk.read_bytes if disk else 0,
            "written": disk.write_bytes if disk else 0,
        }
        elapsed = _elapsed(before, now)
        if elapsed <= 0:
            return {}
        memory, room = psutil.virtual_memory(), psutil.disk_usage(settings.disk)
        cores = [_busy(*pair) for pair in zip(before["cores"], now["cores"], strict=False)]
        seen = now["time"]

        def rate(name: str) -> float:
            change: float = now[name] - before[name]
            return round(max(0.0, change / elapsed), 1)  # counters begin anew when an interface goes away

        return {
            "cpu": Cpu(seen, round(sum(cores) / len(cores), 1), [round(core, 1) for core in cores]),
            "memory": Memory(seen, memory.percent, memory.total - memory.available, memory.total),
            "network": Network(seen, rate("sent"), rate("received")),
            "disk": Disk(seen, room.percent, room.free, rate("read"), rate("written")),
        }

    def look_at_processes(self, settings: VitalsSettings) -> dict[str, Reading]:
        """The processes, under the name of their port; empty the first time."""
        before = self._processes
        listed = self._psutil.process_iter(["pid", "name", "cpu_times", "memory_percent", "create_time"])
        now = self._processes = {
            "time": self._clock(),
            # Each with its own time: while somebody counts in Python, the last is seen seconds after the first.
            "seen": {(one.info["pid"], one.info["create_time"]): one.info | {"time": self._clock()} for one in listed},
        }
        return {"processes": _processes(before["seen"], now, settings.busiest)} if _elapsed(before, now) > 0 else {}


def _elapsed(before: dict[str, Any], now: dict[str, Any]) -> float:
    """Seconds between two looks; 0 or less after the first one, and when somebody turned the clock back."""
    elapsed: float = now["time"] - before.get("time", now["time"])
    return elapsed


def _busy(before: Any, now: Any) -> float:
    # guest time is part of user time on Linux, so it must not count twice; iowait is idle
    fields = [name for name in now._fields if not name.startswith("guest")]
    spent = {name: max(0.0, getattr(now, name) - getattr(before, name)) for name in fields}
    total = sum(spent.values())
    idle = spent.get("idle", 0.0) + spent.get("iowait", 0.0)
    return 100 * (total - idle) / total if total else 0.0


def _processes(before: dict[Any, Any], now: dict[str, Any], most: int) -> Processes:
    def used(info: dict[str, Any]) -> float:
        times = info["cpu_times"]
        return times.user + times.system if times else 0.0  # None: a process that we may not look at

    shares = [
        (max(0.0, used(info) - used(before[key])) * 100 / elapsed, info)
        for key, info in now["seen"].items()
        if key in before and (elapsed := _elapsed(before[key], info)) > 0
    ]
    shares.sort(key=lambda share: (-share[0], share[1]["pid"]))
    busiest = [
        Process(info["pid"], info["name"] or "?", round(share, 1), round(info["memory_percent"] or 0.0, 1))
        for share, info in shares[:most]
    ]
    return Processes(now["time"], len(now["seen"]), busiest)
