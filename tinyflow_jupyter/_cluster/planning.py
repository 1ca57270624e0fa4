"""Planning: reads what a cluster holds of a flow, and says what a push would make of it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError, TinyFlowError
from tinyflow_runtime.resources.documents import Document
from tinyflow_runtime.resources.labels import FLOW_LABEL, MANAGED_BY, PROJECT_LABEL, PUSHED_BY
from tinyflow_runtime.source.archive import CELLS, Source

from .api import Api
from .plan import Change, Other, Plan, compare
from .push import make, pusher_of
from .refusals import BUSY, Refused
from .resources import Resources, flow_of, is_image, is_pushed
from .textdiff import text_difference

TRIED = 2_000  # changes that are tried out; of a flow that is larger, those before it are much like the rest


def plan_for(api: Api, wanted: Resources, components: Callable[[str], Iterable[str]]) -> Plan:
    """The plan of a push. Nothing is changed.

    Args:
        components: The names of the components that the new source of a module has.
    """
    single = [one for one in wanted.documents if one["kind"] != "TinyNode"]
    works = [partial(_held, api, one) for one in single]
    *found, nodes = api.many([*works, lambda: api.objects("TinyNode", label=f"{FLOW_LABEL}={wanted.name}")])
    held: list[Document] = [document for document in found if document is not None]
    for flow in (document for document in held if document["kind"] == "TinyFlow"):
        _stay_in_project(wanted, flow)
    modules = [document for document in held if document["kind"] == "TinyModule"]
    held += _not_shown(wanted, held)
    warnings = [line for module in modules for line in _lost(api, wanted, module, components)]
    texts = {str(module["metadata"]["name"]): _text(api, wanted, module) for module in modules}
    changed = {name: text for name, text in texts.items() if text}
    left = _left(api, wanted, nodes)
    _stay_pushed_by(wanted, held)
    plan = compare(wanted, [*held, *nodes], cluster=api.where, warnings=warnings, texts=changed, left=left)
    plan.others = _others(api, wanted, held, plan)
    return plan


def try_out(api: Api, plan: Plan) -> Plan:
    """The plan with what the cluster would refuse of it, as a dry run of each change tells."""
    tried = [change for change in plan.changes if change.action != "delete"][:TRIED]
    plan.refusals = tuple(said for said in api.many([partial(_refusal, api, one) for one in tried]) if said)
    return plan


def _refusal(api: Api, change: Change) -> str:
    try:
        make(api, change, dry=True)
    except Refused as error:
        if error.status in BUSY:
            raise
        return f"{change.kind} {change.name}: {error.what.partition('): ')[2] or error.what} {' '.join(error.way_out)}"
    return ""


def refuse_refused(plan: Plan) -> None:
    """Refuse to begin what the cluster would stop in the middle.

    Raises:
        ClusterError: TF-161.
    """
    what = f"Flow {plan.flow!r} was not pushed to {plan.cluster}: it refuses"
    _refuse("TF-161", what, plan.refusals, "Nothing was changed.")


def refuse_loss(plan: Plan) -> None:
    """Refuse what would take a component away from another flow.

    Raises:
        ClusterError: TF-168.
    """
    what = f"Flow {plan.flow!r} was not pushed:"
    action = "Run the cell that defines it and push again, or delete the flow that uses it."
    _refuse("TF-168", what, [f"{warning}." for warning in plan.warnings], action)


def _refuse(code: str, what: str, reasons: Sequence[str], way_out: str) -> None:
    """Raise the first reason, and tell how many more there are; nothing when there is none."""
    if reasons:
        more = f"There are {len(reasons) - 1} more: cluster.plan(flow)." if len(reasons) > 1 else ""
        raise ClusterError(code, f"{what} {reasons[0]}", more, way_out, where=place.caller())


def _stay_pushed_by(wanted: Resources, held: Iterable[Document]) -> None:
    """Who pushed something stays noted there until somebody changes it."""
    noted = {(one["kind"], one["metadata"]["name"]): pusher_of(one) for one in held}
    for document in (*wanted.of("TinyFlow"), *wanted.of("TinyModule")):
        who = noted.get((document["kind"], document["metadata"]["name"]), "")
        if who:
            document["metadata"].setdefault("annotations", {})[PUSHED_BY] = who


def _others(api: Api, wanted: Resources, held: Iterable[Document], plan: Plan) -> list[Other]:
    """What somebody else has put there, and a push would replace."""
    changed = {(change.kind, change.name) for change in plan.changes if change.action == "change"}
    others = list[Other]()
    for document in held:
        kind, name, who = document["kind"], str(document["metadata"]["name"]), pusher_of(document)
        instead = f"Take another name or namespace; or agree with {who}"
        if kind == "TinyModule" and (kind, name) in changed and not is_pushed(document):
            who = _installed_by(document)
            what = f"it would take over module {name!r}, which was installed by {who} and not by a push"
            others.append(Other(who, what, "Call yours otherwise, tf.Module(…); or replace what was installed"))
        elif who in ("", api.user):
            continue
        elif kind == "TinyFlow" and plan.changes:
            others.append(Other(who, f"it would replace flow {name!r}, which was pushed by {who}", instead))
        elif kind == "TinyModule" and (kind, name) in changed:
            users = {flow_of(node) for node in api.objects("TinyNode") if node["spec"]["module"] == name}
            for flow in sorted(users - {wanted.name})[:1]:
                what = (
                    f"it would replace the code of module {name!r} that flow {flow!r} runs, which was pushed by {who}"
                )
                others.append(Other(who, what, instead))
    return others


def _installed_by(module: Document) -> str:
    """Who put a module there that no push made: what its label says, else the program that applied it."""
    said = (module["metadata"].get("labels") or {}).get(MANAGED_BY)
    applied = [
        one.get("manager") for one in module["metadata"].get("managedFields") or () if not one.get("subresource")
    ]
    return str(said or next(iter(applied), "") or "somebody")


def _held(api: Api, document: Document) -> Document | None:
    try:
        return api.get(document["kind"], document["metadata"]["name"])
    except Refused as error:
        if error.status == 403 and document["kind"] == "ConfigMap":
            return None  # who may change flows and push no code may not read it either
        raise


def _not_shown(wanted: Resources, held: Iterable[Document]) -> list[Document]:
    """The sources that modules point at already: they are there, whether one may look or not."""
    runs = {((one["spec"].get("source") or {}).get("configMapRef") or {}).get("name") for one in held if "spec" in one}
    shown = {str(one["metadata"]["name"]) for one in held if one["kind"] == "ConfigMap"}
    return [one for one in wanted.of("ConfigMap") if one["metadata"]["name"] in runs - shown]


def _left(api: Api, wanted: Resources, nodes: Iterable[Document]) -> list[Document]:
    """The pushed modules that this flow's nodes are in now, and none of any flow would be."""
    names = {str(node["spec"]["module"]) for node in nodes}
    names -= {str(node["spec"]["module"]) for node in wanted.of("TinyNode")}
    if not names:
        return []
    names -= {str(node["spec"]["module"]) for node in api.objects("TinyNode") if flow_of(node) != wanted.name}
    found = [api.get("TinyModule", name) for name in sorted(names) if not is_image(name)]
    return [module for module in found if module is not None and is_pushed(module)]


