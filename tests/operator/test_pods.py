"""Pods tell where a module is and what keeps it from serving: each trouble has a reason of its own, and a way out."""

from __future__ import annotations

import pytest
from tinyflow_operator.pods import address_of
from tinyflow_operator.podtrouble import loop_of, trouble_of

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


LOG = "Its log says more: kubectl logs p."


@pytest.mark.parametrize(
    ("code", "said", "reason", "why"),
    [
        (1, RAISED, "CrashLoop", f"It ended with exit code 1: KeyError: 'x' {LOG}"),
        (3, "tick 1\ntick 2\n", "CrashLoop", f"It ended with exit code 3. The last line it wrote: 'tick 2'. {LOG}"),
        (0, "", "CrashLoop", f"It ended with exit code 0. {LOG}"),
        (137, "", "CrashLoop", f"It ended with exit code 137, killed by signal 9. {LOG}"),
        (1, "hello\nTF-110 It failed to load.\n  cell 3", "LoadFailed", "TF-110 It failed to load.\n  cell 3"),
        (137, "TF-145 Module 'm' used 90 MiB.", "OOMKilled", "TF-145 Module 'm' used 90 MiB."),
    ],
)
def test_the_reason_of_an_end_is_what_was_raised_or_how_it_ended(code, said, reason, why):
    waits = pod(state={"waiting": {"reason": "CrashLoopBackOff", "message": said}}, lastState=ended(code, said))

    told = trouble_of([waits], "")

    assert (told.reason, told.message) == (reason, why)


def waiting(reason, message="", **container):
    return pod(image="it/m:1", state={"waiting": {"reason": reason, "message": message}}, **container)


def unscheduled():
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are free"}
    return {"metadata": {"name": "p"}, "status": {"phase": "Pending", "conditions": [condition]}}


def evicted():
    status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory"}
    return {"metadata": {"name": "p"}, "status": status}


@pytest.mark.parametrize(
    ("there", "reason", "says", "way_out"),
    [
        (
            waiting("ImagePullBackOff", "Back-off"),
            "ImagePullBackOff",
            "'it/m:1' is not got: Back-off.",
            "imagePullSecrets",
        ),
        (waiting("ErrImagePull", "unauthorized"), "ImagePullBackOff", "unauthorized", "Look at its name"),
        (waiting("InvalidImageName", "no name"), "ImagePullBackOff", "no name", "Look at its name"),
        (unscheduled(), "Unschedulable", "0/3 nodes are free.", "resources in the operator's configuration"),
        (evicted(), "Evicted", "low on resource: memory.", "resources.requests"),
        (
            waiting("CrashLoopBackOff", lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
            "OOMKilled",
            "more memory than it may",
            "resources.limits.memory",
        ),
        (
            waiting("CreateContainerConfigError", 'secret "x" not found'),
            "CreateContainerConfigError",
            'secret "x" not found.',
            "kubectl describe pod p",
        ),
    ],
)
def test_each_trouble_of_a_pod_has_its_reason_and_its_way_out(there, reason, says, way_out):
    told = trouble_of([there], "")

    assert told.reason == reason
    assert says in told.message
    assert way_out in told.message


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_comes_is_no_trouble(reason):
    assert trouble_of([waiting(reason)], "") is None


def test_a_pod_that_was_ended_is_no_trouble_when_another_took_its_place():
    runs = pod(ready=True, state={"running": {}})
    runs["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"

    assert trouble_of([evicted(), runs], "") is None


def test_a_pod_that_is_refused_is_told_by_its_deployment():
    refused = {"type": "ReplicaFailure", "status": "True", "message": "pods is forbidden: exceeded quota"}

    told = trouble_of([], "a" * 64, {"status": {"conditions": [refused]}})

    assert (told.reason, "exceeded quota." in told.message) == ("FailedCreate", True)


def test_requirements_that_are_not_found_say_their_last_lines():
    failed = {"state": ended(1, "ERROR: one\nERROR: no numpy"), "name": "install"}

    told = trouble_of([pod(inits=[failed], state={"waiting": {"reason": "PodInitializing"}})], "")

    assert told.reason == "InstallFailed"
    assert "\nERROR: one\nERROR: no numpy\n" in told.message
    assert told.message.endswith("the value modules.index.url of the operator's chart.")


def test_of_requirements_that_are_not_found_attempts_and_colours_are_left_out():
    attempt = "WARNING: Retrying (Retry(total=4)) after connection broken by '<object at 0x7fb6>': /simple/numpy/"
    said = "\n".join([*[attempt] * 4, "\x1b[31mERROR: one\x1b[0m", "\x1b[31mERROR: no numpy\x1b[0m", attempt])

    told = trouble_of([pod(inits=[{"state": ended(1, said), "name": "install"}])], "")

    assert told.message.startswith("Its requirements cannot be installed:\nERROR: one\nERROR: no numpy\nPush others")


@pytest.mark.parametrize(("ip", "address"), [("10.1.2.3", "10.1.2.3:7443"), ("fd00::1", "[fd00::1]:7443"), ("", "")])
def test_a_module_is_at_its_pods_address(ip, address):
    assert address_of({"metadata": {"name": "p"}, "status": {"podIP": ip}}) == address


NOW = 1_000_000_000.0  # 2001-09-09T01:46:40Z


@pytest.mark.parametrize(
    ("restarts", "since", "loops"),
    [(4, "2001-09-09T01:46:20Z", True), (2, "2001-09-09T01:46:20Z", False), (4, "2001-09-09T01:45:00Z", False)],
)
def test_a_process_that_ended_often_and_lately_keeps_ending(restarts, since, loops):
    runs = pod(ready=True, restartCount=restarts, lastState=ended(3), state={"running": {"startedAt": since}})

    told = loop_of([runs], NOW)

    assert bool(told) is loops
