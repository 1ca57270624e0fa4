"""What keeps a module's pods from serving, why, and the way out: said in the module's condition Ready. Pure."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tinyflow_runtime.resources.names import NO_IMAGE

from tinyflow_operator.conditions import condition_of
from tinyflow_operator.kinds import Document
from tinyflow_operator.pods import age_of, is_of

CRASH_LOOP = "CrashLoop"  # the reason of a module whose process keeps ending
LOOP = 3  # ends of a process after which it is no accident any more
STEADY = 60.0  # seconds a process runs until it counts as one that will go on
LAST_LINES = 6  # of what a process wrote before it ended: the error, where, and the way out
COMES = (None, "ContainerCreating", "PodInitializing")
_OURS = re.compile(r"^TF-\d{3} ", re.MULTILINE)  # how each of our errors begins
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TRACEBACK = "Traceback (most recent call last):\n"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What keeps a pod from serving.

    Attributes:
        reason: Kubernetes' own word where it has one.
        message: What is wrong, and one way out.
    """

    reason: str
    message: str


def trouble_of(pods: Iterable[Document], wanted: str, deployment: Document | None = None) -> Trouble | None:
    """What keeps the pods of the wanted revision from serving; None while they come, or serve.

    Args:
        wanted: The revision's hash; empty for an image's.
        deployment: Says it when there is no pod at all.
    """
    of_it = sorted((pod for pod in pods if not wanted or is_of(pod, wanted)), key=age_of, reverse=True)
    for number, pod in enumerate(of_it):
        if number and (pod.get("status") or {}).get("phase") == "Failed":
            continue  # another one took its place
        trouble = _of_pod(pod)
        if trouble is not None:
            return trouble
    refused = condition_of(deployment, "ReplicaFailure")
    if not of_it and refused.get("status") == "True":
        text = f"Its pod was refused: {_sentence(refused.get('message'))}"
        return Trouble("FailedCreate", f"{text} Mend what it names: a quota, a policy, or a ServiceAccount.")
    return None


def loop_of(pods: Iterable[Document], now: float) -> str:
    """Why a module counts as one whose process keeps ending, though it may serve right now; empty when it does not.

    Args:
        now: Seconds since the epoch.
    """
    for pod in sorted(pods, key=age_of, reverse=True):
        for container in (pod.get("status") or {}).get("containerStatuses", []):
            ended, times = _ended(container), int(container.get("restartCount", 0))
            running = container.get("state", {}).get("running") or {}
            if ended and times >= LOOP and now - _seconds(running.get("startedAt"), now) < STEADY:
                return f"Its process keeps ending, {times} times so far. {_crash(pod, ended).message}"
    return ""


def _of_pod(pod: Document) -> Trouble | None:
    status = pod.get("status") or {}
    if status.get("phase") == "Failed" and status.get("reason"):
        way_out = "Another one is started; resources.requests of the operator's configuration ask for what it needs."
        return Trouble(str(status["reason"]), f"Its pod was ended: {_sentence(status.get('message'))} {way_out}")
    scheduled = condition_of(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        way_out = "Give the cluster room, or ask for less: resources in the operator's configuration."
        return Trouble("Unschedulable", f"No machine takes its pod: {_sentence(scheduled.get('message'))} {way_out}")
    for container in status.get("initContainerStatuses", []):
        ended = _ended(container)
        if ended and ended.get("exitCode") and not _works(container):
            said = _last_lines(str(ended.get("message") or f"It ended with {ended['exitCode']}."))
            way_out = "Push others, or mend where they come from: the value modules.index.url of the operator's chart."
            return Trouble("InstallFailed", f"Its requirements cannot be installed:\n{said}\n{way_out}")
    for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
        if _works(container):
            continue
        ended, waiting = _ended(container), container.get("state", {}).get("waiting") or {}
        if ended and (ended.get("exitCode") or waiting):
            return _crash(pod, ended)
        reason, said = waiting.get("reason"), _sentence(waiting.get("message"))
        if reason in NO_IMAGE:
            way_out = "Look at its name, and at imagePullSecrets of the operator's configuration."
            return Trouble("ImagePullBackOff", f"The image {container.get('image', '')!r} is not got: {said} {way_out}")
        if reason not in COMES:
            way_out = f"kubectl describe pod {pod['metadata']['name']} says more."
            return Trouble(str(reason), f"Its container is not started: {said} {way_out}")
    return None


def _works(container: Document) -> bool:
    return bool(container.get("ready") or "running" in container.get("state", {}))


def _ended(container: Document) -> Document:
    """How a container ended last; empty while it never did."""
    state, last = container.get("state", {}), container.get("lastState", {})
    return state.get("terminated") or last.get("terminated") or {}


def _crash(pod: Document, ended: Document) -> Trouble:
    """Why a module's process ended: our own error, else the exit code and what it raised, never what it printed."""
    said = str(ended.get("message") or "").strip()
    ours = [found.start() for found in _OURS.finditer(said)]
    if ours:
        text = _last_lines(said[ours[-1] :])
        return Trouble("OOMKilled" if text.startswith("TF-145 ") else "LoadFailed", text)
    if ended.get("reason") == "OOMKilled":
        way_out = "Keep less, or raise resources.limits.memory of the operator's configuration."
        return Trouble("OOMKilled", f"Its process took more memory than it may, and was killed. {way_out}")
    code = int(ended.get("exitCode") or 0)
    how = f"exit code {code}" + (f", killed by signal {code - 128}" if code > 128 else "")
    raised = said.rpartition(_TRACEBACK)[2].splitlines() if _TRACEBACK in said else []
    line = next((line for line in raised if line and not line[0].isspace()), "")
    wrote = said.splitlines()[-1:]
    if line:
        why = f"It ended with {how}: {line}"
    else:
        why = f"It ended with {how}." + (f" The last line it wrote: {wrote[0].strip()!r}." if wrote else "")
    return Trouble(CRASH_LOOP, f"{why} Its log says more: kubectl logs {pod['metadata']['name']}.")


def _last_lines(said: str) -> str:
    lines = _COLOURS.sub("", said).strip().splitlines()
    # Pip tells each attempt in a line as long as what it was all about, and an Event has room for a thousand letters.
    told = [line for line in lines if not line.startswith("WARNING: Retrying")]
    return "\n".join((told or lines)[-LAST_LINES:])


def _sentence(said: object) -> str:
    text = " ".join(str(said or "it does not say why").split())
    return f"{text.rstrip('.')}."


def _seconds(when: object, otherwise: float) -> float:
    """A time that Kubernetes wrote, in seconds since the epoch."""
    try:
        return datetime.datetime.fromisoformat(str(when)).timestamp()
    except ValueError:
        return otherwise
