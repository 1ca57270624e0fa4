"""A handler that never returns is named to whoever waits, and ended by its mended code, by a start and by a stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tinyflow_runtime.component import prototype
from tinyflow_runtime.embedded.flow import swap
from tinyflow_runtime.errors import Busy, HandlerTimeout, NotRunning, WaitTimeout

import tinyflow_jupyter as tf

ENDLESS = "while x == 3 and looping.is_set(): pass"
SOON = 0.25  # seconds until a loop that does nothing else is told of
looping = threading.Event()  # so that no test leaves a loop behind

HANDLERS = {
    "plain": "@tf.component\ndef slow(x: int) -> int:\n    {loop}\n    return 2 * x",
    "with a setting": "@tf.component\ndef slow(x: int, *, by: int = 2) -> int:\n    {loop}\n    return by * x",
    "retried": "@tf.component(retry=tf.Retry(9))\ndef slow(x: int) -> int:\n    {loop}\n    return 2 * x",
    "generator": "@tf.component\ndef slow(x: int) -> Iterator[int]:\n    {loop}\n    yield 2 * x",
    "coroutine": "@tf.component\nasync def slow(x: int) -> int:\n    {loop}\n    return 2 * x",
    "coroutine that waited": (
        "@tf.component\nasync def slow(x: int) -> int:\n    await asyncio.sleep(0)\n    {loop}\n    return 2 * x"
    ),
    "asynchronous generator": (
        "@tf.component\nasync def slow(x: int) -> AsyncIterator[int]:\n    {loop}\n    yield 2 * x"
    ),
    "class": (
        "class slow(tf.Component):\n"
        "    def ports(self): return [tf.Port('in', 'in', int), tf.Port('out', 'out', int)]\n"
        "    async def handle(self, output, port, x):\n"
        "        {loop}\n"
        "        await output('out', 2 * x)"
    ),
    "thread": "@tf.component(blocking=True)\ndef slow(x: int) -> int:\n    {loop}\n    return 2 * x",
    "generator in a thread": (
        "@tf.component(blocking=True)\ndef slow(x: int) -> Iterator[int]:\n    {loop}\n    yield 2 * x"
    ),
}
SOURCES = {
    "generator": "@tf.component\ndef slow() -> Iterator[int]:\n    yield 1\n    x = 3\n    {loop}\n    yield 2",
    "asynchronous generator": (
        "@tf.component\nasync def slow() -> AsyncIterator[int]:\n    yield 1\n    x = 3\n    {loop}\n    yield 2"
    ),
    "class": (
        "class slow(tf.Component):\n"
        "    def ports(self): return [tf.Port('out', 'out', int)]\n"
        "    async def run(self, output):\n"
        "        await output('out', 1)\n"
        "        x = 3\n"
        "        {loop}\n"
        "        await output('out', 2)"
    ),
    "thread": (
        "@tf.component(blocking=True)\ndef slow() -> Iterator[int]:\n    yield 1\n    x = 3\n    {loop}\n    yield 2"
    ),
}


@tf.component
def numbers(x: int) -> Iterator[int]:
    yield from (1, 3, 4)


@tf.component
def passes(x: int) -> int:
    return x


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything that takes seconds takes a part of one."""
    names = ("execution.watchdog.STILL", "execution.calling.STILL", "embedded.run._PATIENCE", "execution.ending.GRACE")
    for name in names:
        monkeypatch.setattr(f"tinyflow_runtime.{name}", SOON)
    looping.set()
    yield
    looping.clear()


@pytest.fixture
def flow() -> Iterator[tf.Flow]:
    flow = tf.Flow("endless")
    yield flow
    looping.clear()
    flow.stop()


Made = Callable[..., Any]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def made(text: str, loop: str = ENDLESS, **more: Any) -> Any:
        file = tmp_path / ("mended.py" if loop == "pass" else "endless.py")
        file.write_text(text.format(loop=loop))
        names = {"tf": tf, "asyncio": asyncio, "time": time, "looping": looping}
        names |= {"Iterator": Iterator, "AsyncIterator": AsyncIterator, **more}
        exec(compile(file.read_text(), str(file), "exec"), names)
        return names["slow"]

    return made


def begun(flow: tf.Flow, slow: object) -> None:
    """1 is handled, 3 never is, and 4 lies behind it; a function before and one behind go along where they can."""
    flow.node("numbers", numbers)
    flow.node("before", passes)
    flow.node("slow", slow)
    flow.node("behind", passes)
    for ends in ("numbers:out", "before:in"), ("before:out", "slow:in"), ("slow:out", "behind:in"):
        flow.edge(*ends)
    flow.start()
    flow.send("numbers:in", 0)
    blocked(flow)


