"""Tells each TinyNode what became of it."""

from __future__ import annotations

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import did_you_mean
from tinyflow_runtime.ports import NAME_RULE
from tinyflow_runtime.resources.labels import FLOW_LABEL
from tinyflow_runtime.resources.names import FAILING

from tinyflow_operator.cache import Key
from tinyflow_operator.conditions import Condition, status_of
from tinyflow_operator.deep import DEEPEST, is_too_deep
from tinyflow_operator.desk import Desk, is_image
from tinyflow_operator.due import Outcome, done, stuck
from tinyflow_operator.kinds import MODULES, NODES, Document
from tinyflow_operator.names import flow_of, is_named_well, name_of
from tinyflow_operator.running import Verdict
from tinyflow_operator.schemas import LONGEST_SCHEMA
from tinyflow_operator.world import label_of

GRACE = 3.0  # seconds a node may wait before it says so: most waits are shorter than a write is worth
STARTS = 10.0  # the same while a module starts, which says itself how far it came
SCHEMAS = 4_096  # bytes of schemas in one node's status; the module's status has them all


class Nodes:
    """Reconciles TinyNodes."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: dict[Key, float] = {}

    async def reconcile(self, key: Key) -> Outcome:
        """Write a node's status, when it is another than it was."""
        node = self._desk.world.get(NODES, key)
        if node is None:
            self._waiting.pop(key, None)
            return done()
        if not is_named_well(node):
            await self._desk.writer.status(NODES, node, misnamed(node))
            return stuck("is misnamed")
        if is_too_deep(node["spec"]):
            await self._desk.writer.status(NODES, node, unread(node))
            return stuck("is nested too deep")
        module = (key[0], self._desk.module_of(node))
        process = self._desk.processes.get(module)
        named = flow_of(node), name_of(node)
        verdict = process.verdicts.get(named) if process else None
        away = process is not None and process.away is not None
        if process is not None and verdict is not None and not away:
            self._waiting.pop(key, None)
            await self._desk.writer.status(NODES, node, status(node, verdict, process.failing.get(named, "")))
            return done()
        found = self._desk.world.get(MODULES, module)
        if found is not None and process is not None and not away:
            return done()  # its flow has not passed yet, and tells it when it has
        since = self._waiting.setdefault(key, self._desk.clock())
        left = since + (GRACE if found is None or away else STARTS) - self._desk.clock()
        if left > 0:
            return done(after=left)
        if process is not None and away:
            process.missed = True  # when it is back, its nodes have to be told so
        await self._desk.writer.status(NODES, node, self._waits(node, module, away=away))
        return done()

    def _waits(self, node: Document, module: Key, *, away: bool) -> Document:
        """The status of a node that nobody runs yet, and what it waits for."""
        world = self._desk.world
        said = str(node["spec"]["module"])
        found = world.get(MODULES, module)
        if found is None:
            names = [
                one["metadata"]["name"] for one in world.each(MODULES) if one["metadata"]["namespace"] == module[0]
            ]
            reason, text = "NoModule", f"There is no TinyModule {said!r}."
            way_out = did_you_mean(said, names) or "Push the module, or name another one in spec.module."
            if is_image(said):
                text = f"No TinyModule runs the image {said!r}."
                way_out = "Make one with this spec.image, or name a module in spec.module."
        elif away:
            reason, text = "ModuleUnavailable", f"The module {module[1]!r} does not answer."
            way_out = "It is asked again; its own conditions say what is known of it."
        else:
            reason, text = "ModuleNotReady", f"The module {module[1]!r} does not serve yet."
            way_out = f"kubectl describe tinymodule {module[1]} says why."
        message = f"{text} {way_out}"
        accepted = Condition("Accepted", None, "NotAsked", "The module was not asked yet whether it can run it.")
        generation = node["metadata"]["generation"]
        ready = Condition("Ready", False, reason, message)
        ports = (node.get("status") or {}).get("ports")
        return status_of(node, generation=generation, conditions=(accepted, ready), ports=ports)


def unread(node: Document) -> Document:
    """The status of a node that was not read whole."""
    text = f"TF-117 Its settings are nested more than {DEEPEST} deep. Make them flatter."
    conditions = (Condition("Accepted", False, "TooDeep", text), Condition("Ready", False, "NotRunning", text))
    return status_of(node, generation=node["metadata"]["generation"], conditions=conditions)


def misnamed(node: Document) -> Document:
    """The status of a node that no flow can have."""
    text = f"TF-106 {node['metadata']['name']!r} is no name for a node. Call it <flow>.<node>: {NAME_RULE}"
    conditions = (Condition("Accepted", False, "BadName", text), Condition("Ready", False, "NotRunning", text))
    return status_of(node, generation=node["metadata"]["generation"], conditions=conditions)


def status(node: Document, verdict: Verdict, failing: str = "") -> Document:
    """A node's status, as its module has judged it.

    Args:
        failing: Why it handles no message any more, though it runs; empty when it does.
    """
    trouble = verdict.trouble
    flow = label_of(node, FLOW_LABEL)
    if not trouble:
        ready = Condition("Ready", True, "Running", "The module runs it.")
        if failing:  # it is as it was told to be, so who waits for that waits no longer
            ready = Condition("Ready", True, FAILING, failing)
        accepted = Condition("Accepted", True, "Valid", "It is well defined.")
        if flow != flow_of(node):
            wrong = f"The label {FLOW_LABEL} is {flow!r}. Make it {flow_of(node)!r}, as the name says."
            accepted = Condition("Accepted", False, "WrongLabel", wrong)
    else:
        accepted = Condition("Accepted", False, "Refused", trouble)
        if verdict.running:
            ready = Condition("Ready", False, "RunsAsBefore", f"{trouble} The rest runs on as it was.")
        else:
            ready = Condition("Ready", False, "NotRunning", trouble)
    ports = _ports(verdict.ports) or None
    return status_of(node, generation=verdict.generation, conditions=(accepted, ready), ports=ports)


def _ports(ports: tuple[protocol.Port, ...]) -> list[Document]:
    left = SCHEMAS
    said = []
    for port in ports:
        document = {"name": port.name, "direction": port.direction, "type": port.type[:1024]}
        if port.schema and len(port.schema) <= min(left, LONGEST_SCHEMA):
            left -= len(port.schema)
            document["schema"] = port.schema
        # Left out rather than empty: older Kubernetes makes null of an empty text.
        said.append({name: part for name, part in document.items() if part})
    return said
