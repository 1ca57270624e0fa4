"""A cluster: where modules run. Kubernetes, or the pocket cluster on this computer."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import Self

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.resources.documents import Document

from .api import Api
from .connections import Connections
from .hot import Hot
from .installing import Installs
from .live import LiveFlow
from .logs import read_logs
from .pocket import Pocket
from .pushing import Pushes

NAMESPACE = "default"  # of a pocket cluster


class Cluster(Pushes, Installs):
    """Where modules run: the kubeconfig's current context; ``Cluster.local()`` is one on this computer.

    Nothing is asked of it before it is used. Use it as a context manager, or ``close`` it.

    Args:
        context: A context of the kubeconfig; its current one unless given.
        namespace: The context's own unless given.

    Raises:
        ClusterError: TF-106, no namespace can be called that. TF-160, no cluster is configured.
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