def blocked(flow: tf.Flow) -> None:
    """Wait until its loop, or a thread of a node, is in the loop."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if flow._run.scheduler.watchdog.standstill() > SOON / 2:
            return
        worker = _worker(flow)
        if worker is not None and worker.at_work and time.monotonic() - worker.begun > SOON / 2:
            return
        time.sleep(0.01)
    pytest.fail("nothing blocks")


def _worker(flow: tf.Flow) -> Any:
    runner = flow._run.scheduler.runners["slow"]
    calling = getattr(runner.drive, "calling", None)
    return getattr(calling, "_worker", None) or getattr(runner.source, "_worker", None)


def outcome(flow: tf.Flow) -> tuple[list[int], list[int]]:
    """What was handled at the end, and what became a dead letter; the counts balance."""
    counts = flow.counts()
    assert all(each.balanced for each in counts.values())
    assert all(each.queued == each.running == 0 for each in counts.values())
    handled = [message.payload for message in flow["behind:in"].history()]
    return handled, [letter.message.payload for letter in flow.dead_letters]


@pytest.mark.parametrize("kind", HANDLERS)
def test_mended_code_ends_the_handler_that_never_returns_and_takes_over(flow, made, kind):
    begun(flow, made(HANDLERS[kind]))

    assert swap(prototype(made(HANDLERS[kind], "pass"))) == ["endless:slow"]
    flow.wait(timeout=5)

    assert outcome(flow) == ([2, 8], [3])
    (letter,) = flow.dead_letters
    assert letter.reason.startswith("TF-131 slow did not return, and was ended at endless.py, line ")
    assert "while x == 3" in letter.reason
    assert letter.error.code == "TF-131"
    flow.dead_letters.replay()
    flow.wait(timeout=5)
    assert outcome(flow) == ([2, 8, 6], [])


@pytest.mark.parametrize("kind", HANDLERS)
def test_starting_the_changed_flow_ends_the_handler(flow, made, kind):
    begun(flow, made(HANDLERS[kind]))
    changed = tf.Flow("endless")
    changed.node("numbers", numbers)
    changed.node("before", passes)
    changed.node("slow", made(HANDLERS[kind], "pass"))
    changed.node("behind", passes)
    for ends in ("numbers:out", "before:in"), ("before:out", "slow:in"), ("slow:out", "behind:in"):
        changed.edge(*ends)

    changed.start()
    changed.wait(timeout=5)

    assert outcome(changed) == ([2, 8], [3])


@pytest.mark.parametrize("kind", HANDLERS)
def test_stopping_ends_the_handler_and_leaves_no_thread(flow, made, kind, caplog):
    begun(flow, made(HANDLERS[kind]))

    began = time.monotonic()
    flow.stop(timeout=0.5)

    assert time.monotonic() - began < 4
    assert "left behind" not in caplog.text
    for thread in threading.enumerate():
        if thread.name.startswith("tinyflow"):
            thread.join(5)
            assert not thread.is_alive()
    handled, dead = outcome(flow)
    assert handled[:1] == [2]
    assert sorted(handled[1:] + dead) == [3, 4] or sorted(handled[1:] + dead) == [3, 8]


@pytest.mark.parametrize("kind", SOURCES)
def test_mended_code_ends_a_source_that_never_yields_again(flow, made, kind, caplog):
    flow.node("slow", made(SOURCES[kind]))
    flow.start()
    blocked(flow)
    port = flow["slow:out"]

    swap(prototype(made(SOURCES[kind], "pass")))

    assert [port.next(timeout=5).payload for _ in range(2)] == [1, 2]
    assert ("TF-131 slow did not return, and was ended at endless.py" in caplog.text) == (kind != "thread")


@pytest.mark.parametrize("kind", SOURCES)
def test_stopping_ends_a_source_that_never_yields_again(flow, made, kind, caplog):
    flow.node("slow", made(SOURCES[kind]))
    flow.start()
    blocked(flow)

    flow.stop(timeout=0.5)

    assert "left behind" not in caplog.text


def test_every_message_that_never_returns_is_ended_until_the_mended_code_has_its_turn(flow, made):
    text = "@tf.component\ndef slow(x: int) -> int:\n    while looping.is_set(): pass\n    return 2 * x"
    flow.node("slow", made(text))
    flow.start()
    for x in range(3):
        threading.Thread(target=sends, args=(flow, x), daemon=True).start()
    blocked(flow)

    swap(prototype(made(HANDLERS["plain"], "pass")))
    flow.wait(timeout=5)

    assert all(each.balanced for each in flow.counts().values())
    assert 1 <= len(flow.dead_letters) <= 3


def sends(flow: tf.Flow, x: int) -> None:
    try:
        flow.send("slow:in", x)
    except HandlerTimeout:
        return


CALLS: dict[str, Callable[[tf.Flow], object]] = {
    "counts()": lambda flow: flow.counts(),
    "wait()": lambda flow: flow.wait(),
    "pause()": lambda flow: flow.pause("before"),
    "held": lambda flow: flow.held,
    "breakpoint()": lambda flow: flow.breakpoint("slow:in"),
    "start()": lambda flow: flow.start(),
    "next()": lambda flow: flow["slow:out"].next(),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_waits_for_a_blocked_flow_is_told_who_blocks_it(flow, made, call):
    begun(flow, made(HANDLERS["plain"]))

    with pytest.raises(HandlerTimeout) as told:
        CALLS[call](flow)

    text = str(told.value)
    assert text.startswith("TF-131 slow has blocked this flow for ")
    assert f"s at endless.py, line 3: {ENDLESS}, so {call} gets no answer." in text
    assert "Mend its function and run its cell again, or stop the flow." in text


def test_code_of_another_node_does_not_end_the_handler(flow, made):
    begun(flow, made(HANDLERS["plain"]))

    @tf.component
    def passes(x: int) -> int:
        return x + 0

    with pytest.raises(HandlerTimeout, match="TF-131 slow has blocked"):
        swap(prototype(passes))
    looping.clear()
    flow.wait(timeout=5)

    assert outcome(flow) == ([2, 6, 8], [])


LATE: dict[str, tuple[Callable[[tf.Flow], object], type[Exception]]] = {
    "send": (lambda flow: flow.send("numbers:in", 1, timeout=0.2), Busy),
    "wait": (lambda flow: flow.wait(timeout=0.2), WaitTimeout),
    "next": (lambda flow: flow["slow:out"].next(timeout=0.6), WaitTimeout),
}


@pytest.mark.parametrize("call", LATE)
def test_a_call_with_a_timeout_keeps_it_and_says_who_blocks(flow, made, call):
    act, kind = LATE[call]
    begun(flow, made(HANDLERS["plain"]))

    began = time.monotonic()
    with pytest.raises(kind, match="TF-131 slow has blocked"):
        act(flow)

    assert time.monotonic() - began < 2


def test_a_send_without_a_timeout_waits_as_long_as_it_takes(flow, made):
    begun(flow, made(HANDLERS["plain"]))
    threading.Timer(3 * SOON, looping.clear).start()  # three times what other calls wait

    flow.send("behind:in", 100)
    flow.wait(timeout=5)

    assert 100 in outcome(flow)[0]


def test_what_was_given_up_is_not_done_later(flow, made):
    begun(flow, made(HANDLERS["plain"]))
    with pytest.raises(Busy):
        flow.send("behind:in", 100, timeout=0.2)

    looping.clear()
    flow.wait(timeout=5)

    assert outcome(flow) == ([2, 6, 8], [])


def test_code_of_c_that_waits_is_not_waited_for_and_the_old_code_runs_on(flow, made):
    begun(flow, made(HANDLERS["plain"], "if x == 3: time.sleep(1.5)"))

    with pytest.raises(HandlerTimeout, match=r"TF-131 slow has blocked .*time\.sleep\(1\.5\)"):
        swap(prototype(made(HANDLERS["plain"], "pass")))
    flow.wait(timeout=5)

    assert outcome(flow) == ([2, 8], [3])  # ended when the sleep returned


def test_where_a_function_may_return_first_it_is_not_ended(flow, made):
    """Python asks for no exception between reading the line and returning, so it would come in code of ours."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as pipe, open(writing, "wb", buffering=0) as line:
        begun(flow, made(HANDLERS["plain"], "for _ in pipe if x == 3 else (): return 2 * x", pipe=pipe))

        with pytest.raises(HandlerTimeout, match="TF-131 slow has blocked"):
            swap(prototype(made(HANDLERS["plain"], "pass")))
        line.write(b"now\n")
        flow.wait(timeout=5)

        assert outcome(flow) == ([2, 6, 8], [])