def _text(api: Api, wanted: Resources, module: Document) -> str:
    """What a push changes in the text of a module; empty when it changes nothing, or nobody knows."""
    source = wanted.sources[str(module["metadata"]["name"])]
    said = module["spec"].get("source") or {}
    if said.get("sha256") == source.sha256 or not said.get("configMapRef"):
        return ""
    held = _held(api, {"kind": "ConfigMap", "metadata": {"name": said["configMapRef"]["name"]}})
    try:
        before = Source.read(base64.b64decode((held or {})["binaryData"]["source.zip"]), sha256=said["sha256"])
    except (KeyError, ValueError, TinyFlowError):  # it was swept away, or somebody made it otherwise
        return ""
    names = sorted({*before.files, *source.files} - {CELLS})
    parts = [text_difference(name, before.files.get(name, ""), source.files.get(name, "")) for name in names]
    return "\n".join(filter(None, parts))


def _stay_in_project(wanted: Resources, flow: Document) -> None:
    """A push that knows of no project leaves the flow in the one it is in."""
    label = (flow["metadata"].get("labels") or {}).get(PROJECT_LABEL)
    if label:
        for document in wanted.of("TinyFlow"):
            document["metadata"].setdefault("labels", {}).setdefault(PROJECT_LABEL, label)


def _lost(api: Api, wanted: Resources, module: Document, components: Callable[[str], Iterable[str]]) -> list[str]:
    """What other flows use and the new source would no longer have."""
    name = str(module["metadata"]["name"])
    told = (module.get("status") or {}).get("components") or ()
    lost = {str(component["name"]) for component in told} - set(components(name))
    if not lost:
        return []
    return [
        f"{node['metadata']['name']} uses {node['spec']['component']!r}, which module {name!r} would no longer have"
        for node in api.objects("TinyNode")
        if node["spec"]["module"] == name
        and node["spec"]["component"] in lost
        and (node["metadata"].get("labels") or {}).get(FLOW_LABEL) != wanted.name
    ]
