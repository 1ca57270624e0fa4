"""The kinds of objects we read and write, and where their API is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tinyflow_runtime.resources.names import KINDS

Document = dict[str, Any]  # an object as JSON has it: whatever people write


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object, and where its API is."""

    name: str
    plural: str
    group: str = "tinyflow.dev"
    version: str = "v1alpha1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As documents say it: ``tinyflow.dev/v1alpha1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str = "", name: str = "", part: str = "") -> str:
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return "/".join(piece for piece in (root + place, self.plural, name, part) if piece)


NODES = Kind("TinyNode", KINDS["TinyNode"])
MODULES = Kind("TinyModule", KINDS["TinyModule"])
FLOWS = Kind("TinyFlow", KINDS["TinyFlow"])
PROJECTS = Kind("TinyProject", KINDS["TinyProject"])
SIGNALS = Kind("TinySignal", KINDS["TinySignal"])
CONFIGMAPS = Kind("ConfigMap", "configmaps", "", "v1")
SECRETS = Kind("Secret", "secrets", "", "v1")
SERVICES = Kind("Service", "services", "", "v1")
PODS = Kind("Pod", "pods", "", "v1")
ACCOUNTS = Kind("ServiceAccount", "serviceaccounts", "", "v1")
EVENTS = Kind("Event", "events", "", "v1")
DEPLOYMENTS = Kind("Deployment", "deployments", "apps", "v1")
LEASES = Kind("Lease", "leases", "coordination.k8s.io", "v1")
DEFINITIONS = Kind("CustomResourceDefinition", "customresourcedefinitions", "apiextensions.k8s.io", "v1", False)
NAMESPACES = Kind("Namespace", "namespaces", "", "v1", False)

OURS = (MODULES, NODES, FLOWS, PROJECTS, SIGNALS)
