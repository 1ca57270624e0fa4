"""A visitor of the demo: a process of its own that asks a flow over HTTP, again and again."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import os
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass

AT_ONCE = 4
PATIENCE = 90.0  # seconds until the flow has to answer: a kernel on a busy machine starts slowly


@dataclass(frozen=True, slots=True)
class Report:
    """What a visitor saw; the times are in milliseconds, but for the seconds of the whole visit."""

    pid: int
    asked: int
    answered: int
    statuses: dict[str, int]
    seconds: float
    median: float
    slowest: float
    last: str


def visit(url: str, times: int, seconds: float) -> Report:
    """Wait until somebody answers there, then ask so many times, evenly over the seconds, and tell how it went.

    Raises:
        TimeoutError: Nobody answered.
    """
    deadline = time.monotonic() + PATIENCE
    while (first := ask(url))[0] == 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f"Nobody answered at {url} within {PATIENCE:g} s: {first[2]}")
        time.sleep(0.1)
    began = time.monotonic()

    def ask_in_turn(number: int) -> tuple[int, float, str]:
        time.sleep(max(0.0, began + seconds * number / times - time.monotonic()))
        return ask(url)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as several:
        answers = list(several.map(ask_in_turn, range(times)))
    took = [seconds * 1000 for _, seconds, _ in answers]
    return Report(
        pid=os.getpid(),
        asked=len(answers),
        answered=sum(status == 200 for status, _, _ in answers),
        statuses=dict(Counter(str(status or text) for status, _, text in answers)),
        seconds=time.monotonic() - began,
        median=statistics.median(took),
        slowest=max(took),
        last=answers[-1][2],
    )


def ask(url: str) -> tuple[int, float, str]:
    """One request: the status (0 when nobody answered), the seconds it took, and what was said."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, time.monotonic() - began, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, time.monotonic() - began, str(error)
    except (OSError, http.client.HTTPException) as error:
        return 0, time.monotonic() - began, str(error)


if __name__ == "__main__":
    try:
        print(json.dumps(asdict(visit(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
    except TimeoutError as error:
        sys.exit(str(error))
