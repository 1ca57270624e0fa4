"""The rights of whoever asks: each one that looking at flows, sending to them and pushing them needs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tinyflow_runtime.rpc.gateway import EDITOR, VIEWER

from tinyflow_jupyter._cluster.rights import Right, may

from .finding import Finding, State
from .installed import Home
from .server import Server

AT_ONCE = 8
OURS = "tinyflow.dev"
READ, WRITE = ("get", "list"), ("create", "patch", "update", "delete")


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
        Right("create", "serviceaccounts/token", name=VIEWER),
    ),
    "tinyflow-viewer",
    "bad",
)
SEND = Ability("send to flows", (Right("create", "serviceaccounts/token", name=EDITOR),), "tinyflow-editor", "warn")
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


def rights(server: Server, home: Home, *, policies: bool) -> list[Finding]:
    """What one may do in the namespace.

    Args:
        home: Where TinyFlow is installed; with what looks after all namespaces come roles for all of them.
        policies: Whether the server has admission policies; that of all namespaces asks for a right of its own.

    Raises:
        ClusterError: TF-161, TF-162, the server does not say.
    """
    namespace = server.login.namespace
    push = Ability(PUSH.does, (*PUSH.rights, CODE), PUSH.role, PUSH.without) if policies and not home.only else PUSH
    abilities = (LOOK, SEND, push)
    wanted = list(dict.fromkeys(right for ability in abilities for right in ability.rights))
    with ThreadPoolExecutor(AT_ONCE, "tinyflow doctor rights") as threads:
        has = dict(zip(wanted, threads.map(lambda right: may(server, namespace, right), wanted), strict=True))
    found = []
    for ability in abilities:
        missing = [right for right in ability.rights if not has[right]]
        about = f"right to {ability.does}"
        if not missing:
            found.append(Finding("ok", about, f"in namespace {namespace!r}"))
            continue
        role = f"--{'role' if home.only else 'clusterrole'}={ability.role}"
        bind = f"create rolebinding {ability.role.removeprefix('tinyflow-')} {role}"
        fix = f"kubectl -n {namespace} {bind} {server.who()}  # who runs the cluster says it"
        if home.hidden:  # nor whether one looks after this namespace alone
            fix += f"; --role={ability.role} where TinyFlow looks after this namespace alone"
        said = ", ".join(map(str, missing[:4])) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        what = f"In namespace {namespace!r} you may not: {said}."
        found.append(Finding(ability.without, about, what, fix))
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
