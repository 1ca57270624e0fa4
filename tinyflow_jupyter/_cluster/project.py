"""A project: a set of flows, connected to a single cluster."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError, NodeError, did_you_mean
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.ports import NAME_RULE, is_label
from tinyflow_runtime.resources.documents import VERSION
from tinyflow_runtime.resources.labels import PROJECT_LABEL

from .cluster import Cluster
from .confirming import Confirmed, refuse_production
from .live import LiveFlow
from .refusals import refuse_other

_of: weakref.WeakValueDictionary[str, Project] = weakref.WeakValueDictionary()  # by name, as long as somebody has it


class Project:
    """A set of flows on one cluster. Making it again with the same cluster, as running a cell again does, is the same.

    Args:
        name: A DNS label; on the cluster it names a TinyProject.
        cluster: The one it is connected to, for good.

    Raises:
        ClusterError: TF-165, the project is on another cluster.
    """

    cluster: Cluster

    def __init__(self, name: str, cluster: Cluster) -> None:
        if not is_label(name):
            raise NodeError("TF-106", f"{name!r} is no name for a project.", NAME_RULE, where=place.caller())
        if not isinstance(cluster, Cluster):
            what = f"A project is connected to a cluster, and this is a {type(cluster).__name__}."
            raise ClusterError("TF-160", what, "Give it one: tf.Cluster() or tf.Cluster.local().", where=place.caller())
        other: Project | None = _of.get(name)
        if other is not None and not other.cluster.closed and not other.cluster.same(cluster):
            raise ClusterError(
                "TF-165",
                f"Project {name!r} is on {other.cluster}; a project has one cluster.",
                "Take another name for the project on the second cluster.",
                where=place.caller(),
            )
        self.name, self.cluster = name, cluster
        self._flows: dict[str, Flow] = dict(other._flows) if other is not None and not other.cluster.closed else {}
        _of[name] = self

    def add(self, flow: Flow) -> None:
        """Put a flow into the project; a later one of the same name replaces it. ``push`` brings it to the cluster.

        Raises:
            ClusterError: TF-165, the flow is in a project on another cluster.
        """
        refuse_other(flow)
        for other in list(_of.values()):
            foreign = not other.cluster.closed and not other.cluster.same(self.cluster)
            if foreign and other._flows.get(flow.name) is flow:
                raise ClusterError(
                    "TF-165",
                    f"Flow {flow.name!r} is in project {other.name!r}, which is on {other.cluster}.",
                    "A flow of a project stays on the project's cluster; make another flow for this one.",
                    where=place.caller(),
                )
        self._flows[flow.name] = flow

    def push(self, *flows: Flow, timeout: float | None = 60, confirm: Confirmed = ()) -> list[LiveFlow]:
        """Push every flow that was added; returns them as they run on the cluster.

        Args:
            flows: Those to add first; only these are pushed then.
            timeout: Seconds for each to be Ready; None waits for ever.
            confirm: As of ``Cluster.push``.

        Raises:
            TinyFlowError: As from ``Cluster.push``; the flows before it are pushed.
        """
        refuse_production(self.cluster._api, confirm, "project.push(timeout=60")
        for flow in flows:
            self.add(flow)
        self.cluster.apply({"apiVersion": VERSION, "kind": "TinyProject", "metadata": {"name": self.name}, "spec": {}})
        push = self.cluster.push
        return [push(flow, timeout, project=self.name, confirm=confirm) for flow in flows or self._flows.values()]

    def names(self) -> list[str]:
        """The names of its flows: those that were added here, and those that are on the cluster."""
        return list(dict.fromkeys([*self._flows, *self.cluster.labelled(PROJECT_LABEL, self.name)]))

    def __getitem__(self, name: str) -> LiveFlow | Flow:
        """The flow as it runs on the cluster; one that was only added, as it was defined.

        Raises:
            NodeError: TF-107, the project has no such flow.
        """
        if name in self.cluster.labelled(PROJECT_LABEL, self.name):
            return self.cluster.flow(name)
        if name in self._flows:
            return self._flows[name]
        known = self.names()
        what = f"Project {self.name!r} has no flow {name!r}."
        there = f"Flows: {', '.join(known) or 'none'}."
        raise NodeError("TF-107", what, did_you_mean(name, known), there, where=place.caller())

    def __iter__(self) -> Iterator[LiveFlow | Flow]:
        return (self[name] for name in self.names())

    def __len__(self) -> int:
        return len(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __repr__(self) -> str:
        return f"Project {self.name} on {self.cluster}: {', '.join(self.names()) or 'no flows yet'}"
