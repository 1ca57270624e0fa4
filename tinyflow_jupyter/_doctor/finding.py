"""A finding: one thing that was looked at, how it is, and the command that mends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tinyflow_runtime.errors import TinyFlowError

State = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: ``"bad"`` keeps something from working; ``"warn"`` may, or keeps less than all.
        about: What was looked at.
        what: How it is.
        fix: The command, or the line of Python, that mends it; empty when nothing is to be done.
    """

    state: State
    about: str
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A look at one thing.

    Attributes:
        about: What is looked at.
        look: Looks, and says how it is.
        seconds: After which nobody waits for it any more.
        fix: What to do when it does not end.
    """

    about: str
    look: Callable[[], list[Finding]]
    seconds: float
    fix: str = ""


def carry_out(checks: list[Check]) -> list[Finding]:
    """Do several looks beside each other, each for as long as it may take; the findings come in the given order.

    A look that does not end is left behind on its thread, which ends with the process.
    """
    found: list[list[Finding] | None] = [None] * len(checks)

    def look(number: int, check: Check) -> None:
        found[number] = _safely(check)

    began = time.monotonic()
    threads = [
        threading.Thread(target=look, args=(number, check), name=f"tinyflow doctor {check.about}", daemon=True)
        for number, check in enumerate(checks)
    ]
    for thread in threads:
        thread.start()
    for thread, check in zip(threads, checks, strict=True):
        thread.join(max(0.0, began + check.seconds - time.monotonic()))
    return [
        finding
        for check, several in zip(checks, list(found), strict=True)
        for finding in (several if several is not None else [_unanswered(check)])
    ]


def _unanswered(check: Check) -> Finding:
    return Finding("bad", check.about, f"There was no answer within {check.seconds:g} s.", check.fix)


def _safely(check: Check) -> list[Finding]:
    try:
        return check.look()
    except TinyFlowError as error:
        return [Finding("bad", check.about, f"{error.code} {error.what}", " ".join(error.way_out) or check.fix)]
    except Exception as error:  # whatever a broken installation raises: the doctor goes on
        return [
            Finding("bad", check.about, f"It cannot be looked at: {type(error).__name__}: {_line(error)}", check.fix)
        ]


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason is given"])[0][:200]