TAKES = (
    "while x == 3 and looping.is_set():\n        try:\n            while looping.is_set(): pass\n        except{}: pass"
)


def test_a_loop_that_takes_every_error_for_its_own_is_ended_all_the_same(flow, made):
    begun(flow, made(HANDLERS["plain"], TAKES.format(" Exception")))

    swap(prototype(made(HANDLERS["plain"], "pass")))
    flow.wait(timeout=5)

    assert outcome(flow) == ([2, 8], [3])


def test_a_loop_that_takes_everything_is_told_of(flow, made):
    begun(flow, made(HANDLERS["plain"], TAKES.format("")))

    with pytest.raises(HandlerTimeout, match="TF-131 slow has blocked"):
        swap(prototype(made(HANDLERS["plain"], "pass")))
    looping.clear()
    flow.wait(timeout=5)

    assert outcome(flow)[0][0] == 2


@contextlib.contextmanager
def threads_in_haste() -> Iterator[None]:
    """Threads take turns at every opportunity, and the collector is one, at nearly every object that is made."""
    names: dict[str, Any] = {}  # of a file that is nobody's
    exec(compile("def collected(*_):\n  for n in range(20): str(n)", "<frozen collector>", "exec"), names)
    often, most = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(0.00005)
    gc.set_threshold(10, *most[1:])
    gc.callbacks.append(names["collected"])
    try:
        yield
    finally:
        gc.callbacks.remove(names["collected"])
        gc.set_threshold(*most)
        sys.setswitchinterval(often)


