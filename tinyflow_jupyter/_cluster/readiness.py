"""Readiness: whether a cluster runs what was pushed, and if not, what it waits for or what failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.names import FAILING

from .resources import node_of

REMARK = 100  # letters of what a flow that is not ready says of it in a heading
TOLD = 4  # things that are named when somebody waited in vain


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far a cluster is with a flow.

    Attributes:
        ready: Nodes and modules that run as they should.
        total: All there are.
        waiting: What is not ready yet, and why.
        failed: What will not become ready unless somebody changes something, and why.
    """

    ready: int
    total: int
    waiting: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything runs as it should."""
        return self.ready == self.total and not self.failed

    def more(self, ready: int, total: int, waiting: str = "") -> Readiness:
        """The same with the nodes that a roll-up has counted."""
        told = (*self.waiting, waiting) if waiting else self.waiting
        return Readiness(self.ready + ready, self.total + total, told, self.failed)

    def story(self) -> str:
        """What there is to say, for a person who waited."""
        told = self.failed or self.waiting
        more = f"; and {len(told) - TOLD} more" if len(told) > TOLD else ""
        return "; ".join(told[:TOLD]) + more or f"{self.ready} of {self.total} are ready"


def readiness(
    modules: Iterable[Document], nodes: Iterable[Document], wanted: Mapping[str, str], flow: Document | None = None
) -> Readiness:
    """The readiness of one flow.

    Args:
        modules: The TinyModules it needs, as far as they are there.
        nodes: Its TinyNodes.
        wanted: By module, the hash of the source that is to run; empty where any will do.
        flow: The TinyFlow, for what its condition says.
    """
    found = _of_modules({document["metadata"]["name"]: document for document in modules}, wanted)
    waiting, failed, quiet = list(found.waiting), list(found.failed), list[str]()
    ready, total = found.ready, found.total
    for document in nodes:
        total += 1
        trouble, stuck = _trouble(document)
        told = f"node {node_of(document)}: {trouble}"
        if not trouble:
            ready += 1
        elif trouble == NOTHING:
            quiet.append(told)
        elif stuck and found.complete:  # with another source, the same node may be fine
            failed.append(told)
        else:
            waiting.append(told)
    said = condition_of(flow, "Ready") if flow is not None else None
    if quiet and not waiting and said is not None and said.get("status") != "True" and said.get("message"):
        waiting.append(str(said["message"]).rstrip("."))
    return Readiness(ready, total, (*waiting, *quiet), tuple(failed))


NOTHING = "nobody has said anything of it yet"


def _of_modules(there: Mapping[str, Document], wanted: Mapping[str, str]) -> Readiness:
    waiting, failed, ready = list[str](), list[str](), 0
    for name, sha256 in wanted.items():
        document = there.get(name)
        if document is None:
            waiting.append(f"module {name}: there is none")
            continue
        trouble, stuck = _trouble(document)
        revision = (document.get("status") or {}).get("revision", "")
        if not trouble and sha256 and revision and revision != sha256:
            trouble, stuck = f"it runs {revision[:12]} and is to run {sha256[:12]}", False
        if not trouble:
            ready += 1
        else:
            (failed if stuck else waiting).append(f"module {name}: {trouble}")
    return Readiness(ready, len(wanted), tuple(waiting), tuple(failed))


def _trouble(document: Document) -> tuple[str, bool]:
    """Why something is not ready (empty when it is), and whether only a change can help."""
    generation = document["metadata"].get("generation", 0)
    found = {kind: condition_of(document, kind) or {} for kind in ("Ready", "Stalled", "Accepted")}
    ready = found["Ready"]
    if ready.get("observedGeneration", -1) < generation:
        return NOTHING, False
    if ready["status"] == "True":
        return "", False
    stuck = found["Stalled"].get("status") == "True" or found["Accepted"].get("status") == "False"
    return str(ready.get("message", "")).strip().rstrip(".") or str(ready.get("reason", "not ready")), stuck


def condition_of(document: Document, kind: str) -> Document | None:
    """One condition of a status; None when nobody has said it."""
    conditions = (document.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == kind), None)


def is_ready(flow: Document) -> bool:
    """Whether the cluster says that it is Ready."""
    return (condition_of(flow, "Ready") or {}).get("status") == "True"


def failing(nodes: Iterable[Document]) -> dict[str, str]:
    """The state ``failed`` of each node that runs and handles no message any more, as the cluster says."""
    return {node_of(node): "failed" for node in nodes if _fails(node)}


def _fails(document: Document) -> bool:
    return (condition_of(document, "Ready") or {}).get("reason") == FAILING


def remark_of(flow: Document) -> str:
    """Why a flow is not ready, or fails, in a line; empty when all is well."""
    if is_ready(flow) and not _fails(flow):
        return ""
    line = str((condition_of(flow, "Ready") or {}).get("message", "")).partition("\n")[0]
    return line if len(line) <= REMARK else line[: REMARK - 1] + "…"


def gateway_of(flow: Document) -> str:
    """Through which its modules are reached, ``namespace/name``; empty where that is directly."""
    return str((flow.get("status") or {}).get("gateway") or "")
