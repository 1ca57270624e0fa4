"""The cluster of the kubeconfig: its file, its API server, its clock, and our definitions on it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import urllib3
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import EDITION, VERSION
from tinyflow_runtime.resources.labels import SCHEMAS
from tinyflow_runtime.resources.names import KINDS as OURS

from tinyflow_jupyter._cluster.kubeconfig import Login
from tinyflow_jupyter._cluster.refusals import shown

from .finding import Finding
from .here import install
from .server import Answer, Server

KINDS = tuple(OURS.values())
OLDEST = (1, 20)  # what the operator was tried on
# What a server lacks before a version, in the words of whoever misses it.
LACKS = (((1, 25), "rules of schemas"), ((1, 30), "the right to push code apart from the right to change flows"))
SLOW = 2.0  # seconds for one answer; a push takes a hundred
SKEW, BROKEN = 5.0, 60.0  # seconds between two clocks: tokens and certificates are judged by the server's
POCKET = "+tinyflow"  # in the version of a pocket cluster's API


def files() -> list[Path]:
    """Where a kubeconfig is looked for, in the order in which the official client does."""
    given = os.environ.get("KUBECONFIG", "")
    named = [Path(each).expanduser() for each in given.split(os.pathsep) if each]
    return named or [Path("~/.kube/config").expanduser()]


def no_cluster(context: str | None) -> list[Finding] | None:
    """What there is to say when no cluster is named anywhere, which is no fault; None when one is."""
    if context or os.environ.get("KUBECONFIG") or os.environ.get("KUBERNETES_SERVICE_HOST") or files()[0].exists():
        return None
    what = "There is none, so flows run in the kernel and on pocket clusters."
    return [Finding("ok", "kubeconfig", what)]


def kubeconfig(login: Login) -> list[Finding]:
    """The file that was read, and what it names."""
    who = f"context {login.context!r}, namespace {login.namespace!r}"
    for path in files() if sys.platform != "win32" else ():
        if path.exists() and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
            what = f"{who}; others on this computer may read {path}, and so log in as you."
            return [Finding("warn", "kubeconfig", what, f"chmod 600 {path}")]
    return [Finding("ok", "kubeconfig", who)]


def api_server(server: Server) -> tuple[list[Finding], Answer | None]:
    """Whether it answers, how fast, and what it is too old for. None when nothing more can be asked."""
    about, at = "API server", shown(server.login.host)
    try:
        answer = server.hear("/version")
        who = server.hear("/api")  # a version is told to anybody
    except ClusterError as error:
        if isinstance(error.__cause__, urllib3.exceptions.SSLError):
            what = f"{at} proves who it is by a certificate that the kubeconfig's authority did not sign."
            fix = f"kubectl config set-cluster {server.login.context} --certificate-authority=FILE  # its own ca.crt"
            return [Finding("bad", about, f"{what} ({_reason(error)})", fix)], None
        through = f", through the proxy {shown(server.login.proxy)}" if server.login.proxy else ""
        what = f"{at} cannot be reached{through}: {_reason(error)}."
        return [Finding("bad", about, what, "kubectl cluster-info")], None
    if who.status == 401:
        return [Finding("bad", about, f"{at} does not take the credentials.", _log_in(server))], None
    numbers = [str(answer.document.get(part, "")).rstrip("+") for part in ("major", "minor")]
    if not all(number.isdecimal() for number in numbers):
        what = f"{at} does not answer as Kubernetes does: {answer.text.strip()[:60]!r}."
        return [Finding("bad", about, what, f"curl --insecure {at}/version  # a proxy, or a login page?")], None
    version = (int(numbers[0]), int(numbers[1]))
    said = f"Kubernetes {answer.document.get('gitVersion', '.'.join(numbers))} at {at}, {answer.took * 1000:.0f} ms"
    if version < OLDEST:
        return [Finding("bad", about, f"{said}: too old, 1.20 is needed.", "kubectl config get-contexts")], answer
    if answer.took > SLOW:
        what = f"{said}: a push asks it a hundred times, and will take minutes."
        return [Finding("warn", about, what, "kubectl get --raw /readyz?verbose")], answer
    lacks = [what for before, what in LACKS if version < before]
    if lacks:
        return [Finding("warn", about, f"{said}; too old for {' and '.join(lacks)}, which is done without.")], answer
    return [Finding("ok", about, said)], answer


def clock(answer: Answer) -> list[Finding]:
    """Whether this computer and the API server agree what time it is."""
    if answer.ahead is None:
        return [Finding("warn", "clock", "The API server does not say what time it is.")]
    off = max(abs(answer.ahead) - 1.0, 0.0)  # what was measured is not truer than that
    if off < SKEW:
        return [Finding("ok", "clock", f"the API server's is the same to {off + 1:.0f} s")]
    what = f"This computer's is {abs(answer.ahead):.0f} s {'behind' if answer.ahead > 0 else 'before'} the API server's"
    ends = "tokens and certificates may not be taken" if off > BROKEN else "times of messages will look odd"
    return [Finding("bad" if off > BROKEN else "warn", "clock", f"{what}: {ends}.", "sudo timedatectl set-ntp true")]


def definitions(server: Server) -> list[Finding]:
    """Whether the cluster knows our kinds, in the edition of this version."""
    about, fix = "definitions", "tinyflow crds apply"
    found = {}
    for kind in KINDS:
        answer = server.ask(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind}.tinyflow.dev")
        if answer.status == 403:
            return _served(server, about, fix)
        said = answer.part("metadata", "annotations").get(SCHEMAS, "0")
        found[kind] = int(said) if answer.fine and str(said).isdecimal() else -1 if answer.status == 404 else 0
    missing = [kind for kind, edition in found.items() if edition < 0]
    if missing:
        which = "any of our kinds" if len(missing) == len(KINDS) else ", ".join(missing)
        return [Finding("bad", about, f"The cluster does not know {which}.", fix)]
    older = [kind for kind, edition in found.items() if edition < EDITION]
    if older:
        what = f"{', '.join(older)} are of edition {min(found.values())}, and {EDITION} is needed."
        return [Finding("bad", about, what, fix)]
    if max(found.values()) > EDITION:
        what = f"The cluster's are of edition {max(found.values())}, and this version knows {EDITION}."
        return [Finding("warn", about, what, install("tinyflow-jupyter"))]
    return [Finding("ok", about, f"edition {EDITION}, as this version needs it")]


def _served(server: Server, about: str, fix: str) -> list[Finding]:
    """What one who may not read definitions can see of them."""
    answer = server.ask(f"/apis/{VERSION}")
    said = answer.document.get("resources")
    served = {str(each.get("name")) for each in said if isinstance(each, dict)} if isinstance(said, list) else set()
    missing = [kind for kind in KINDS if kind not in served]
    if missing:
        return [Finding("bad", about, f"The cluster does not know {', '.join(missing)}.", fix)]
    return [Finding("ok", about, "the cluster knows our kinds; of which edition, you may not see")]


def _reason(error: ClusterError) -> str:
    return error.what.partition("cannot be reached: ")[2].rstrip(".") or error.what


def _log_in(server: Server) -> str:
    return f"kubectl --context {server.login.context} auth can-i --list  # says how to log in again"