SENDS = ("class", "generator", "asynchronous generator")  # by themselves, and may be ended after they have
QUICK = {kind: text for kind, text in HANDLERS.items() if "thread" not in kind}


@pytest.mark.parametrize("kind", QUICK)
def test_ending_at_any_moment_loses_no_message_and_no_node(flow, made, kind, monkeypatch):
    monkeypatch.setattr("tinyflow_runtime.execution.watchdog.STILL", 60)
    monkeypatch.setattr("sys.unraisablehook", id)  # what is ended while Python tidies up is told to that, and goes on
    loop = "for _ in range(1_000): len(str(x))"
    flow.node("before", passes)
    flow.node("slow", made(QUICK[kind], loop))
    flow.node("behind", passes)
    flow.edge("before:out", "slow:in")
    flow.edge("slow:out", "behind:in")
    flow.start()
    over = threading.Event()
    ends = [0]

    def end() -> None:
        while not over.is_set():
            ends[0] += flow._run.scheduler.watchdog.end_handler()
            flow._run.scheduler.watchdog._over = False
            time.sleep(0.0001)

    ending = threading.Thread(target=end)
    with threads_in_haste():
        ending.start()
        try:
            for sent in range(1, 15_000):
                flow.send("before:in", sent)
                if sent >= 500 and ends[0] > 10:
                    break
            flow.wait(timeout=20)
        finally:
            over.set()
            ending.join()

    outcome(flow)
    before_it = [letter for letter in flow.dead_letters if letter.node != "behind"]
    at_both = flow["behind:in"].count + len(before_it) - sent
    assert ends[0] > 10
    assert len(before_it) > 0
    assert at_both == 0 or (kind in SENDS and at_both > 0)  # sent, then ended
    assert all(letter.reason.startswith("TF-131") for letter in flow.dead_letters)


@pytest.mark.parametrize("again", [False, True], ids=["never started", "stopped"])
def test_waiting_for_a_message_of_a_flow_that_does_not_run_says_so(flow, again):
    flow.node("a", passes)
    if again:
        flow.start()
        flow.stop()

    with pytest.raises(NotRunning) as without_end:
        flow["a:out"].next()
    with pytest.raises(TimeoutError) as in_time:
        flow["a:out"].next(timeout=0.1)

    for told in (str(without_end.value), str(in_time.value)):
        assert told.startswith("TF-135 Flow 'endless' does not run, so next() waits in vain.")
        assert "flow.start()" in told


def test_a_flow_may_be_started_while_somebody_waits_for_its_message(flow):
    flow.node("a", passes)
    port = flow["a:out"]
    with ThreadPoolExecutor(1) as others:
        waiting = others.submit(port.next, timeout=5)
        flow.start()
        flow.send("a:in", 7)

        assert waiting.result(timeout=5).payload == 7


def test_a_place_taken_before_the_start_sees_what_comes_after_it(flow):
    flow.node("a", passes)
    port = flow["a:out"]
    flow.start()
    flow.send("a:in", 7)

    assert port.next(timeout=5).payload == 7
