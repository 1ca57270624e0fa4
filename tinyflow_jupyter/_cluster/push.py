"""A push: carries out a plan on a cluster, and waits until what was pushed runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from tinyflow_runtime.documents import FLOW_LABEL, Document
from tinyflow_runtime.errors import ClusterError

from .api import Api
from .difference import MISSING
from .plan import Change, Plan
from .progress import Progress
from .readiness import Readiness, readiness

SOONEST, LATEST = 0.03, 0.5  # seconds between two looks whether it is ready
SHARE = 4  # looking takes at most one part of so many of the time: a large flow is looked at less often


def carry_out(api: Api, plan: Plan, progress: Progress) -> None:
    """Make the changes of a plan: sources, modules, the flow, its nodes, and then what goes away.

    Raises:
        ClusterError: TF-161, the cluster refuses one of them; those before it are made, and pushing again goes on.
    """
    before = [change for change in plan.changes if change.kind in ("ConfigMap", "TinyModule", "TinyProject")]
    nodes = [change for change in plan.changes if change.kind == "TinyNode" and change.action != "delete"]
    for change in before:
        progress.say(f"module {change.name}" if change.kind == "TinyModule" else "source")
        _make(api, change)
    for change in plan.changes:
        if change.kind == "TinyFlow":
            _make(api, change)
    _several(api, nodes, progress, "nodes")
    _several(api, plan.deleted, progress, "removing nodes")


def _several(api: Api, changes: list[Change], progress: Progress, what: str) -> None:
    if changes:
        works = [_work(api, change) for change in changes]
        api.many(works, lambda count: progress.say(what, count, len(changes)))


def _work(api: Api, change: Change) -> Callable[[], None]:
    return lambda: _make(api, change)


def _make(api: Api, change: Change) -> None:
    if change.action == "delete":
        api.delete(change.kind, str(change.wanted["metadata"]["name"]))
    elif change.there is not None:
        api.replace(_in_place_of(change.there, change))
    else:
        api.apply(change.wanted)


def _in_place_of(there: Document, change: Change) -> Document:
    """The whole object with what is wanted; labels and annotations of others stay."""
    metadata = {key: value for key, value in there["metadata"].items() if key != "managedFields"}
    gone = {field.path for field in change.fields if field.after is MISSING}
    for part in ("labels", "annotations"):
        kept = {key: value for key, value in (metadata.get(part) or {}).items() if (part, key) not in gone}
        metadata[part] = {**kept, **(change.wanted["metadata"].get(part) or {})}
    return {**there, **change.wanted, "metadata": metadata}


def wait_until_ready(
    api: Api, flow: str, wanted: Mapping[str, str] | None, timeout: float | None, progress: Progress
) -> None:
    """Return when all modules and nodes of a flow are Ready.

    Args:
        wanted: By module, the hash of the source that is to run; None: whatever the modules are to run.
        timeout: Seconds; None waits for ever.

    Raises:
        ClusterError: TF-164, it is not Ready in time, or never will be.
    """
    began, delay = time.monotonic(), SOONEST
    while True:
        looked = time.monotonic()
        found = look(api, flow, wanted)
        if found.complete:
            return
        progress.say(_next(found), found.ready, found.total)
        if found.failed:
            raise _never(api, flow, found)
        took = time.monotonic() - looked
        if timeout is not None and time.monotonic() - began > timeout:
            raise _late(api, flow, timeout, found)
        time.sleep(max(delay, took * (SHARE - 1)))
        delay = min(delay * 1.5, LATEST)


def look(api: Api, flow: str, wanted: Mapping[str, str] | None) -> Readiness:
    """How far the cluster is with a flow right now."""
    document = api.get("TinyFlow", flow)
    if document is None:
        return Readiness(0, 1, (f"there is no flow {flow!r}",))
    counted = (document.get("status") or {}).get("nodes") or {}
    ready, total = int(counted.get("ready", 0)), int(counted.get("total", 0))
    if wanted is not None and ready < total > SMALL:
        # While the roll-up says that nodes are missing, the nodes themselves need not be read.
        modules = [each for each in (api.get("TinyModule", name) for name in wanted) if each is not None]
        found = readiness(modules, (), wanted, document)
        if found.failed or not found.complete:
            return Readiness(found.ready + ready, found.total + total, found.waiting, found.failed)
    nodes = api.objects("TinyNode", label=f"{FLOW_LABEL}={flow}")
    return _of(api, document, nodes, wanted)


SMALL = 500  # nodes that are read at once


def _of(api: Api, document: Document, nodes: list[Document], wanted: Mapping[str, str] | None) -> Readiness:
    used = dict.fromkeys((str(node["spec"]["module"]) for node in nodes), "")
    modules = []
    for name in {**used, **(wanted or {})}:
        if "/" in name or ":" in name:
            used.pop(name, None)  # an image; the operator has a module of another name for it
            continue
        module = api.get("TinyModule", name)
        if module is not None:
            modules.append(module)
            used[name] = ((module["spec"].get("source") or {}).get("sha256")) or ""
    return readiness(modules, nodes, {**used, **(wanted or {})}, document)


def _next(found: Readiness) -> str:
    return found.waiting[0][:80] if found.waiting else "waiting"


def _late(api: Api, flow: str, timeout: float, found: Readiness) -> ClusterError:
    return ClusterError(
        "TF-164",
        f"Flow {flow!r} is not ready on {api.context} after {timeout:g} s: {found.ready} of {found.total} are.",
        f"It waits for: {found.story()}.",
        f'Wait longer, cluster.wait_ready("{flow}"), or look: cluster.logs("{flow}").',
    )


def _never(api: Api, flow: str, found: Readiness) -> ClusterError:
    lines = found.story().splitlines()
    told = " ".join(line.strip() for line in lines)
    return ClusterError(
        "TF-164",
        f"Flow {flow!r} does not become ready on {api.context}: {told}.",
        "What ran before goes on. Mend it and push again.",
    )
