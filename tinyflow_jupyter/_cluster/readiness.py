"""Readiness: whether a cluster runs what was pushed, and if not, what it waits for or what failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tinyflow_runtime.documents import Document

from .resources import node_of

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
    waiting, failed, ready, total = list[str](), list[str](), 0, 0
    there = {document["metadata"]["name"]: document for document in modules}
    for name, sha256 in wanted.items():
        total += 1
        document = there.get(name)
        if document is None:
            waiting.append(f"module {name}: there is none")
            continue
        trouble, stuck = _trouble(document)
        revision = (document.get("status") or {}).get("revision", "")
        if not trouble and sha256 and revision and revision != sha256:
            # An older source goes on serving, so the module is Ready; what became of the new one is what counts.
            trouble, stuck = _stalled(document), True
            if not trouble:
                trouble, stuck = f"it runs {revision[:12]} and is to run {sha256[:12]}", False
        if trouble:
            (failed if stuck else waiting).append(f"module {name}: {trouble}")
        else:
            ready += 1
    quiet = list[str]()
    for document in nodes:
        total += 1
        trouble, stuck = _trouble(document)
        if not trouble:
            ready += 1
        elif trouble == NOTHING:
            quiet.append(f"node {node_of(document)}: {trouble}")
        else:
            (failed if stuck else waiting).append(f"node {node_of(document)}: {trouble}")
    said = _condition(flow, "Ready") if flow is not None else None
    if quiet and not waiting and said is not None and said.get("status") != "True" and said.get("message"):
        waiting.append(str(said["message"]).rstrip("."))
    return Readiness(ready, total, (*waiting, *quiet), tuple(failed))


NOTHING = "nobody has said anything of it yet"


def _trouble(document: Document) -> tuple[str, bool]:
    """Why something is not ready (empty when it is), and whether only a change can help."""
    generation = document["metadata"].get("generation", 0)
    ready = _condition(document, "Ready")
    if ready is None or ready.get("observedGeneration", 0) < generation:
        return NOTHING, False
    if ready["status"] == "True":
        return "", False
    stalled = _stalled(document)
    said = stalled or str(ready.get("message", "")).strip().rstrip(".") or str(ready.get("reason", "not ready"))
    return said, bool(stalled)


def _stalled(document: Document) -> str:
    """Why only a change can help; empty when it may yet become ready."""
    stalled = _condition(document, "Stalled")
    current = stalled is not None and stalled.get("observedGeneration", 0) >= document["metadata"].get("generation", 0)
    if stalled is None or stalled["status"] != "True" or not current:
        return ""
    return str(stalled.get("message", "")).strip().rstrip(".") or str(stalled.get("reason", "it failed"))


def _condition(document: Document, kind: str) -> Document | None:
    conditions = (document.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == kind), None)
