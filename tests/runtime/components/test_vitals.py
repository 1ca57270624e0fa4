import asyncio
from collections import namedtuple
from types import SimpleNamespace as Some

import pytest
from tinyflow_runtime.components import Cpu, Disk, Memory, Network, Process, Processes, Vitals, VitalsSettings
from tinyflow_runtime.components.vitals import Looker

Times = namedtuple("Times", "user system idle iowait guest")


class Computer:
    """A double of psutil: a computer whose figures we set."""

    def __init__(self):
        self.time = 100.0
        self.cores = [Times(0, 0, 0, 0, 0), Times(0, 0, 0, 0, 0)]
        self.network = Some(bytes_sent=0, bytes_recv=0)
        self.disk = Some(read_bytes=0, write_bytes=0)
        self.processes = {}

    def cpu_times(self, percpu):
        return self.cores

    def net_io_counters(self):
        return self.network

    def disk_io_counters(self):
        return self.disk

    def virtual_memory(self):
        return Some(percent=25.0, total=400, available=300)

    def disk_usage(self, path):
        return Some(percent=50.0, free=7)

    def process_iter(self, attributes):
        return [
            Some(info={"pid": pid, "name": name, "cpu_times": times, "memory_percent": 1.25, "create_time": 1.0})
            for pid, (name, times) in self.processes.items()
        ]


@pytest.fixture
def computer():
    return Computer()


def look_twice(computer, change, **settings):
    looker, settings = Looker(computer, lambda: computer.time), VitalsSettings(**settings)
    assert looker.look(settings) == looker.look_at_processes(settings) == {}
    computer.time += 2.0
    change()
    return looker.look(settings) | looker.look_at_processes(settings)


def test_readings_are_rates_between_two_looks(computer):
    def change():
        computer.cores = [Times(1, 0, 1, 0, 1), Times(0, 0.5, 0.5, 1, 0)]
        computer.network = Some(bytes_sent=200, bytes_recv=4000)
        computer.disk = Some(read_bytes=20, write_bytes=10)

    readings = look_twice(computer, change)

    assert readings["cpu"] == Cpu(102.0, 37.5, [50.0, 25.0])
    assert readings["memory"] == Memory(102.0, 25.0, 100, 400)
    assert readings["network"] == Network(102.0, 100.0, 2000.0)
    assert readings["disk"] == Disk(102.0, 50.0, 7, 10.0, 5.0)


def test_the_busiest_processes_are_named_the_busiest_first(computer):
    computer.processes = {1: ("init", Some(user=0, system=0)), 2: ("py", Some(user=5, system=1)), 3: ("locked", None)}

    def change():
        computer.processes[2] = ("py", Some(user=7, system=2))
        computer.processes[4] = ("new", Some(user=9, system=9))

    processes = look_twice(computer, change, busiest=2)["processes"]

    assert processes == Processes(102.0, 4, [Process(2, "py", 150.0, 1.2), Process(1, "init", 0.0, 1.2)])


def test_a_process_has_no_more_than_its_time_allows_when_the_looks_are_slow(computer):
    clock = iter([0.0, 9.0, 10.0, 20.0])  # a look begins, sees the process; again
    looker = Looker(computer, lambda: next(clock))
    computer.processes = {7: ("py", Some(user=9, system=0))}
    looker.look_at_processes(VitalsSettings())

    computer.processes = {7: ("py", Some(user=20, system=0))}
    processes = looker.look_at_processes(VitalsSettings())["processes"]

    assert processes.busiest == [Process(7, "py", 100.0, 1.2)]


def test_a_computer_without_network_or_disk_counters_has_none_to_tell(computer):
    computer.network = computer.disk = None

    readings = look_twice(computer, lambda: None)

    assert readings["network"].sent == readings["disk"].read == 0.0


def test_counters_that_begin_anew_give_no_negative_rate(computer):
    computer.network = Some(bytes_sent=5000, bytes_recv=5000)

    def change():
        computer.network = Some(bytes_sent=3, bytes_recv=3)

    assert look_twice(computer, change)["network"].sent == 0.0


async def test_this_very_computer_has_vitals():
    node, readings, complete = Vitals(), {}, asyncio.Event()
    node.settings = VitalsSettings(every=0.1)

    async def output(port, reading):
        readings[port] = reading
        if len(readings) == 5:
            complete.set()

    source = asyncio.create_task(node.run(output))
    await complete.wait()
    source.cancel()
    await asyncio.gather(source, return_exceptions=True)

    assert set(readings) == {"cpu", "memory", "network", "disk", "processes"}
    assert 0 <= readings["cpu"].percent <= 100
    assert 0 < readings["memory"].used < readings["memory"].total
    assert readings["processes"].count > 0


async def test_a_disk_that_is_not_there_is_named(output):
    node = Vitals()
    node.settings = VitalsSettings(every=0.1, disk="/nowhere")

    with pytest.raises(FileNotFoundError, match="/nowhere"):
        await node.run(output)
