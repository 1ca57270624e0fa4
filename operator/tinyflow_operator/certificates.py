"""Certificates of a cluster: each module has one in a Secret, the gateway too, and the operator one for itself.

Secrets are written and never read, but for that of the authority: until when a certificate is valid stands in the
module's status.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Self

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.labels import MANAGED, MODULE_LABEL
from tinyflow_runtime.resources.names import AUTHORITY, GATEWAY_SECRET
from tinyflow_runtime.resources.names import GATEWAY as GATEWAY_CONFIG_MAP
from tinyflow_runtime.rpc.credentials import CERTIFICATE, KEY, TRUSTED, Credentials, Pems, put
from tinyflow_runtime.rpc.identity import GATEWAY, OPERATOR, Identity, module_identity
from tinyflow_runtime.wire import Remote

from tinyflow_operator.authority import Authority, Issued, make
from tinyflow_operator.cache import Key, key_of
from tinyflow_operator.kinds import CONFIGMAPS, MODULES, SECRETS, Document, Kind
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.names import secret_name
from tinyflow_operator.patience import answered
from tinyflow_operator.workload import owner
from tinyflow_operator.writer import MANAGER, NameTaken

LOOK = 60.0  # seconds between looks at the authority
HEAL = 600.0  # seconds a module may not serve until its Secret is written again: somebody may have deleted it
SOON = datetime.timedelta(days=90)  # before its end an authority is said to end
IN_MEMORY = "/dev/shm"  # our own key needs a file, and no disk

log = logging.getLogger(__name__)


class Certificates:
    """Issues certificates and renews them, within an ``async with``.

    Args:
        namespace: Our own, where the authority and what is the gateway's are.

    Attributes:
        authority: Signs them; another one when its Secret has changed. None until it was read.
        credentials: Our own. None until there is an authority.
    """

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.authority: Authority | None = None
        self.credentials: Credentials | None = None
        self._kube, self._namespace = kube, namespace
        self._folder = Path()
        self._issued: dict[Key, tuple[str, Document]] = {}  # the module's uid, and what its status says or will
        self._served: dict[Key, float] = {}  # when the module served, or its Secret was written
        self._own: dict[Identity, Issued] = {}

    async def __aenter__(self) -> Self:
        """Read the authority, or make it; waits for a cluster that is away, or does not take our login yet.

        Raises:
            ClusterError: TF-194, it cannot be one; TF-161, we may not.
        """
        memory = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
        self._folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="tinyflow-", dir=memory))
        try:
            await answered(self.look, "The authority cannot be read yet")
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(shutil.rmtree, self._folder)

    async def run(self) -> None:
        """Look at the authority now and then, until cancelled."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self.look()
            except ClusterError as error:
                log.warning("The authority of before is used on: %s", error)

    async def look(self) -> None:
        """Read the authority, and renew what is the operator's and the gateway's.

        Raises:
            ClusterError: TF-194, TF-161, TF-162.
        """
        authority = await self._read()
        if authority.ends < datetime.datetime.now(datetime.UTC) + SOON:
            log.warning("The authority in the Secret %s ends at %s: replace it", AUTHORITY, authority.ends)
        self.authority = authority
        ours, gateways = self._due(authority, OPERATOR), self._due(authority, GATEWAY)
        if ours is not None:
            await asyncio.to_thread(put, self._folder, ours.pems)
            if self.credentials is None:
                self.credentials = Credentials(self._folder)
            else:
                self.credentials.refresh()
            self._own[OPERATOR] = ours
        if gateways is not None:
            common = {"namespace": self._namespace, "labels": MANAGED}
            await self._write(SECRETS, _secret({"name": GATEWAY_SECRET, **common}, gateways.pems), "Delete it.")
            said = {"metadata": {"name": GATEWAY_CONFIG_MAP, **common}, "data": {TRUSTED: authority.trusted.decode()}}
            await self._write(CONFIGMAPS, said, "Delete it.")
            self._own[GATEWAY] = gateways

    async def of_module(self, module: Document, *, serves: bool) -> Document:
        """See that a module has a certificate; returns what its status says of it.

        Args:
            serves: Whether it does, right now.

        Raises:
            NameTaken: The name of its Secret is somebody else's.
        """
        assert self.authority is not None, "it is there within the block"
        metadata, key = module["metadata"], key_of(module)
        now = time.monotonic()
        if serves:
            self._served[key] = now
        uid, said = self._issued.get(key, ("", {}))
        if uid != metadata["uid"]:
            said = (module.get("status") or {}).get("certificate") or {}
        due = self.authority.is_due(said.get("notAfter", ""), said.get("authority", ""))
        if not due and now - self._served.setdefault(key, now) < HEAL:
            return said
        issued = self.authority.issue(module_identity(*key))
        name = metadata["name"]
        about = {
            "name": secret_name(name),
            "namespace": metadata["namespace"],
            "labels": {**MANAGED, MODULE_LABEL: name},
            "ownerReferences": [owner(module)],
        }
        await self._write(SECRETS, _secret(about, issued.pems))
        self._served[key] = now
        said = {"notAfter": issued.not_after, "authority": issued.authority}
        self._issued[key] = metadata["uid"], said
        log.info("%s %s/%s has a certificate until %s", MODULES.name, *key, issued.not_after)
        return said

    def forget(self, module: Key) -> None:
        """It is gone."""
        self._issued.pop(module, None)
        self._served.pop(module, None)

    def connect(self, address: str, module: Key) -> Remote:
        """Speaks to a module server, and to nobody else who may listen there."""
        assert self.credentials is not None, "they are there within the block"
        return Remote(address, credentials=self.credentials, wanted=module_identity(*module))

    def _due(self, authority: Authority, identity: Identity) -> Issued | None:
        """A certificate that is to take the place of the last; None when it is good yet."""
        last = self._own.get(identity)
        if last is not None and not authority.is_due(last.not_after, last.authority):
            return None
        return authority.issue(identity)

    async def _read(self) -> Authority:
        found = await self._kube.get(SECRETS, self._namespace, AUTHORITY)
        if found is None and self.authority is not None:
            what = f"The Secret {AUTHORITY} is gone, which held the authority."
            raise ClusterError("TF-194", what, "Put it back; an operator that starts without it makes another one.")
        if found is None:
            metadata = {"name": AUTHORITY, "namespace": self._namespace, "labels": MANAGED}
            try:
                found = await self._kube.create(SECRETS, self._namespace, _secret(metadata, make()))
            except Refused as error:
                if error.status != 409:
                    raise
                found = await self._kube.get(SECRETS, self._namespace, AUTHORITY)  # somebody else was faster
            else:
                log.info("A new authority is in the Secret %s/%s", self._namespace, AUTHORITY)
        data = (found or {}).get("data") or {}
        return Authority(*(base64.b64decode(data.get(name, "")) for name in (CERTIFICATE, KEY, TRUSTED)))

    async def _write(self, kind: Kind, document: Document, *way_out: str) -> None:
        """Write what is ours.

        Raises:
            NameTaken: It is somebody else's.
        """
        try:
            await self._kube.apply(kind, document, MANAGER, force=False)
        except Refused as error:
            if error.status == 409:
                raise NameTaken(kind, document["metadata"]["name"], *way_out) from error
            raise


def _secret(metadata: Document, pems: Pems) -> Document:
    names = CERTIFICATE, KEY, TRUSTED
    data = {name: base64.b64encode(pem).decode() for name, pem in zip(names, pems, strict=True)}
    return {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.name,
        "metadata": metadata,
        "type": "kubernetes.io/tls",
        "data": data,
    }
