"""The census: no test leaves a thread, a task, a process or an open file behind; and what was skipped is counted."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import gc
import inspect
import os
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

GRACE = 5.0  # seconds that what a test ended may take to be gone; only a test that leaks waits so long
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

_missing: collections.Counter[str] = collections.Counter()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "census(keeps): what this test may leave behind, and why")


@pytest.fixture(autouse=True)
def census(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a thread, a child process or an open file behind.

    It stands around all other fixtures of the test. What a session's fixture holds was there before.
    """
    if request.node.get_closest_marker("census"):
        yield
        return
    before = _here()

    yield

    left = _here() - before
    deadline = time.monotonic() + GRACE
    while left and time.monotonic() < deadline:
        gc.collect()  # sockets in reference cycles close when they are collected
        time.sleep(0.01)
        left = _here() - before
    if left:
        pytest.fail("left behind: " + ", ".join(sorted(left.elements())), pytrace=False)


@pytest.fixture(autouse=True)
def _census_of_tasks(request: pytest.FixtureRequest, census: None) -> None:
    if inspect.iscoroutinefunction(getattr(request, "function", None)) and not request.node.get_closest_marker(
        "census"
    ):
        request.getfixturevalue("_no_task_left")


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    """Runs on the test's own loop, after its fixtures: whoever started a task has to have ended it."""
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=0.5)  # cancelled ones need a turn
    if left:
        pytest.fail("left behind: " + ", ".join(sorted(f"task {task!r}" for task in left)), pytrace=False)


def _here() -> collections.Counter[str]:
    """Every thread, child and descriptor, by what it is: numbers are used again for other files."""
    here = collections.Counter(f"thread {thread.name}" for thread in threading.enumerate() if thread.is_alive())
    here.update(_children())
    here.update(_files())
    return here


def _children() -> Iterator[str]:
    listing = Path("/proc/self/task")
    if not listing.exists():
        for child in psutil.Process().children():
            yield f"process {child.pid}"
        return
    # A hundred times cheaper than looking through every process of the machine.
    for thread in listing.iterdir():
        with contextlib.suppress(OSError):  # the thread ended meanwhile
            for pid in (thread / "children").read_text().split():
                yield f"process {pid}"


def _files() -> Iterator[str]:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    for number in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{number}") if folder == "/proc/self/fd" else f"descriptor {number}"
        except OSError:  # the listing itself
            continue
        kind = target.split(":")[0]
        yield f"open {kind}" if kind in ("socket", "pipe", "anon_inode") else f"open {target}"


@pytest.fixture(scope="session")
def need() -> Callable[[bool, str], None]:
    """``need(found, "no Chromium")``: skip for want of something, count it, and fail where it has to be there."""

    def need(found: bool, missing: str) -> None:
        if found:
            return
        if IN_CI:
            pytest.fail(f"{missing}; in CI that is a failure", pytrace=False)
        pytest.skip(missing)

    return need


@pytest.fixture(scope="session")
def chromium(need: Callable[[bool, str], None]) -> str:
    """The path of a Chromium; without one the test is skipped and counted."""
    found = os.environ.get("TINYFLOW_CHROMIUM") or next(
        (path for name in CHROMIUMS if (path := shutil.which(name))), ""
    )
    need(bool(found), "no Chromium on this machine")
    return found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]  # pytest's
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        _missing[report.longrepr[2].removeprefix("Skipped: ")] += 1
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason, count in _missing.most_common():
        terminalreporter.write_line(f"NOT RUN: {count} test{'s' * (count > 1)}, for want of: {reason}", yellow=True)
