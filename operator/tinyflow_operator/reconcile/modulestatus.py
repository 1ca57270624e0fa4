"""A module's status, made of what was seen of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tinyflow_runtime import protocol

from tinyflow_operator.conditions import Condition, status_of
from tinyflow_operator.kinds import Document
from tinyflow_operator.podtemplate import Code
from tinyflow_operator.podtrouble import CRASH_LOOP, Trouble
from tinyflow_operator.revisions import SHORT, kept
from tinyflow_operator.schemas import LONGEST_SCHEMA
from tinyflow_operator.sources import Unfit

LARGEST = 512 * 1024  # bytes of all schemas in one status: an object of Kubernetes holds 1.5 MB


@dataclass(slots=True)
class Seen:
    """What was seen of a module in one look.

    Attributes:
        external: Somebody else runs it: it has neither a source nor an image.
        code: Its source, verified.
        unfit: Why it cannot be used.
        address: Where its process listens; empty when there is none.
        address_is_foreign: Somebody else wrote the address into the status.
        description: What its process holds; None when it did not answer.
        unreachable: Why it did not answer.
        trouble: Why the running process did not take the wanted source.
        stuck: Why a pod with the wanted source does not serve.
        loop: Why its process counts as one that keeps ending, though it may serve right now.
        pods: How many there are.
        certificate: Until when the one that it has is valid, and of which authority it is.
    """

    external: bool = False
    code: Code | None = None
    unfit: Unfit | None = None
    address: str = ""
    address_is_foreign: bool = False
    description: protocol.Description | None = None
    unreachable: str = ""
    trouble: str = ""
    stuck: Trouble | None = None
    loop: str = ""
    pods: int = 0
    certificate: Document | None = None


def status(module: Document, seen: Seen) -> Document:
    """The whole status of a module."""
    old = module.get("status") or {}
    description = seen.description
    revision = description.revision if description else str(old.get("revision", ""))
    ready, moves = _ready(module, seen, revision)
    stalled = not ready.status and not moves and ready.reason not in ("NoPod", "Unreachable")
    conditions = [_accepted(seen)]
    if module["spec"].get("source"):
        conditions.append(_verified(seen))
    conditions += [
        ready,
        Condition("Progressing", moves, ready.reason if moves else "Settled", ready.message if moves else "It rests."),
        Condition(
            "Stalled", stalled, ready.reason if stalled else "NotStalled", ready.message if stalled else "It is not."
        ),
    ]
    components = _components(description) if description else old.get("components")
    revisions = old.get("revisions")
    if seen.code is not None and seen.unfit is None:
        outcome = "Serving" if ready.status else "Loading" if moves or not stalled else "Failed"
        revisions = kept(
            old.get("revisions", []),
            wanted=seen.code.sha256,
            serving=revision if seen.address else "",
            config_map=seen.code.config_map,
            outcome=outcome,
            message=ready.message if outcome == "Failed" else "",
        )
    return status_of(
        module,
        generation=module["metadata"]["generation"],
        conditions=conditions,
        address=None if seen.address_is_foreign else seen.address or None,
        version=(description.version if description else old.get("version")) or None,
        revision=revision or None,
        components=components or None,
        revisions=revisions or None,
        certificate=seen.certificate,
    )


def _accepted(seen: Seen) -> Condition:
    if seen.unfit is not None and seen.unfit.condition == "Accepted":
        return Condition("Accepted", False, seen.unfit.reason, seen.unfit.message)
    return Condition("Accepted", True, "Valid", "It is well defined.")


def _verified(seen: Seen) -> Condition:
    if seen.unfit is None:
        return Condition("SourceVerified", True, "Verified", "The source is the one that the hash says.")
    if seen.unfit.condition == "SourceVerified":
        return Condition("SourceVerified", False, seen.unfit.reason, seen.unfit.message)
    return Condition("SourceVerified", None, "NotLookedAt", "It is looked at when the spec is in order.")


def _ready(module: Document, seen: Seen, revision: str) -> tuple[Condition, bool]:
    """The condition Ready, and whether it will change by itself."""
    on = f" Revision {revision[:SHORT]} serves on." if seen.description and revision else ""
    if seen.description and not on:
        on = " What ran serves on."
    if seen.unfit is not None:
        return Condition("Ready", False, seen.unfit.reason, f"{seen.unfit.message}{on}"), False
    if seen.loop and not seen.trouble and (seen.code is None or revision == seen.code.sha256):  # it did load once
        return Condition("Ready", False, CRASH_LOOP, seen.loop), False
    trouble = Trouble("LoadFailed", seen.trouble) if seen.trouble else seen.stuck
    if seen.description is None:
        if seen.unreachable:
            return Condition("Ready", False, "Unreachable", seen.unreachable), False
        if trouble:
            return Condition("Ready", False, trouble.reason, trouble.message), False
        if seen.external:
            text = f"No Pod with the label tinyflow.dev/module={module['metadata']['name']} is ready."
            return Condition(
                "Ready", False, "NoPod", f"{text} Start one, or give the module a source or an image."
            ), False
        text = "Its process is being started." if seen.pods else "Its Deployment has no pod yet."
        return Condition("Ready", False, "Starting", text), True
    if seen.code is None or revision == seen.code.sha256:
        what = f"revision {revision[:SHORT]}" if revision else f"at {seen.address}"
        return Condition("Ready", True, "Serving", f"It serves {what}."), False
    if trouble:
        return Condition("Ready", False, trouble.reason, f"{trouble.message}{on}"), False
    return Condition("Ready", False, "Loading", f"Revision {seen.code.sha256[:SHORT]} is being loaded.{on}"), True


def _components(description: protocol.Description) -> list[Document]:
    left = LARGEST
    said = []
    for component in sorted(description.components, key=lambda one: one.name):
        ports = []
        for port in component.ports:
            document: Document = {
                "name": port.name,
                "direction": port.direction,
                "type": port.type[:1024],
                "label": port.label[:253],
                "position": port.position,
                "status": port.status,
                "settings": port.settings,
            }
            if port.schema and len(port.schema) <= min(left, LONGEST_SCHEMA):
                left -= len(port.schema)
                document["schema"] = port.schema
            ports.append(_without_empty(document))
        document = {
            "name": component.name,
            "description": component.description[:4096],
            "tags": list(component.tags)[:64],
            "ports": ports,
        }
        said.append(_without_empty(document))
    return said


def _without_empty(document: Document) -> Document:
    """Older Kubernetes makes null of an empty text, and false says no more than nothing."""
    return {name: part for name, part in document.items() if part}
