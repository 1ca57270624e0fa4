"""Ending: a person's code that never returns is ended from another thread, by an exception raised where it stands."""

from __future__ import annotations

import contextlib
import ctypes
import dis
import functools
import gc
import sys
import threading
from collections.abc import Callable, Iterator
from itertools import repeat
from operator import attrgetter, itemgetter
from pathlib import Path
from types import FrameType

from tinyflow_runtime import place
from tinyflow_runtime.errors import HandlerTimeout

GRACE = 1.0  # seconds that a function in a thread of its own has to return, once nobody waits for it any more
_AGAIN = 0.1  # seconds until one that took the exception for one of its own is given another
_TRIES = 20  # looks at a thread whose function may be where it cannot be ended right now

# The files of ours that call components, and take whatever these raise for a failure of the message in hand.
_CALLERS = {"calling", "functions", "generating", "inline", "run", "runner", "sources", "<stretch>", "worker"}
_one_at_a_time = threading.Lock()
_UNINTERRUPTED = "JUMP_BACKWARD_NO_INTERRUPT"


class Ended(BaseException):
    """Raised in a person's code that did not return. No ``except Exception`` there takes it for an error of its own.

    Raised where such code is waited for, it is given the place at which that stands.
    """

    def told(self, node: str, way_out: str) -> HandlerTimeout:
        """What a person reads of it."""
        where = self.args[0] if self.args else place.waiting(self.__traceback__)
        at = f" at {where}" if where else ""
        return HandlerTimeout("TF-131", f"{node} did not return, and was ended{at}.", way_out)


def end(thread: int) -> bool:
    """Raise ``Ended`` in a thread, where it stands in a person's code that we have called: nowhere else is it safe.

    Code of C that waits, such as ``time.sleep``, is ended when it returns.

    Returns:
        False when it does not stand so at this moment, so that nothing was raised.
    """
    with _uncollected():
        frame = sys._current_frames().get(thread)
        if frame is None or not _called_by_us(frame):
            return False
        last = frame.f_lasti
        if not _asks_for_exceptions(frame, last):
            return False
        # From the look at where it stands to the raising this is one call of C: the thread cannot go on in between.
        now = map(attrgetter("f_code", "f_lasti"), map(itemgetter(thread), iter(sys._current_frames, None)))
        wanted = map({(frame.f_code, last): Ended}.__getitem__, now)
        try:
            return next(map(_setter(), repeat(thread), wanted)) == 1
        except KeyError:  # it has gone on since, or has ended
            return False


def standing(thread: int) -> str:
    """Where a person's code stands on the stack of another thread, and the line itself."""
    with _uncollected():
        return place.standing(sys._current_frames().get(thread))


def end_unless_it_returns(thread: threading.Thread) -> None:
    """Give a thread that nobody waits for a moment to end by itself, then end what it is in; returns at once."""
    threading.Thread(target=_wait_and_end, args=(thread,), name=f"{thread.name}, ending", daemon=True).start()


def _wait_and_end(thread: threading.Thread) -> None:
    thread.join(GRACE)
    for _ in range(_TRIES):
        if not thread.is_alive():
            return
        thread.join(_AGAIN if end(thread.ident or 0) else _AGAIN / 10)


def _called_by_us(frame: FrameType) -> bool:
    """Whether a person's code stands there, or a library that it has called, and one of the callers has called it."""
    persons = False
    following: FrameType | None = frame
    while following is not None:
        filename = following.f_code.co_filename
        if place.is_ours(filename):
            return persons and Path(filename).stem in _CALLERS
        # What dataclasses write for themselves, ours too, is called so, as is what python -c runs.
        written = filename == "<string>" and following.f_globals.get("__name__") != "__main__"
        persons = persons or (place.is_a_persons(filename) and not written)
        following = following.f_back
    return False


def _asks_for_exceptions(frame: FrameType, instruction: int) -> bool:
    """Whether Python asks for exceptions from outside after this instruction, so that it is raised in this frame.

    After other ones, such as a matrix product, a function could return first, and it would be raised in one of ours.
    """
    name = dis.opname[frame.f_code.co_code[instruction]]
    return name.startswith(("CALL", "PRECALL", "RESUME")) or ("JUMP_BACKWARD" in name and name != _UNINTERRUPTED)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage meanwhile.

    Until Python 3.12 that happens amid calls of C, and what it runs lets other threads go on: away from the frames that
    are being looked at.
    """
    with _one_at_a_time:
        before = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if before:
                gc.enable()


@functools.cache
def _setter() -> Callable[[int, type[BaseException]], int]:
    """https://docs.python.org/3/c-api/threads.html#c.PyThreadState_SetAsyncExc; calling it keeps the GIL."""
    made: Callable[[int, type[BaseException]], int] = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)(
        ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
    )
    return made
