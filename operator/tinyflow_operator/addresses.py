"""Addresses: where the modules are right now, as their status says."""

from __future__ import annotations

from tinyflow_runtime.errors import ModuleUnavailable, did_you_mean
from tinyflow_runtime.rpc.gateway import no_module

from tinyflow_operator.cache import Cache, key_of
from tinyflow_operator.kinds import MODULES
from tinyflow_operator.kube import Kube


class Addresses:
    """Follows the modules of one namespace, or of all when it is empty."""

    def __init__(self, kube: Kube, namespace: str = "") -> None:
        self._cache = Cache(kube, MODULES, namespace, lambda document: None)
        self.synced = self._cache.synced

    async def run(self) -> None:
        """Follow for ever; outages are waited out, and what was known stays known."""
        await self._cache.run()

    def of(self, namespace: str, module: str) -> str:
        """Where a module listens.

        Raises:
            ModuleUnavailable: TF-163, there is none of that name, or it does not run.
        """
        document = self._cache.get((namespace, module))
        if document is None:
            there = sorted(name for space, name in map(key_of, self._cache) if space == namespace)
            way_out = did_you_mean(module, there) or "Push the flow that uses it: cluster.push(flow)."
            raise ModuleUnavailable("TF-163", no_module(namespace, module), way_out)
        address = str((document.get("status") or {}).get("address") or "")
        if not address:
            what = f"Module {module!r} does not run right now, so it has no address."
            raise ModuleUnavailable("TF-163", what, "Wait for it, or look what it does: cluster.logs(name).")
        return address
