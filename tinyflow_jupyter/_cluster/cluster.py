"""A cluster: where modules run. Kubernetes, or the pocket cluster on this computer."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Self

from tinyflow_runtime import place
from tinyflow_runtime.documents import Document
from tinyflow_runtime.errors import ClusterError, NodeError, did_you_mean
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.labels import FLOW_LABEL
from tinyflow_runtime.source import Source

from .api import Api
from .connections import Connections
from .hot import Hot
from .installing import Installs
from .live import LiveFlow
from .logs import read_logs
from .plan import Plan
from .planning import plan_for, refuse_loss
from .pocket import Pocket
from .progress import Progress
from .push import carry_out, sources_wanted, take_away, wait_until_ready
from .refusals import refuse_other
from .resources import Resources, flow_of, is_image, is_pushed, module_document, resources
from .sources import components_of, sources_of

NAMESPACE = "default"  # of a pocket cluster


class Cluster(Installs):
    """Where modules run: the kubeconfig's current context; ``Cluster.local()`` is one on this computer.

    Nothing is asked of it before it is used. Use it as a context manager, or ``close`` it.

    Args:
        context: A context of the kubeconfig; its current one unless given.
        namespace: The context's own unless given.

    Raises:
        ClusterError: TF-160, no cluster is configured.
    """

    def __init__(self, context: str | None = None, *, namespace: str | None = None) -> None:
        self._begin(Api.of_context(context, namespace), None)

    @classmethod
    def local(cls, name: str | None = None, *, detach: bool = False) -> Self:
        """A pocket cluster: the real operator and real module processes, on this computer, without Kubernetes.

        Args:
            name: One that runs under that name is used; without a name it is a new one of this kernel's own.
            detach: Let it run on when this kernel ends; ``end()`` ends it.

        Raises:
            ClusterError: TF-160, it did not start.
        """
        pocket = Pocket.open(name, detach=detach)
        try:
            cluster = cls.__new__(cls)
            cluster._begin(Api.of_file(pocket.kubeconfig, NAMESPACE, name or "pocket"), pocket)
        except BaseException:
            pocket.close()
            raise
        return cluster

    def _begin(self, api: Api, pocket: Pocket | None) -> None:
        self._api, self._pocket = api, pocket
        self._connections = Connections(api)
        self._hot = Hot(api, pocket.folder / "logs" if pocket is not None else None)
        self.closed = False
        atexit.register(self.close)

    def plan(self, flow: Flow, *, sources: Mapping[str, Source] | None = None) -> Plan:
        """What pushing a flow would create, change and delete, and why. Nothing is changed.

        Args:
            flow: Its definition.
            sources: By module, instead of what would be captured.

        Raises:
            TinyFlowError: Something in it cannot be captured, or cannot be written down.
            ClusterError: TF-161, TF-162, the cluster refuses to be read or cannot be reached.
        """
        refuse_other(flow)
        return plan_for(self._api, self._wanted(flow, sources), lambda module: components_of(module, flow))

    def push(
        self,
        flow: Flow,
        timeout: float | None = 60,
        *,
        sources: Mapping[str, Source] | None = None,
        project: str = "",
    ) -> LiveFlow:
        """Bring the cluster to what a flow says; returns when it is Ready there.

        What is there already is left alone: pushing an unchanged flow again writes nothing. Interrupting stops the
        waiting, not what was pushed.

        Args:
            flow: Its definition.
            timeout: Seconds to wait for it to be Ready; None waits for ever.
            sources: By module, instead of what would be captured.
            project: The project it belongs to.

        Returns:
            The flow as it runs on the cluster.

        Raises:
            ClusterError: TF-164, it is not Ready in time or never will be, and why. TF-168, another flow would lose a
                component.
            TinyFlowError: As from ``plan``.
        """
        refuse_other(flow)
        progress = Progress(f"push {flow.name}")
        try:
            progress.say("reading the cells")
            wanted = self._wanted(flow, sources, project)
            plan = plan_for(self._api, wanted, lambda module: components_of(module, flow))
            refuse_loss(plan)
            carry_out(self._api, plan, progress)
            hashes = {name: source.sha256 for name, source in wanted.sources.items()}
            wait_until_ready(self._api, flow.name, hashes, timeout, progress)
            take_away(self._api, plan)
        except BaseException:
            progress.leave()
            raise
        progress.end(f"{len(flow.nodes)} node{'' if len(flow.nodes) == 1 else 's'} ready on {self._api.context}")
        if self._pocket is not None and sources is None:
            self._hot.keep(flow, hashes, wanted.sources)
        return self.flow(flow.name)

    def wait_ready(self, name: str, timeout: float | None = 60) -> None:
        """Return when a flow is Ready.

        Raises:
            ClusterError: TF-164, it is not in time, or never will be; it says what it waits for.
        """
        self._refuse_unknown(name)
        progress = Progress(f"wait for {name}")
        try:
            wait_until_ready(self._api, name, sources_wanted(self._api, name), timeout, progress)
        finally:
            progress.leave()

    def delete(self, name: str) -> None:
        """Take a flow away, and the pushed modules that no other flow uses.

        Raises:
            NodeError: TF-107, there is no such flow.
        """
        self._refuse_unknown(name)
        nodes = self._api.objects("TinyNode")
        ours = [node for node in nodes if flow_of(node) == name]
        others = {node["spec"]["module"] for node in nodes if flow_of(node) != name}
        self._hot.forget(name)
        self._api.delete("TinyFlow", name)
        self._api.many([partial(self._api.delete, "TinyNode", node["metadata"]["name"]) for node in ours])
        for module in {node["spec"]["module"] for node in ours} - others:
            document = None if is_image(module) else self._api.get("TinyModule", module)
            if document is not None and is_pushed(document):
                self._api.delete("TinyModule", module)

    def rollback(self, name: str, timeout: float | None = 60) -> None:
        """Let the modules of a flow run the source that they ran before; also the name of one module.

        Nodes and edges stay as they are; a push brings the newest source back.

        Raises:
            ClusterError: TF-167, there is nothing to go back to. TF-164, it does not become Ready.
        """
        if self._api.get("TinyFlow", name) is not None:
            nodes = self._api.objects("TinyNode", label=f"{FLOW_LABEL}={name}")
            modules = list(dict.fromkeys(str(node["spec"]["module"]) for node in nodes))
        else:
            modules = [name]
        found = [one for one in (self._api.get("TinyModule", module) for module in modules) if one is not None]
        if not found:
            self._refuse_unknown(name)  # says what there is
        earlier = {module["metadata"]["name"]: _revision_before(module) for module in found}
        moved = {module: revision for module, revision in earlier.items() if revision is not None}
        if not moved:
            what = f"{name!r} has run one source only, so there is nothing to go back to."
            raise ClusterError("TF-167", what, "Push another one instead.", where=place.caller())
        for module, revision in moved.items():
            pointed = module_document(module, revision["sha256"], revision["configMap"], hot=self._pocket is not None)
            self._api.apply(pointed)
        hashes = {module: str(revision["sha256"]) for module, revision in moved.items()}
        self._hot.moved(hashes)
        if self._api.get("TinyFlow", name) is not None:
            wait_until_ready(self._api, name, hashes, timeout, Progress(f"roll {name} back"))

    def logs(self, flow: str | LiveFlow | Flow, node: str | None = None, *, lines: int = 100) -> str:
        """What the module processes of a flow wrote last; of one node, what its module wrote.

        Raises:
            NodeError: TF-107, there is no such flow or node.
        """
        name = flow if isinstance(flow, str) else flow.name
        live = self.flow(name)
        folder = self._pocket.folder / "logs" if self._pocket is not None else None
        return read_logs(self._api, live.modules(node), lines, folder=folder)

    def flow(self, name: str) -> LiveFlow:
        """A flow that runs here, to send to, look at and wait for.

        Raises:
            NodeError: TF-107, there is no such flow.
        """
        return LiveFlow(name, self._connections)

    @property
    def flows(self) -> list[str]:
        """The names of the flows that are here."""
        return [str(document["metadata"]["name"]) for document in self._api.objects("TinyFlow")]

    @property
    def projects(self) -> list[str]:
        """The names of the projects that are here."""
        return [str(document["metadata"]["name"]) for document in self._api.objects("TinyProject")]

    def labelled(self, label: str, value: str) -> list[str]:
        """The names of the flows with a label."""
        return [str(each["metadata"]["name"]) for each in self._api.objects("TinyFlow", label=f"{label}={value}")]

    def apply(self, document: Document) -> None:
        """Server-side apply of a resource: what it says becomes a push's, everything else stays."""
        self._api.apply(document)

    def same(self, other: Cluster) -> bool:
        """Whether two objects stand for the same namespace of the same cluster."""
        return (self._api.host, self._api.namespace) == (other._api.host, other._api.namespace)

    @property
    def kubeconfig(self) -> Path | None:
        """Of a pocket cluster: the file that kubectl takes, ``kubectl --kubeconfig=…``."""
        return Path(self._pocket.kubeconfig) if self._pocket is not None else None

    def close(self) -> None:
        """End what this object began: its connections, and a pocket cluster that was neither detached nor found."""
        if self.closed:
            return
        self.closed = True
        atexit.unregister(self.close)
        self._hot.close()
        self._connections.close()
        self._api.close()
        if self._pocket is not None:
            self._pocket.close()

    def end(self) -> None:
        """End a pocket cluster for everybody, with all its modules.

        Raises:
            ClusterError: TF-161, it is not one of this computer.
        """
        if self._pocket is None:
            what = f"{self._api.context!r} is no pocket cluster, so it is not ended from here."
            raise ClusterError("TF-161", what, "Take flows away with cluster.delete(name).", where=place.caller())
        self.close()
        self._pocket.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = (
            f"namespace {self._api.namespace}" if self._pocket is None else f"pocket cluster in {self._pocket.folder}"
        )
        return f"Cluster {self._api.context} ({where})"

    def _wanted(self, flow: Flow, sources: Mapping[str, Source] | None = None, project: str = "") -> Resources:
        found = sources_of(flow, sources or {})
        return resources(flow, found, hot=self._pocket is not None, project=project)

    def _refuse_unknown(self, name: str) -> None:
        if self._api.get("TinyFlow", name) is None:
            known = self.flows
            what = f"There is no flow {name!r} on {self._api.context}."
            there = f"Flows: {', '.join(known) or 'none'}."
            raise NodeError("TF-107", what, did_you_mean(name, known), there, where=place.caller())


def _revision_before(module: Document) -> Document | None:
    """The newest source that served before the one that is to run; None when there was none."""
    wanted = (module["spec"].get("source") or {}).get("sha256")
    kept = (module.get("status") or {}).get("revisions") or ()
    others = [each for each in kept if each["sha256"] != wanted]  # the newest first
    serves = [each for each in others if each.get("outcome") == "Serving"]
    served = [each for each in others if each.get("outcome") == "Served"]
    return next(iter(serves + served), None)
