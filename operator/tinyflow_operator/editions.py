"""The edition of the definitions that a cluster has: whether it is as new as ours, and bringing it there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import EDITION, edition_of

from tinyflow_operator.kinds import DEFINITIONS, OURS, Document, Kind
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.patience import answered

RULES, SELECTABLE = (1, 25), (1, 30)  # servers that know a schema's rules, and fields to select by
MANAGER = "tinyflow-crds"  # the field manager of definitions that `tinyflow crds apply` brings
SERVED = 30.0  # seconds from a definition until its kind is served
LOOK = 0.05  # seconds between two looks whether it is


@dataclass(frozen=True, slots=True)
class Found:
    """What a cluster has of one kind.

    Attributes:
        edition: Of its definition; 0 when there is none, or one that does not say.
    """

    kind: Kind
    edition: int
    there: bool = True

    @property
    def older(self) -> bool:
        """Whether it would drop fields that this version writes."""
        return self.edition < EDITION

    @property
    def newer(self) -> bool:
        """Whether this version would take fields away from it."""
        return self.edition > EDITION

    def __str__(self) -> str:
        if not self.there:
            return "not there"
        said = f"edition {self.edition}" if self.edition else "no edition"
        return f"{said}, and {EDITION} is needed" if self.older else said


async def look(kube: Kube, kind: Kind) -> Found:
    """What the cluster has of a kind.

    Raises:
        ClusterError: It may not be looked at, or the cluster cannot be reached.
    """
    document = await kube.get(DEFINITIONS, "", _name(kind))
    return Found(kind, edition_of(document or {}), there=document is not None)


async def check_definitions(kube: Kube) -> None:
    """See that the cluster's definitions are not older than this operator, whose fields they would drop.

    Waits for an API that is away, or does not take our login yet.

    Raises:
        ClusterError: TF-192, they are older, or not there.
    """
    for kind in OURS:
        try:
            found = await answered(partial(look, kube, kind), "The definitions cannot be looked at yet")
        except Refused as error:
            if error.status == 403:  # who may work in one namespace only may not look
                return
            raise
        if found.older:
            raise ClusterError(
                "TF-192", f"The cluster's definition of {kind.name}: {found}.", "Run: tinyflow crds apply"
            )


async def bring(kube: Kube, definitions: Iterable[Document]) -> AsyncIterator[tuple[Found, Found]]:
    """Apply definitions, and tell of each what was there before and what is there now, when it is served.

    Raises:
        ClusterError: TF-193, newer ones are there: nothing was changed. TF-161, a right is missing.
    """
    before = {_name(kind): await look(kube, kind) for kind in OURS}
    for found in before.values():
        if found.newer:
            what = (
                f"The cluster's definition of {found.kind.name} is of edition {found.edition}, and ours of {EDITION}."
            )
            raise ClusterError("TF-193", what, "Take the version of TinyFlow that the cluster has, or a newer one.")
    for definition in definitions:
        found = before[definition["metadata"]["name"]]
        applied = await kube.apply(DEFINITIONS, definition, MANAGER)
        await _served(kube, found.kind)
        yield found, Found(found.kind, edition_of(applied))


async def _served(kube: Kube, kind: Kind) -> None:
    deadline = time.monotonic() + SERVED
    while time.monotonic() < deadline:
        if await _is_served(kube, kind):
            return
        await asyncio.sleep(LOOK)
    what = f"The cluster took the definition of {kind.name} and does not serve it after {SERVED:g} s."
    raise ClusterError("TF-164", what, "Look at it: kubectl describe crds")


async def _is_served(kube: Kube, kind: Kind) -> bool:
    document = await kube.get(DEFINITIONS, "", _name(kind)) or {}
    said = {each["type"]: each for each in (document.get("status") or {}).get("conditions") or ()}
    names = said.get("NamesAccepted", {})
    if names.get("status") == "False":
        what = f"The cluster has another kind by a name of {kind.name}: {names.get('message')}."
        raise ClusterError("TF-161", what, "Look at it: kubectl get crds")
    if said.get("Established", {}).get("status") != "True":
        return False
    try:
        await kube.list(kind, "default")
    except Refused as error:  # who may define kinds may not always read them
        return error.status != 404
    return True


def _name(kind: Kind) -> str:
    return f"{kind.plural}.{kind.group}"
