"""Tells each module server which nodes to run, and keeps what it said of them."""

from __future__ import annotations

from collections.abc import Iterable

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import DefinitionError, DeliveryError, did_you_mean
from tinyflow_runtime.rpc.grpc_options import LARGEST

from tinyflow_operator.cache import Key
from tinyflow_operator.desk import MODULE, NODE, PLAN, Desk
from tinyflow_operator.due import Outcome, done, stuck
from tinyflow_operator.kinds import MODULES, Document
from tinyflow_operator.plan import Crossing, Part, plan_of
from tinyflow_operator.running import NodeKey, Process, Told, Verdict, answers

PATIENCE = 5.0  # seconds a module may be away before its nodes say so; most come back earlier
ROOM = 65_536  # bytes of a gRPC message that are not the plan's


class Plans:
    """Reconciles what module servers run, one module at a time each."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def reconcile(self, key: Key) -> Outcome:
        """Bring a module server to the nodes that its flows say."""
        desk = self._desk
        parts = desk.parts_of_module(key)
        process = desk.processes.get(key)
        if process is None or process.description is None or desk.world.get(MODULES, key) is None:
            self._tell_nodes(key, _documents(parts))
            return done()
        if process.away is not None:
            return self._misses(key, process, parts)
        if any(self._was_here(flow, key) for flow in desk.unsettled):
            return done()  # it is due again when that flow has passed
        plan = plan_of(parts, self._addresses(key, parts), process.revision)
        outcome = done()
        if plan.hash != process.plan:
            outcome = await self._apply(key, process, plan, parts)
        if process.plan == plan.hash:
            self._judge(key, process, parts)
        return outcome

    def _misses(self, key: Key, process: Process, parts: list[Part]) -> Outcome:
        left = (process.away or 0.0) + PATIENCE - self._desk.clock()
        if left > 0:
            return done(after=left)
        process.missed = True
        self._tell_nodes(key, _documents(parts))
        return done("does not answer")

    async def _apply(self, key: Key, process: Process, plan: protocol.Plan, parts: list[Part]) -> Outcome:
        if plan.ByteSize() > LARGEST - ROOM:
            what = f"TF-121 The nodes of module {key[1]!r} are {plan.ByteSize():,} bytes, and {LARGEST - ROOM:,} fit."
            self._refused(process, plan, parts, f"{what} Put some into a module of their own.")
            return stuck(what)
        try:
            self._desk.check()
            applied = await process.remote.apply(plan)
        except DefinitionError as error:
            self._refused(process, plan, parts, str(error))
            return stuck(f"the module refused its nodes: {error}")
        except DeliveryError as error:
            process.away = self._desk.clock()
            self._desk.few.add((MODULE, *key))  # makes this due again when it answers
            return done(f"was not told: {error}", after=PATIENCE)
        process.plan = plan.hash
        process.states = answers(applied)
        for module in {one.from_module for part in parts for one in part.incoming}:
            self._desk.few.add((PLAN, key[0], module))  # edges that lead here can be judged now
        return done(f"was told {len(plan.nodes)} nodes, {plan.hash[:12]}")

    def _refused(self, process: Process, plan: protocol.Plan, parts: list[Part], trouble: str) -> None:
        process.plan = plan.hash
        process.states = {key: Told(trouble, running=key in process.verdicts) for key in _documents(parts)}

    def _judge(self, key: Key, process: Process, parts: list[Part]) -> None:
        """Say of every node what its module said, and what only somebody who sees both ends of an edge can say."""
        documents = _documents(parts)
        crossed: dict[NodeKey, str] = {}
        for part in parts:
            for crossing in part.crossings:
                trouble = self._crossing(key[0], part.flow, crossing)
                if trouble:
                    crossed.setdefault((part.flow, crossing.source), trouble)
        ports = {part.name: tuple(part.ports) for part in process.description.components} if process.description else {}
        before, process.verdicts = process.verdicts, {}
        for node, document in documents.items():
            state = process.states.get(node)
            if state is None:
                state = Told("TF-152 The module said nothing of it. Is it of an older TinyFlow?", running=False)
            process.verdicts[node] = Verdict(
                document["metadata"]["generation"],
                state.trouble or crossed.get(node, ""),
                running=state.running or not state.trouble,
                ports=state.ports or ports.get(document["spec"]["component"], ()),
            )
        missed, process.missed = process.missed, False
        changed = [node for node, verdict in process.verdicts.items() if missed or before.get(node) != verdict]
        self._tell_nodes(key, changed)

    def _crossing(self, namespace: str, flow: str, crossing: Crossing) -> str:
        """What is wrong with the far end of an edge into another module; empty when nothing is, or nobody knows."""
        node, _, port = crossing.to.partition(":")
        there = self._desk.processes.get((namespace, crossing.module))
        verdict = there.verdicts.get((flow, node)) if there else None
        if verdict is None or not verdict.ports:
            return ""
        ports = {one.name: one for one in verdict.ports}
        if port in ports and ports[port].direction == "in":
            return ""
        inputs = [one.name for one in verdict.ports if one.direction == "in"]
        listed = f"Inputs of {node}: {', '.join(inputs) or 'none'}."
        if port in ports:
            return f"TF-102 {crossing.to} is an output; an edge leads to an input. Edge {crossing.edge}. {listed}"
        near = did_you_mean(port, inputs)
        return " ".join(
            filter(None, (f"TF-101 {node!r} has no input port {port!r}.", near, f"Edge {crossing.edge}.", listed))
        )

    def _addresses(self, key: Key, parts: list[Part]) -> dict[str, str]:
        peers = {peer for part in parts for peer in part.peers}
        found = {peer: self._desk.processes.get((key[0], peer)) for peer in peers}
        return {peer: process.address for peer, process in found.items() if process is not None}

    def _was_here(self, flow: Key, module: Key) -> bool:
        if flow[0] != module[0]:
            return False
        nodes = self._desk.world.nodes_of_flow(flow).values()
        return any(self._desk.module_of(node) == module[1] for node in nodes)

    def _tell_nodes(self, key: Key, nodes: Iterable[NodeKey]) -> None:
        for flow, name in nodes:
            self._desk.many.add((NODE, key[0], f"{flow}.{name}"))


def _documents(parts: list[Part]) -> dict[NodeKey, Document]:
    return {(part.flow, name): document for part in parts for name, document in part.documents.items()}
