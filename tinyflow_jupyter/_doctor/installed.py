"""What is installed on the cluster: where, the operator and who leads, and images that can be had."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from tinyflow_runtime import __version__
from tinyflow_runtime.resources.documents import VERSION, Document
from tinyflow_runtime.resources.labels import MODULE_LABEL
from tinyflow_runtime.resources.names import GATEWAY, NO_IMAGE, OPERATOR

from tinyflow_jupyter._cluster.operators import HOMES, meet, watched

from .finding import Finding
from .here import install
from .server import PAGE, Server

NAMED = "app.kubernetes.io/name"
LEASE = 60.0  # seconds without a word from the leader
INSTALL = "tinyflow operator install"


@dataclass(frozen=True, slots=True)
class Home:
    """Where the TinyFlow is installed that looks after a namespace.

    Attributes:
        namespace: Empty when it was not found.
        hidden: Whether one may not look where it could be.
        only: Whether it looks after that namespace alone.
        others: Namespaces of further ones that look after it too.
        elsewhere: What those look after that do not.
    """

    namespace: str
    deployments: tuple[Document, ...] = ()
    hidden: bool = False
    only: bool = False
    others: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()

    def deployment(self, name: str) -> Document | None:
        return next((each for each in self.deployments if each["metadata"]["name"] == name), None)


def home(server: Server) -> Home:
    """Find the operator: anywhere, or where one may look."""
    selected = {"labelSelector": f"{NAMED} in ({OPERATOR},{GATEWAY})", "limit": str(PAGE)}
    told, wanted = _told(server), server.login.namespace
    everywhere = server.ask("/apis/apps/v1/deployments", selected)
    if everywhere.fine:
        return _home(everywhere.items, wanted, told)
    found: list[Document] = []
    hidden = False
    for namespace in dict.fromkeys([*told, *HOMES, wanted]):
        answer = server.ask(f"/apis/apps/v1/namespaces/{namespace}/deployments", selected)
        hidden = hidden or not answer.fine
        found += answer.items if answer.fine else []
    there = _home(found, wanted, told)
    if there.namespace or not hidden:
        return there
    return Home(next(iter(told), "") or _with_gateway(server, wanted), hidden=True)


def operator(server: Server, home: Home) -> list[Finding]:
    """Whether an operator runs, of this version, and one of its processes leads."""
    found = home.deployment(OPERATOR)
    if found is None:
        if home.hidden:
            return [Finding("warn", "operator", "You may not look at the namespace in which it could be.")]
        if home.elsewhere:
            what = f"There is none for namespace {server.login.namespace!r}: {'; '.join(home.elsewhere)}."
            fix = "kubectl config set-context --current --namespace=NAME  # or tinyflow operator install here"
            return [Finding("bad", "operator", what, fix)]
        return [Finding("bad", "operator", "There is none, so nothing that is pushed will run.", INSTALL)]
    if home.others:
        several = ", ".join(map(repr, (home.namespace, *home.others)))
        what = f"Those in {several} all look after namespace {server.login.namespace!r}, and undo each other's work."
        return [Finding("bad", "operator", what, f"tinyflow operator uninstall --namespace {home.others[0]}")]
    finding = running("operator", found)
    if finding is not None:
        return [finding]
    version = str((found["metadata"].get("labels") or {}).get("app.kubernetes.io/version", ""))
    said = f"{version or 'of a version that is not told'} in namespace {home.namespace!r}"
    if version and version != __version__:
        what = f"{said}, and this is {__version__}: they are made for each other only when they are the same."
        fix = INSTALL if _older(version) else install(f"tinyflow-jupyter=={version}")
        return [Finding("warn", "operator", what, fix)]
    return _led(server, home, said)


def _led(server: Server, home: Home, said: str) -> list[Finding]:
    answer = server.ask(f"/apis/coordination.k8s.io/v1/namespaces/{home.namespace}/leases/{OPERATOR}")
    if answer.status == 403:
        return [Finding("ok", "operator", f"{said}; who leads, you may not see")]
    logs = f"kubectl -n {home.namespace} logs deployment/{OPERATOR}"
    if not answer.fine:
        return [Finding("bad", "operator", f"{said}, and nobody leads.", logs)]
    spec = answer.part("spec")
    holder, since = str(spec.get("holderIdentity") or ""), _since(str(spec.get("renewTime") or ""))
    if not holder or since is None or since + (answer.ahead or 0.0) > LEASE:  # by the server's clock
        return [Finding("bad", "operator", f"{said}; {holder or 'nobody'} led, and says nothing any more.", logs)]
    return [Finding("ok", "operator", f"{said}, led by {holder}")]


def images(server: Server, home: Home) -> list[Finding]:
    """Whether the pods of modules, operator and gateway get their images."""
    places = {server.login.namespace: MODULE_LABEL, **({home.namespace: ""} if home.namespace else {})}
    pods: list[Document] = []
    hidden = 0
    for namespace, label in places.items():
        asked = {"limit": str(PAGE), **({"labelSelector": label} if label and namespace != home.namespace else {})}
        answer = server.ask(f"/api/v1/namespaces/{namespace}/pods", asked)
        hidden += not answer.fine
        pods += answer.items if answer.fine else []
    for pod in pods:
        status = pod.get("status") or {}
        for state in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            waiting = (state.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in NO_IMAGE:
                return [_stuck(pod, str(state.get("image")), waiting)]
    if hidden == len(places):
        return [Finding("warn", "images", "You may not look at pods, so neither at whether they get their images.")]
    return [Finding("ok", "images", f"{len(pods)} pods have theirs" if pods else "no pod waits for one")]


def _stuck(pod: Document, image: str, waiting: Document) -> Finding:
    namespace = pod["metadata"]["namespace"]
    said = " ".join(str(waiting.get("message") or waiting["reason"]).split())[:160]
    secrets = [str(each.get("name")) for each in (pod["spec"].get("imagePullSecrets") or ())]
    with_ = f"with the secret {', '.join(secrets)}" if secrets else "without a secret"
    log_in = f"create secret docker-registry {secrets[0] if secrets else 'registry'}"
    fix = f"kubectl -n {namespace} {log_in} --docker-server=REGISTRY --docker-username=NAME"
    if not any(word in said.lower() for word in ("unauthorized", "denied", "authentication", "forbidden")):
        fix = f"kubectl -n {namespace} describe pod {pod['metadata']['name']}"
    return Finding("bad", "images", f"Pod {pod['metadata']['name']} does not get {image}, {with_}: {said}", fix)


def running(about: str, deployment: Document) -> Finding | None:
    """What keeps a Deployment from running; None when nothing does."""
    name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
    status, wanted = deployment.get("status") or {}, deployment["spec"].get("replicas", 1)
    ready = int(status.get("readyReplicas") or 0)
    if ready:
        return None
    if not wanted:
        fix = f"kubectl -n {namespace} scale deployment/{name} --replicas=2"
        return Finding("bad", about, f"It is scaled to nothing in {namespace!r}.", fix)
    failed = {"ReplicaFailure": "True", "Progressing": "False", "Available": "False"}
    conditions = {each.get("type"): each for each in status.get("conditions") or ()}
    said = [
        str(conditions[kind].get("message"))
        for kind, state in failed.items()
        if conditions.get(kind, {}).get("status") == state
    ]
    why = f": {said[0].rstrip('.')}" if said else ""
    fix = f"kubectl -n {namespace} describe pods -l {NAMED}={name}"
    return Finding("bad", about, f"None of {wanted} is ready in {namespace!r}{why}.", fix)


def counted(deployment: Document) -> str:
    """How many of its pods are ready."""
    ready = (deployment.get("status") or {}).get("readyReplicas", 0)
    return f"{ready} of {deployment['spec'].get('replicas', 1)} ready"


def _told(server: Server) -> list[str]:
    """The namespaces of gateways that flows name."""
    flows = server.ask(f"/apis/{VERSION}/namespaces/{server.login.namespace}/tinyflows", {"limit": str(PAGE)})
    said = [str((flow.get("status") or {}).get("gateway") or "") for flow in flows.items]
    return [each.partition("/")[0] for each in dict.fromkeys(said) if each]


def _with_gateway(server: Server, wanted: str) -> str:
    """Where a gateway is that one may use, though one may not look at what else is there; empty where none is."""
    homes = dict.fromkeys((*HOMES, wanted))
    return next((at for at in homes if server.ask(f"/api/v1/namespaces/{at}/services/{GATEWAY}").fine), "")


def _home(deployments: list[Document], wanted: str, told: list[str]) -> Home:
    """Which of them looks after a namespace: the one that does nothing else, or that flows name, before others."""
    # A list's items do not say what they are.
    found = [each for each in deployments if each["metadata"]["name"] in (OPERATOR, GATEWAY)]
    only = {str(each["metadata"]["namespace"]): watched(each) for each in found if each["metadata"]["name"] == OPERATOR}
    ours = sorted((at for at in only if meet(only[at], wanted)), key=lambda at: (not only[at], at not in told, at))
    if not ours:
        return Home("", elsewhere=tuple(f"that in {at!r} looks after {only[at]!r} alone" for at in sorted(only)))
    home = ours[0]
    there = tuple(each for each in found if each["metadata"]["namespace"] == home)
    return Home(home, there, only=bool(only[home]), others=tuple(ours[1:]))


def _since(said: str) -> float | None:
    """Seconds since a time that Kubernetes wrote."""
    try:
        then = datetime.datetime.fromisoformat(said.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (datetime.datetime.now(datetime.UTC) - then).total_seconds()


def _older(version: str) -> bool:
    numbers = [tuple(int(part) for part in each.split(".") if part.isdecimal()) for each in (version, __version__)]
    return numbers[0] < numbers[1]
