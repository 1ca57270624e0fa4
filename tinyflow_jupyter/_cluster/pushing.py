"""Pushing flows to a cluster, and what changes them there: plan, push, roll back, delete."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.resources.labels import FLOW_LABEL
from tinyflow_runtime.source.archive import Source

from .api import Api
from .confirming import Confirmed, refuse_others, refuse_production
from .hot import Hot
from .live import LiveFlow
from .missing import nothing_to_delete, unknown_flow
from .plan import Plan
from .planning import plan_for, refuse_loss, refuse_refused, try_out
from .pocket import Pocket
from .progress import Progress
from .push import carry_out, pushed_by, revision_before, take_away, wait_until_ready
from .refusals import refuse_other
from .resources import Resources, flow_of, is_image, is_pushed, module_document, resources
from .rights import Right, needed, refuse_missing
from .sources import components_of, sources_of


class Pushes:
    """The part of a cluster that changes what is there."""

    _api: Api
    _pocket: Pocket | None
    _hot: Hot

    def flow(self, name: str) -> LiveFlow:
        """A flow that runs here."""
        raise NotImplementedError

    @property
    def flows(self) -> list[str]:
        """The names of the flows that are here."""
        raise NotImplementedError

    def plan(self, flow: Flow, *, sources: Mapping[str, Source] | None = None) -> Plan:
        """What pushing a flow would create, change and delete, why, and what the cluster would refuse of it.

        The cluster is asked about each change by a dry run, which changes nothing.

        Args:
            flow: Its definition.
            sources: By module, instead of what would be captured.

        Raises:
            TinyFlowError: Something in it cannot be captured, or cannot be written down.
            ClusterError: TF-161, TF-162, the cluster refuses to be read or cannot be reached.
        """
        refuse_other(flow)
        plan = plan_for(self._api, self._wanted(flow, sources), lambda module: components_of(module, flow))
        return try_out(self._api, plan)

    def push(
        self,
        flow: Flow,
        timeout: float | None = 60,
        *,
        sources: Mapping[str, Source] | None = None,
        project: str = "",
        confirm: Confirmed = (),
    ) -> LiveFlow:
        """Bring the cluster to what a flow says; returns when it is Ready there.

        What is there already is left alone: pushing an unchanged flow again writes nothing. Interrupting stops the
        waiting, not what was pushed.

        Args:
            flow: Its definition.
            timeout: Seconds to wait for it to be Ready; None waits for ever.
            sources: By module, instead of what would be captured.
            project: The project it belongs to.
            confirm: The namespace's name where it is production, and who pushed what this replaces.

        Returns:
            The flow as it runs on the cluster.

        Raises:
            ClusterError: TF-164, it is not Ready in time or never will be, and why. TF-161, the cluster refuses it, or
                a right is missing. TF-168, another flow would lose a component. TF-190, it has to be confirmed. TF-191,
                it is somebody else's.
            TinyFlowError: As from ``plan``.
        """
        refuse_other(flow)
        refuse_production(self._api, confirm, "cluster.push(flow")
        progress = Progress(self._title("push", flow.name))
        try:
            progress.say("reading the cells")
            wanted = self._wanted(flow, sources, project)
            plan = plan_for(self._api, wanted, lambda module: components_of(module, flow))
            refuse_loss(plan)
            refuse_others(plan.others, confirm, "cluster.push(flow")
            refuse_missing(self._api, needed(plan.changes), f"push {flow.name!r}")
            if not self._api.login.local:
                progress.say("asking the cluster whether it would take it")
                refuse_refused(try_out(self._api, plan))
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
        """Return when a flow is Ready; see ``LiveFlow.wait_ready``.

        Raises:
            NodeError: TF-107, there is no such flow. ClusterError: TF-164, it is not Ready in time.
        """
        self.flow(name).wait_ready(timeout)

    def delete(self, name: str, *, confirm: Confirmed = ()) -> None:
        """Take a flow away, and the pushed modules that no other flow uses.

        Also what is left of one whose TinyFlow somebody has deleted, and, by its own name, a pushed module in which no
        node is any more.

        Args:
            confirm: The namespace's name where it is production.

        Raises:
            NodeError: TF-107, there is no such flow.
            ClusterError: TF-161, a right is missing. TF-190, it has to be confirmed.
        """
        nodes = self._api.objects("TinyNode")
        ours = [node for node in nodes if flow_of(node) == name]
        others = {node["spec"]["module"] for node in nodes if flow_of(node) != name}
        modules = {node["spec"]["module"] for node in ours} - others
        if not ours and self._api.get("TinyFlow", name) is None:
            modules = {name} - others
            if not modules or not self._has_pushed(name):
                raise nothing_to_delete(self._api, name)
        refuse_production(self._api, confirm, f'cluster.delete("{name}"')
        refuse_missing(self._api, [Right.to("delete", "TinyFlow"), Right.to("delete", "TinyNode")], f"delete {name!r}")
        self._hot.forget(name)
        self._api.delete("TinyFlow", name)
        self._api.many([partial(self._api.delete, "TinyNode", node["metadata"]["name"]) for node in ours])
        for module in sorted(modules):
            if not is_image(module) and self._has_pushed(module):
                self._api.delete("TinyModule", module)

    def rollback(self, name: str, timeout: float | None = 60, *, confirm: Confirmed = ()) -> None:
        """Let the modules of a flow run the source that they ran before; also the name of one module.

        Nodes and edges stay as they are; a push brings the newest source back.

        Args:
            timeout: Seconds to wait for it to be Ready; None waits for ever.
            confirm: The namespace's name where it is production.

        Raises:
            ClusterError: TF-167, there is nothing to go back to. TF-164, it does not become Ready. TF-161, a right is
                missing. TF-190, it has to be confirmed.
        """
        refuse_production(self._api, confirm, f'cluster.rollback("{name}"')
        if self._api.get("TinyFlow", name) is not None:
            nodes = self._api.objects("TinyNode", label=f"{FLOW_LABEL}={name}")
            modules = list(dict.fromkeys(str(node["spec"]["module"]) for node in nodes))
        else:
            modules = [name]
        found = [one for one in (self._api.get("TinyModule", module) for module in modules) if one is not None]
        if not found:
            self._refuse_unknown(name)  # says what there is
        earlier = {module["metadata"]["name"]: revision_before(module) for module in found}
        moved = {module: revision for module, revision in earlier.items() if revision is not None}
        if not moved:
            what = f"{name!r} has run one source only, so there is nothing to go back to."
            raise ClusterError("TF-167", what, "Push another one instead.", where=place.caller())
        refuse_missing(self._api, [Right.to("patch", "TinyModule")], f"roll {name!r} back")
        for module, revision in moved.items():
            pointed = module_document(module, revision["sha256"], revision["configMap"], hot=self._pocket is not None)
            self._api.apply(pushed_by(self._api, pointed))
        hashes = {module: str(revision["sha256"]) for module, revision in moved.items()}
        self._hot.moved(hashes)
        if self._api.get("TinyFlow", name) is not None:
            wait_until_ready(self._api, name, hashes, timeout, Progress(self._title("roll back", name)))

    def _wanted(self, flow: Flow, sources: Mapping[str, Source] | None = None, project: str = "") -> Resources:
        found = sources_of(flow, sources or {})
        return resources(flow, found, hot=self._pocket is not None, project=project)

    def _has_pushed(self, module: str) -> bool:
        document = self._api.get("TinyModule", module)
        return document is not None and is_pushed(document)

    def _refuse_unknown(self, name: str) -> None:
        if self._api.get("TinyFlow", name) is None:
            raise unknown_flow(self._api, name)

    def _title(self, what: str, name: str) -> str:
        """Of a progress bar: what is done, and where."""
        return f"{what} {name}" if self._api.login.local else f"{what} {name} ({self._api.where})"
