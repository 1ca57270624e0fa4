"""Lets a flow pass as a whole, and rolls up what its nodes say."""

from __future__ import annotations

from dataclasses import dataclass

from tinyflow_runtime.resources.labels import NODES_SHA256
from tinyflow_runtime.resources.names import FAILING

from tinyflow_operator.cache import Key
from tinyflow_operator.conditions import Condition, condition_of, status_of
from tinyflow_operator.desk import NODE, Desk, is_image
from tinyflow_operator.due import Outcome, done
from tinyflow_operator.gate import Gate, wanted_hash
from tinyflow_operator.kinds import FLOWS, MODULES, Document
from tinyflow_operator.names import flow_of, name_of
from tinyflow_operator.plan import parts_of
from tinyflow_operator.podtrouble import CRASH_LOOP
from tinyflow_operator.world import Nodes


class Flows:
    """Reconciles TinyFlows, and flows that only their nodes tell of."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def reconcile(self, key: Key) -> Outcome:
        """Let the nodes pass when they may; write the flow's status when it is another than it was."""
        desk = self._desk
        nodes = desk.world.nodes_of_flow(key)
        flow = desk.world.get(FLOWS, key)
        if not nodes and flow is None:
            self._gone(key)
            return done("is gone")
        gate = desk.gate(key)
        wanted = wanted_hash(flow, NODES_SHA256)
        left = gate.look(wanted, clock=desk.clock())
        if not left:
            drifted = bool(wanted) and wanted != gate.sha256
            self._let(key, gate, nodes, drifted=drifted)
        if flow is not None:
            trouble = _trouble(nodes, desk.world.failing(key))
            crashing = self._crashing(key[0], gate)
            erring = _trouble(nodes, desk.world.erring(key))
            tally = Tally(len(nodes), len(desk.world.not_ready(key)), trouble, crashing, erring)
            await self._tell(flow, tally, gate, waits=bool(left))
        return done(after=left or None)

    def _let(self, key: Key, gate: Gate, nodes: Nodes, *, drifted: bool) -> None:
        passed = gate.passed
        same = passed is not None and not gate.dirty and passed.drifted == drifted
        if same and not gate.homes:
            return
        homes = {name: self._desk.module_of(node) for name, node in nodes.items() if is_image(node["spec"]["module"])}
        if same and homes == gate.homes:
            return
        before = passed.parts if passed else {}
        parts = parts_of(nodes, self._desk.module_of)
        gate.let(parts, drifted=drifted, homes=homes)
        self._desk.unsettled.discard(key)
        self._desk.passed(key, before, parts)
        for name in {f"{key[1]}.{name}" for part in before.values() for name in part.documents} ^ nodes.keys():
            self._desk.many.add((NODE, key[0], name))

    def _gone(self, key: Key) -> None:
        gate = self._desk.gates.get(key)
        self._desk.unsettled.discard(key)
        if gate is not None and gate.passed is not None:
            before = gate.passed.parts
            self._desk.passed(key, before, ())
        self._desk.gates.pop(key, None)

    def _crashing(self, namespace: str, gate: Gate) -> str:
        """What the first of its modules says whose process keeps ending: between two ends, its nodes run."""
        for name in sorted(gate.passed.parts if gate.passed else ()):
            ready = condition_of(self._desk.world.get(MODULES, (namespace, name)), "Ready")
            if ready.get("reason") == CRASH_LOOP:
                return f"module {name}: {ready['message']}"
        return ""

    async def _tell(self, flow: Document, tally: Tally, gate: Gate, *, waits: bool) -> None:
        said = status(flow, tally, gate, waits=waits, gateway=self._desk.gateway)
        old = condition_of(flow, "Ready")
        new = condition_of({"status": said}, "Ready")
        if (old.get("status"), old.get("reason")) != (new["status"], new["reason"]) and new["reason"] != "Progressing":
            warning = new["status"] != "True" or new["reason"] == FAILING
            await self._desk.writer.event(FLOWS, flow, new["reason"], new["message"], warning=warning)
        await self._desk.writer.status(FLOWS, flow, said)


@dataclass(frozen=True, slots=True)
class Tally:
    """How it stands with the nodes of a flow.

    Attributes:
        total: All there are.
        waiting: Those that are not ready.
        trouble: What the first of them says; empty when none says anything yet.
        crashing: What a module says whose process keeps ending; empty when there is none.
        erring: What the first says that runs and handles no message any more.
    """

    total: int
    waiting: int
    trouble: str
    crashing: str = ""
    erring: str = ""


def status(flow: Document, tally: Tally, gate: Gate, *, waits: bool, gateway: str = "") -> Document:
    """A flow's status: how many of its nodes are ready, and the first trouble there is.

    Args:
        waits: Its nodes are not yet those that were pushed together.
        gateway: Where a notebook reaches its modules.
    """
    passed = gate.passed
    ready, trouble = tally.total - tally.waiting, tally.trouble
    summary = f"{ready}/{tally.total} nodes ready"
    if not tally.total:
        wanted = wanted_hash(flow, NODES_SHA256)
        empty = bool(wanted) and not waits
        condition = Condition("Ready", empty, "NoNodes", "It has no nodes.")
    elif waits:
        condition = Condition("Ready", False, "Progressing", f"{summary}; waits for all nodes that are pushed with it.")
    elif tally.crashing:
        condition = Condition("Ready", False, CRASH_LOOP, tally.crashing)
    elif tally.waiting:
        reason = "NodesNotReady" if trouble else "Progressing"
        condition = Condition("Ready", False, reason, f"{summary}. {trouble}".rstrip(". ") + ".")
    elif tally.erring:
        condition = Condition("Ready", True, FAILING, f"{summary}. {tally.erring}")
    elif passed is not None and passed.drifted:
        text = f"{summary}; they are not those that were pushed. Push again to have those."
        condition = Condition("Ready", True, "Drifted", text)
    else:
        condition = Condition("Ready", True, "Running", f"{summary}.")
    progressing = waits or (tally.waiting > 0 and not trouble)
    moves = Condition("Progressing", progressing, "Applying" if progressing else "Settled", summary)
    accepted = Condition("Accepted", True, "Valid", "It is well defined.")
    return status_of(
        flow,
        generation=flow["metadata"]["generation"],
        conditions=(accepted, condition, moves),
        nodes={"total": tally.total, "ready": ready},
        summary=summary,
        nodesSha256=passed.sha256 if passed else None,
        gateway=gateway or None,
    )


def _trouble(nodes: Nodes, failing: set[str]) -> str:
    """What the first node says of those that say why they are not ready, or fail."""
    if not failing:
        return ""
    first = nodes[min(failing)]
    return f"{name_of(first)}: {condition_of(first, 'Ready')['message']}"


def key_of_node(node: Document) -> Key:
    """Namespace and name of the flow that a node belongs to."""
    return node["metadata"]["namespace"], flow_of(node)
