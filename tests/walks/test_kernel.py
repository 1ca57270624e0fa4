"""A kernel and a flow leave each other alone: interrupting stops the cell, and the flow goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what the kernel's client leaves of its sockets until its process ends"),
    pytest.mark.filterwarnings("default"),  # the kernel's client and its loops have warnings of their own
]

FLOW = """
import asyncio, threading, time
from collections.abc import AsyncIterator
import tinyflow_jupyter as tf

@tf.component
async def ticks(*, every: float = 1.0) -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(every)

gate = threading.Event()

@tf.component(blocking=True)
def held(x: int) -> int:
    gate.wait()
    return x

flow = tf.Flow("numbers")
flow.node("ticks", ticks, every=0.01)
flow.node("held", held)
flow.start()
"""

Kernel = tuple[KernelManager, BlockingKernelClient]


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT, ROOT / "runtime", ROOT / "operator"))))
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def run(client: BlockingKernelClient, code: str, interrupt_at: tuple[str, KernelManager] | None = None) -> str:
    """Run a cell; returns what it printed, and the name of the error that ended it."""
    said: list[str] = []

    def hear(message: dict) -> None:  # type: ignore[type-arg]  # as it came off the wire
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])
        if interrupt_at is not None and message["msg_type"] == "stream" and interrupt_at[0] in "".join(said):
            interrupt_at[1].interrupt_kernel()

    reply = client.execute_interactive(code, timeout=30, output_hook=hear)
    return "".join(said) + reply["content"].get("ename", "")


@pytest.mark.parametrize(
    "busy",
    [
        "print('now', flush=True)\nwhile True: pass",
        "print('now', flush=True)\ntime.sleep(60)",
        "print('now', flush=True)\nflow['held:out'].next()",
        "flow.send('held:in', 1)\nprint('now', flush=True)\nflow.wait()",
        "print('now', flush=True)\nfor n in range(1_000): flow.send('held:in', n)",
    ],
    ids=["computing", "sleeping", "next", "wait", "send"],
)
def test_interrupting_the_kernel_stops_only_the_cell(kernel: Kernel, busy: str) -> None:
    manager, client = kernel
    run(client, FLOW)

    stopped = run(client, busy, interrupt_at=("now", manager))
    after = run(client, "port = flow['ticks:out']; port.next(timeout=5); port.next(timeout=5); print(flow.running)")
    ended = run(client, "gate.set(); flow.stop(timeout=5); print(flow.running)")

    assert stopped.endswith("KeyboardInterrupt")
    assert after == "True\n"
    assert ended == "False\n"


def test_magics_work_in_a_kernel_and_errors_show_no_frames(kernel: Kernel) -> None:
    _, client = kernel
    run(client, "%load_ext tinyflow_jupyter\nimport tinyflow_jupyter as tf")
    run(client, "%%component\ndef twice(x: int) -> int:\n    return 2 * x")
    run(client, "flow = tf.Flow('cells'); flow.node('a', twice); flow.start()")

    sent = run(client, "%send a:in 21\nflow.wait(timeout=5)\nprint(flow['a:out'].last.payload)")
    refused = client.execute_interactive("%%component\ndef twice(x: int) -> int:\n    return 2 *", timeout=30)
    run(client, "flow.stop()")

    assert sent == "42\n"
    (shown,) = refused["content"]["traceback"]
    assert shown.startswith("TF-110")
    assert "cell 5, line 3" in shown
    assert len(shown.splitlines()) <= 5
