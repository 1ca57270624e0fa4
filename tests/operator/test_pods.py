"""Pods tell why a process ended: what it raised is the reason, what it printed is not."""

from __future__ import annotations

import pytest
from tinyflow_operator.pods import crash_of, loop_of

RAISED = """tick 1
Traceback (most recent call last):
  File "m.py", line 3, in <module>
    raise KeyError("x")
KeyError: 'x'
tick 2
"""


def pod(*, inits=(), **container):
    return {
        "metadata": {"name": "p"},
        "status": {"initContainerStatuses": list(inits), "containerStatuses": [container]},
    }


def ended(code, said=""):
    return {"terminated": {"exitCode": code, "message": said}}


@pytest.mark.parametrize(
    ("code", "said", "why"),
    [
        (1, RAISED, "It ended with exit code 1: KeyError: 'x'"),
        (3, "tick 1\ntick 2\n", "It ended with exit code 3. The last line it wrote: 'tick 2'."),
        (0, "", "It ended with exit code 0."),
        (137, "", "It ended with exit code 137, killed by signal 9."),
        (1, "hello\nTF-110 Module 'm' failed to load.\n  cell 3", "TF-110 Module 'm' failed to load.\n  cell 3"),
    ],
)
def test_the_reason_of_an_end_is_what_was_raised_or_how_it_ended(code, said, why):
    waits = pod(state={"waiting": {"reason": "CrashLoopBackOff", "message": said}}, lastState=ended(code, said))

    told = crash_of([waits], "")

    assert told == why


def test_dependencies_that_are_not_found_say_their_last_lines():
    failed = {"state": ended(1, "ERROR: one\nERROR: no numpy"), "name": "requirements"}

    told = crash_of([pod(inits=[failed], state={"waiting": {"reason": "PodInitializing"}})], "")

    assert told == "ERROR: one\nERROR: no numpy"


NOW = 1_000_000_000.0  # 2001-09-09T01:46:40Z


@pytest.mark.parametrize(
    ("restarts", "since", "loops"),
    [(4, "2001-09-09T01:46:20Z", True), (2, "2001-09-09T01:46:20Z", False), (4, "2001-09-09T01:45:00Z", False)],
)
def test_a_process_that_ended_often_and_lately_keeps_ending(restarts, since, loops):
    runs = pod(ready=True, restartCount=restarts, lastState=ended(3), state={"running": {"startedAt": since}})

    told = loop_of([runs], NOW)

    assert bool(told) is loops
