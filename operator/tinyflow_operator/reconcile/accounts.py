"""Keeps two accounts in each namespace that has a flow: tokens of theirs say who may look, and who may change."""

from __future__ import annotations

from tinyflow_runtime.resources.labels import MANAGED
from tinyflow_runtime.rpc.gateway import ACCOUNTS as NAMES

from tinyflow_operator.cache import Key
from tinyflow_operator.desk import Desk
from tinyflow_operator.due import Outcome, done
from tinyflow_operator.kinds import ACCOUNTS, FLOWS, Document
from tinyflow_operator.writer import MANAGER

AGAIN = 600.0  # seconds until it is looked whether they are there still


class Accounts:
    """Reconciles the accounts of a namespace. They have no rights: the gateway knows them by their names."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: dict[str, float] = {}  # by namespace: when they were there

    async def reconcile(self, key: Key) -> Outcome:
        """Make those that are missing; where there is no flow any more, those that are there stay."""
        namespace = key[0]
        if not any(flow["metadata"]["namespace"] == namespace for flow in self._desk.world.each(FLOWS)):
            self._seen.pop(namespace, None)
            return done()
        left = self._seen.get(namespace, -AGAIN) + AGAIN - self._desk.clock()
        if left > 0:
            return done(after=left)
        kube = self._desk.writer.kube
        for name in NAMES:
            if await kube.get(ACCOUNTS, namespace, name) is None:
                await kube.apply(ACCOUNTS, account(namespace, name), MANAGER)
        self._seen[namespace] = self._desk.clock()
        return done(after=AGAIN)


def account(namespace: str, name: str) -> Document:
    """One of them; no pod that runs as it is given a token."""
    metadata = {"name": name, "namespace": namespace, "labels": dict(MANAGED)}
    return {"metadata": metadata, "automountServiceAccountToken": False}
