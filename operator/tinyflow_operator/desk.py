"""What every reconciler has at hand: the world, a pen, the processes that run, and the list of what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tinyflow_operator.cache import Key
from tinyflow_operator.certificates import Certificates
from tinyflow_operator.configuration import Configuration
from tinyflow_operator.due import Due
from tinyflow_operator.gate import Gate
from tinyflow_operator.kinds import FLOWS, MODULES, NODES, PROJECTS, SIGNALS, Document
from tinyflow_operator.plan import Part
from tinyflow_operator.running import Processes
from tinyflow_operator.world import World
from tinyflow_operator.writer import Writer

MODULE, NODE, FLOW = MODULES.name, NODES.name, FLOWS.name
PROJECT, SIGNAL = PROJECTS.name, SIGNALS.name
ACCOUNT = "Accounts of namespace"  # made by us for each that has a flow
PLAN = "Plan of module"  # no kind of the cluster's: what a module server is told


@dataclass(slots=True)
class Desk:
    """Shared by all reconcilers.

    Attributes:
        few: What is due of modules, plans, flows, projects and signals.
        many: What is due of nodes: a thousand of them must not keep a module waiting.
        gates: Of each flow.
        unsettled: Flows that were there before us and have not passed yet: what they run must not be stopped.
        configuration: Of the pods of modules.
        clock: Seconds, only forward.
        gateway: The Service by which notebooks reach modules, ``namespace/name``; empty: directly.
        certificates: Of modules; None where nobody has to prove who it is.
    """

    world: World
    writer: Writer
    processes: Processes
    few: Due
    many: Due
    configuration: Configuration
    clock: Callable[[], float]
    gateway: str = ""
    certificates: Certificates | None = None
    gates: dict[Key, Gate] = field(default_factory=dict)
    unsettled: set[Key] = field(default_factory=set)
    _flows_of_module: dict[Key, set[Key]] = field(default_factory=dict)

    def check(self) -> None:
        """Ask whether we may work still, before something is told to a module; the API's requests ask by themselves.

        Raises:
            ClusterError: TF-189.
        """
        self.writer.kube.guard()

    def gate(self, flow: Key) -> Gate:
        """Through which the nodes of a flow pass."""
        return self.gates.setdefault(flow, Gate())

    def module_of(self, node: Document) -> str:
        """The TinyModule a node belongs to; empty when it names an image that none runs."""
        said = str(node["spec"]["module"])
        if not is_image(said):
            return said
        namespace = node["metadata"]["namespace"]
        running = [
            module["metadata"]["name"]
            for module in self.world.each(MODULES)
            if module["metadata"]["namespace"] == namespace and module["spec"].get("image") == said
        ]
        return min(running, default="")

    def flows_of_module(self, module: Key) -> list[Key]:
        """The flows that passed and have nodes in a module."""
        return sorted(self._flows_of_module.get(module, ()))

    def parts_of_module(self, module: Key) -> list[Part]:
        """What each flow that passed says to a module."""
        flows = self._flows_of_module.get(module, ())
        passed = [self.gates[flow].passed for flow in flows]
        return [one.parts[module[1]] for one in passed if one is not None]

    def neighbours(self, module: Key) -> set[str]:
        """The modules that share a flow with one, itself among them."""
        passed = [self.gates[flow].passed for flow in self._flows_of_module.get(module, ())]
        return {name for one in passed if one is not None for name in one.parts} | {module[1]}

    def passed(self, flow: Key, before: Iterable[str], after: Iterable[str]) -> None:
        """A flow has other parts now: the modules that had one, and those that have one, are to be told."""
        namespace = flow[0]
        before, after = set(before), set(after)
        for name in before - after:
            self._flows_of_module.get((namespace, name), set()).discard(flow)
        for name in after:
            self._flows_of_module.setdefault((namespace, name), set()).add(flow)
        for name in before | after:
            self.few.add((PLAN, namespace, name))


def is_image(module: str) -> bool:
    """Whether what a node calls its module is a container image."""
    return "/" in module or ":" in module
