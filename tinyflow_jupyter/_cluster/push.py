"""A push: carries out a plan on a cluster, and waits until what was pushed runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import FLOW_LABEL, NODES_SHA256, PUSHED_BY

from .api import Api
from .difference import MISSING
from .plan import Change, Plan
from .progress import Progress
from .readiness import Readiness, condition_of, readiness
from .resources import is_image, owned_by

SOONEST, LATEST = 0.03, 0.5  # seconds between two looks whether it is ready
DOUBT = 1.0  # seconds for which something has to have failed: while things move, it may have failed only for now
SMALL = 500  # nodes that are read at once
SHARE = 4  # looking takes at most one part of so many of the time: a large flow is looked at less often


def carry_out(api: Api, plan: Plan, progress: Progress) -> None:
    """Make the changes of a plan: sources, modules, the flow, its nodes, and then nodes that go away.

    Raises:
        ClusterError: TF-161, the cluster refuses one of them; those before it are made, and pushing again goes on.
    """
    made = [change for change in plan.changes if change.action != "delete"]
    before = [change for change in made if change.kind in ("ConfigMap", "TinyModule", "TinyProject")]
    nodes = [change for change in made if change.kind == "TinyNode"]
    for change in before:
        progress.say(f"module {change.name}" if change.kind == "TinyModule" else "source")
        make(api, change)
    for change in made:
        if change.kind == "TinyFlow":
            make(api, change)
    if nodes:
        flow = api.get("TinyFlow", plan.flow)
        doomed = [replace(change, action="delete") for change in nodes if change.doomed]
        _several(api, doomed, progress, "removing nodes")  # else they would go while their flow is made again
        nodes = [replace(change, there=None) if change.doomed else change for change in nodes]
        nodes = [replace(one, wanted=owned_by(flow, one.wanted)) for one in nodes] if flow is not None else nodes
    _several(api, nodes, progress, "nodes")
    _several(api, [change for change in plan.deleted if change.kind == "TinyNode"], progress, "removing nodes")


def take_away(api: Api, plan: Plan) -> None:
    """Delete the modules that no node is in any more; to be done when what took their place is Ready."""
    for change in plan.deleted:
        if change.kind == "TinyModule":
            make(api, change)


def _several(api: Api, changes: list[Change], progress: Progress, what: str) -> None:
    if changes:
        works = [_work(api, change) for change in changes]
        api.many(works, lambda count: progress.say(what, count, len(changes)))


def _work(api: Api, change: Change) -> Callable[[], None]:
    return lambda: make(api, change)


def make(api: Api, change: Change, *, dry: bool = False) -> None:
    """Make one change of a plan; ``dry``: only see whether the cluster would take it, of what is not deleted."""
    if change.action == "delete":
        api.delete(change.kind, str(change.wanted["metadata"]["name"]))
    elif change.there is not None:
        api.replace(_in_place_of(change.there, change), dry=dry)
    else:
        api.apply(pushed_by(api, change.wanted), dry=dry)


def pushed_by(api: Api, document: Document) -> Document:
    """The document with who pushes it, where several people may."""
    if api.user and document["kind"] in ("TinyFlow", "TinyModule"):
        annotations = {**(document["metadata"].get("annotations") or {}), PUSHED_BY: api.user}
        return {**document, "metadata": {**document["metadata"], "annotations": annotations}}
    return document


def pusher_of(document: Document) -> str:
    """Who pushed it last; empty where nobody has noted it."""
    return str((document["metadata"].get("annotations") or {}).get(PUSHED_BY, ""))


def _in_place_of(there: Document, change: Change) -> Document:
    """The whole object with what is wanted; labels and annotations of others stay."""
    metadata = {key: value for key, value in there["metadata"].items() if key != "managedFields"}
    gone = {field.path for field in change.fields if field.after is MISSING}
    metadata |= {
        key: change.wanted["metadata"][key] for key in ("ownerReferences",) if key in change.wanted["metadata"]
    }
    for part in ("labels", "annotations"):
        kept = {key: value for key, value in (metadata.get(part) or {}).items() if (part, key) not in gone}
        metadata[part] = {**kept, **(change.wanted["metadata"].get(part) or {})}
    return {**there, **change.wanted, "metadata": metadata}


def wait_until_ready(api: Api, flow: str, wanted: Mapping[str, str], timeout: float | None, progress: Progress) -> None:
    """Return when all modules and nodes of a flow are Ready.

    Args:
        wanted: By module, the hash of the source that is to run; empty where any will do.
        timeout: Seconds; None waits for ever.

    Raises:
        ClusterError: TF-164, it is not Ready in time, or never will be.
    """
    began, delay = time.monotonic(), SOONEST
    doubted: tuple[float, tuple[str, ...]] = (began, ())
    while True:
        looked = time.monotonic()
        found = look(api, flow, wanted)
        if found.complete:
            return
        progress.say(found.waiting[0][:80] if found.waiting else "waiting", found.ready, found.total)
        if found.failed != doubted[1]:
            doubted = (looked, found.failed)
        elif found.failed and looked - doubted[0] > DOUBT:
            raise _never(api, flow, wanted, found)
        if timeout is not None and time.monotonic() - began > timeout:
            raise _late(api, flow, timeout, found)
        time.sleep(max(delay, (time.monotonic() - looked) * (SHARE - 1)))
        delay = min(delay * 1.5, LATEST)


def look(api: Api, flow: str, wanted: Mapping[str, str]) -> Readiness:
    """How far the cluster is with a flow right now.

    The roll-up in the TinyFlow's status is enough where it speaks of the nodes that were pushed; the nodes themselves
    are read to say what is waited for, unless they are many.
    """
    document = api.get("TinyFlow", flow)
    if document is None:
        return Readiness(0, 1, (f"there is no flow {flow!r}",))
    modules = [module for module in (api.get("TinyModule", name) for name in wanted) if module is not None]
    status = document.get("status") or {}
    counted = status.get("nodes") or {}
    ready, total = int(counted.get("ready", 0)), int(counted.get("total", 0))
    pushed = (document["metadata"].get("annotations") or {}).get(NODES_SHA256, "")
    said = condition_of(document, "Ready") or {}
    if pushed and status.get("nodesSha256") == pushed and said.get("status") == "True":
        return readiness(modules, (), wanted, document).more(total, total)
    of_modules = readiness(modules, (), wanted, document)
    if total > SMALL and said.get("reason") == "Progressing" and not of_modules.failed:
        return of_modules.more(ready, total, f"{ready:,} of {total:,} nodes")
    return readiness(modules, api.objects("TinyNode", label=f"{FLOW_LABEL}={flow}"), wanted, document)


def sources_wanted(api: Api, flow: str) -> dict[str, str]:
    """By module that a flow uses, the hash of the source that it is to run."""
    nodes = api.objects("TinyNode", label=f"{FLOW_LABEL}={flow}")
    wanted = {}
    for name in dict.fromkeys(str(node["spec"]["module"]) for node in nodes):
        if not is_image(name):
            module = api.get("TinyModule", name) or {"spec": {}}
            wanted[name] = str((module["spec"].get("source") or {}).get("sha256", ""))
    return wanted


def _late(api: Api, flow: str, timeout: float, found: Readiness) -> ClusterError:
    return ClusterError(
        "TF-164",
        f"Flow {flow!r} is not ready on {api.context} after {timeout:g} s: {found.ready} of {found.total} are.",
        f"It waits for: {found.story()}.",
        f'It stays there: wait longer, cluster.wait_ready("{flow}"), look, cluster.logs("{flow}"), or take it away, '
        f'cluster.delete("{flow}").',
    )


def _never(api: Api, flow: str, wanted: Mapping[str, str], found: Readiness) -> ClusterError:
    told = " ".join(line.strip() for line in found.story().splitlines())
    modules = [module for module in (api.get("TinyModule", name) for name in wanted) if module is not None]
    back = f', go back to what ran before, cluster.rollback("{flow}"),' if any(map(revision_before, modules)) else ""
    return ClusterError(
        "TF-164",
        f"Flow {flow!r} does not become ready on {api.context}: {told}.",
        f'It stays there as it is. Mend it and push again{back} or take it away, cluster.delete("{flow}").',
    )


def revision_before(module: Document) -> Document | None:
    """The newest source that served before the one that is to run; None when there was none."""
    wanted = (module["spec"].get("source") or {}).get("sha256")
    kept = (module.get("status") or {}).get("revisions") or ()
    others = [each for each in kept if each["sha256"] != wanted]  # the newest first
    serves = [each for each in others if each.get("outcome") == "Serving"]
    served = [each for each in others if each.get("outcome") == "Served"]
    return next(iter(serves + served), None)
