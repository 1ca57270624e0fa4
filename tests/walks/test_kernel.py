"""A kernel and a flow leave each other alone: interrupting stops the cell, and the flow goes on."""

from __future__ import annotations

import os
import threading
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


ENDLESS = """
@tf.component
def slow(x: int) -> int:
    n = 0
    while x == 3:
        n += 1
    return 2 * x
"""
USES = """
flow = tf.Flow("endless")
flow.node("slow", slow)
flow.start()
"""


def test_a_handler_without_end_is_named_below_the_last_cell_and_its_mended_cell_ends_it(kernel: Kernel) -> None:
    _, client = kernel
    run(client, "import threading, time\nimport tinyflow_jupyter as tf")
    run(client, ENDLESS)
    run(client, USES)
    begun = client.execute("threading.Thread(target=flow.send, args=('slow:in', 3), daemon=True).start()")
    client.get_shell_msg(timeout=10)
    comm = client.session.msg("comm_msg", {"comm_id": "of nobody", "data": {}})
    client.shell_channel.send(comm)  # as a widget does all the time

    told = hear(client, "TF-131")
    counted = client.execute_interactive("flow.counts()", timeout=30, output_hook=lambda message: None)
    mended = run(client, ENDLESS.replace("while x == 3", "while False"))
    after = run(client, "flow.wait(5); flow.send('slow:in', 4); flow.wait(5); print(flow['slow:out'].last.payload)")
    letters = run(client, "print(flow.dead_letters[0].reason); flow.stop()")

    assert told["parent_header"]["msg_id"] == begun
    assert "slow blocked this module" in told["content"]["text"]
    assert "at cell 2, line" in told["content"]["text"]
    (shown,) = counted["content"]["traceback"]
    assert shown.startswith("TF-131 slow has blocked this flow for ")
    assert "The new slow runs in endless:slow.\n" in mended
    assert after == "8\n"
    assert letters.startswith("TF-131 slow did not return, and was ended at cell 2, line ")


def hear(client: BlockingKernelClient, text: str) -> dict:  # type: ignore[type-arg]  # as it came off the wire
    """The message of a stream that says a text."""
    while True:
        message = client.get_iopub_msg(timeout=20)
        if message["msg_type"] == "stream" and text in message["content"]["text"]:
            return message


WAITS = "flow.send('held:in', 1)\nprint('now', flush=True)\nflow.wait()"
NEXT = "print('now', flush=True)\nflow['held:out'].next()"


def test_interrupting_a_wait_shows_no_frames_of_ours(kernel: Kernel) -> None:
    manager, client = kernel
    run(client, FLOW)
    shown: list[list[str]] = []

    def interrupt(message: dict) -> None:  # type: ignore[type-arg]  # as it came off the wire
        if message["msg_type"] == "stream":
            threading.Event().wait(0.5)  # what comes before the wait is the cell's own
            manager.interrupt_kernel()
        if message["msg_type"] == "error":
            shown.append(message["content"]["traceback"])

    for waits in WAITS, NEXT:
        client.execute_interactive(waits, timeout=30, output_hook=interrupt)
    run(client, "gate.set(); flow.stop(timeout=5)")

    assert [len(lines) for lines in shown] == [1, 1]
    assert shown[0][0].startswith("KeyboardInterrupt: wait() was interrupted while it waited.")
