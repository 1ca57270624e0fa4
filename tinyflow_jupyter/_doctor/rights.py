"""The rights of whoever asks: each one that looking at flows, sending to them and pushing them needs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tinyflow_runtime.errors import ClusterError

from .finding import Finding, State
from .server import Server

AT_ONCE = 8
OURS = "tinyflow.dev"
READ, WRITE = ("get", "list"), ("create", "patch", "update", "delete")


@dataclass(frozen=True, slots=True)
class Right:
    """To do one thing with one kind of object, or with the one of that name."""

    verb: str
    resource: str
    group: str = ""
    name: str = ""

    def __str__(self) -> str:
        of = f"{self.resource} {self.name}" if self.name else self.resource
        return f"{self.verb} {of}"


@dataclass(frozen=True, slots=True)
class Ability:
    """What a person wants to do: the rights that it takes, and the role that has them all."""

    does: str
    rights: tuple[Right, ...]
    role: str
    without: State


LOOK = Ability(
    "look at flows",
    (
        *(Right(verb, kind, OURS) for kind in ("tinyflows", "tinynodes", "tinymodules") for verb in READ),
        Right("create", "serviceaccounts/token", name="tinyflow-viewer"),
    ),
    "tinyflow-viewer",
    "bad",
)
SEND = Ability(
    "send to flows", (Right("create", "serviceaccounts/token", name="tinyflow-editor"),), "tinyflow-editor", "warn"
)
PUSH = Ability(
    "push",
    (
        *(Right(verb, kind, OURS) for kind in ("tinyflows", "tinynodes", "tinymodules") for verb in WRITE),
        *(Right(verb, "configmaps") for verb in (*READ, "create", "patch", "delete")),
        Right("list", "pods"),
        Right("get", "pods/log"),
    ),
    "tinyflow-developer",
    "warn",
)
CODE = Right("push", "tinymodules/code", OURS)  # asked for by the chart's admission policy


def rights(server: Server, *, policies: bool) -> list[Finding]:
    """What one may do in the namespace.

    Args:
        policies: Whether the server has admission policies, which ask for a right of their own.
    """
    namespace = server.login.namespace
    push = Ability(PUSH.does, (*PUSH.rights, CODE), PUSH.role, PUSH.without) if policies else PUSH
    abilities = (LOOK, SEND, push)
    wanted = list(dict.fromkeys(right for ability in abilities for right in ability.rights))
    with ThreadPoolExecutor(AT_ONCE, "tinyflow doctor rights") as threads:
        has = dict(zip(wanted, threads.map(lambda right: _may(server, namespace, right), wanted), strict=True))
    found = []
    for ability in abilities:
        missing = [right for right in ability.rights if not has[right]]
        about = f"right to {ability.does}"
        if not missing:
            found.append(Finding("ok", about, f"in namespace {namespace!r}"))
            continue
        bind = f"create rolebinding {ability.role.removeprefix('tinyflow-')} --clusterrole={ability.role}"
        fix = f"kubectl -n {namespace} {bind} --user={server.who()}"
        said = ", ".join(map(str, missing[:4])) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        what = f"In namespace {namespace!r} you may not: {said}."
        found.append(Finding(ability.without, about, what, f"{fix}  # who runs the cluster says it"))
    return found


def namespace(server: Server) -> list[Finding]:
    """Whether the namespace that is to be used is there."""
    name = server.login.namespace
    answer = server.ask(f"/api/v1/namespaces/{name}")
    if answer.status == 404:
        return [Finding("bad", "namespace", f"There is no namespace {name!r}.", f"kubectl create namespace {name}")]
    if answer.status == 403:
        return []  # who may work in it may not always look at it
    phase = str(answer.part("status").get("phase", ""))
    if phase == "Terminating":
        fix = f"kubectl get namespace {name} --watch"
        return [Finding("bad", "namespace", f"Namespace {name!r} is being deleted.", fix)]
    return []


def _may(server: Server, namespace: str, right: Right) -> bool:
    try:
        return server.may(namespace, right.verb, right.resource, group=right.group, name=right.name)
    except ClusterError:
        return False
