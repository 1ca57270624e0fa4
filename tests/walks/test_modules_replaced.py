"""A module's process makes way for another, as at every push on a cluster: nothing is lost, and nothing is said to be.

The new one serves before the old one is asked to end; the sender hears of its address after that, or before.
"""

from __future__ import annotations

import asyncio
import signal

import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.hosting.host import Host
from tinyflow_runtime.message import Address
from tinyflow_runtime.wire import dial

from .test_modules_killed import Process, _node, first, until

assert first  # its component is what sends


def plan_of_sender(address):
    return protocol.Plan(
        hash=address,
        nodes=[_node("begin", "begin", "end:in", "south")],
        peers=[protocol.Peer(module="south", address=address)],
    )


async def replacement(folder, number):
    process = Process(folder, f"south{number}", module="south")
    await process.start()
    incoming = [protocol.Incoming(flow="f", edge="begin.out", from_module="killed-first", to="end:in")]
    plan = protocol.Plan(hash="s", nodes=[_node("end", "write-slowly")], incoming=incoming)
    (node,) = (await process.remote.apply(plan)).nodes
    assert node.running, node.trouble
    return process


def asked_to_end(process):
    process.process.send_signal(signal.SIGTERM)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("order", ["the address first", "the end first"])
async def test_a_process_that_makes_way_loses_nothing(tmp_path, order):
    async with Host("killed-first", dial=dial) as host:
        processes = [await replacement(tmp_path, 0)]
        await host.apply(plan_of_sender(processes[0].address))
        scheduler, sent = host.running["f"].scheduler, 0
        try:
            for number in range(1, 4):
                for _ in range(150):
                    sent += 1
                    await scheduler.send(Address("begin", "in"), sent)
                new, old = await replacement(tmp_path, number), processes[-1]
                processes.append(new)
                if order == "the address first":
                    await host.apply(plan_of_sender(new.address))
                    asked_to_end(old)
                else:
                    asked_to_end(old)
                    sent += 1
                    await scheduler.send(Address("begin", "in"), sent)
                    await asyncio.sleep(0.3)  # the operator hears of it a moment later
                    await host.apply(plan_of_sender(new.address))
            await until(scheduler.exits.quiet)
            written = tmp_path / "written"
            await until(lambda: len(written.read_bytes().split()) >= sent)
        finally:
            for process in processes:
                await process.kill()

        assert [int(line) for line in written.read_bytes().split()] == list(range(1, sent + 1))
        assert list(host.deliveries.losses) == []
