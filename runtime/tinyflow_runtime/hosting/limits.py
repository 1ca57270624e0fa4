"""Limits of a module process: a text that never ends loading, and components that take all the memory."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator

from tinyflow_runtime import place
from tinyflow_runtime.errors import ComponentError, HandlerError

__all__ = ["loads_in_time", "memory_below"]

SAID = 10.0  # seconds after which it is said that a text still loads
LOAD = 120.0  # seconds after which a process that still loads ends; who started it begins anew, or not
LOOK = 0.2  # seconds between looks at the memory: a list of lists grows by some hundred MiB meanwhile
OVER = 137  # the exit code of what the system kills for want of memory; so does a container's


@contextlib.contextmanager
def loads_in_time(module: str, *, said: float = SAID, limit: float = LOAD) -> Iterator[None]:
    """Say when the block takes long, and where it stands; end the process when it takes too long."""
    done = threading.Event()
    thread = threading.get_ident()

    def look() -> None:
        if done.wait(said):
            return
        way_out = "Let its text end; what takes long belongs into a component's start."
        what = f"Module {module!r} still loads after {said:g} s."
        _say(ComponentError("TF-110", what, way_out, where=_where(thread)))
        if done.wait(limit - said):
            return
        what = f"Module {module!r} was not loaded: it had not ended after {limit:g} s."
        _say(ComponentError("TF-110", what, way_out, where=_where(thread)))
        os._exit(1)  # nothing else ends a thread that hangs

    with _beside(look, done, name="loading"):
        yield


@contextlib.contextmanager
def memory_below(mib: int, module: str, busiest: Callable[[], str]) -> Iterator[None]:
    """End the process, with a word, when it has more than ``mib`` MiB in memory.

    Where the system can refuse memory to a process, a handler that asks for far too much at once gets a MemoryError
    instead, and only its message is lost.

    Args:
        mib: The limit.
        module: Whose process it is.
        busiest: Names the nodes at which most lies.
    """
    import psutil  # only here: a process without a limit begins the sooner

    with contextlib.suppress(ImportError, ValueError, OSError):  # other systems have no such limit
        import resource

        limit = mib * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (limit + limit // 4, resource.RLIM_INFINITY))
    done = threading.Event()

    def look() -> None:
        process = psutil.Process()
        while not done.wait(LOOK):
            used = process.memory_info().rss // (1024 * 1024)
            if used > mib:
                what = f"Module {module!r} used {used} MiB of memory; its limit is {mib}. It was ended."
                _say(HandlerError("TF-145", what, busiest(), "Keep less, or raise the limit."))
                os._exit(OVER)

    with _beside(look, done, name="memory"):
        yield


@contextlib.contextmanager
def _beside(look: Callable[[], None], done: threading.Event, *, name: str) -> Iterator[None]:
    watcher = threading.Thread(target=look, name=name, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _say(error: Exception) -> None:
    print(error, file=sys.stderr, flush=True)


def _where(thread: int) -> str:
    frame = sys._current_frames().get(thread)
    return place.of_stack(frame)
