"""Planning: reads what a cluster holds of a flow, and says what a push would make of it."""

from __future__ import annotations

import base64
import difflib
from collections.abc import Callable, Iterable

from tinyflow_runtime import place
from tinyflow_runtime.documents import Document
from tinyflow_runtime.errors import ClusterError, TinyFlowError
from tinyflow_runtime.labels import FLOW_LABEL, PROJECT_LABEL
from tinyflow_runtime.source import CELLS, Source

from .api import Api
from .plan import Plan, compare
from .resources import Resources, flow_of, is_image, is_pushed


def plan_for(api: Api, wanted: Resources, components: Callable[[str], Iterable[str]]) -> Plan:
    """The plan of a push. Nothing is changed.

    Args:
        components: The names of the components that the new source of a module has.
    """
    single = [one for one in wanted.documents if one["kind"] != "TinyNode"]
    works = [lambda one=one: api.get(one["kind"], one["metadata"]["name"]) for one in single]
    *found, nodes = api.many([*works, lambda: api.objects("TinyNode", label=f"{FLOW_LABEL}={wanted.name}")])
    held: list[Document] = [document for document in found if document is not None]
    for flow in (document for document in held if document["kind"] == "TinyFlow"):
        _stay_in_project(wanted, flow)
    modules = [document for document in held if document["kind"] == "TinyModule"]
    warnings = [line for module in modules for line in _lost(api, wanted, module, components)]
    texts = {str(module["metadata"]["name"]): _text(api, wanted, module) for module in modules}
    changed = {name: text for name, text in texts.items() if text}
    left = _left(api, wanted, nodes)
    return compare(wanted, [*held, *nodes], cluster=api.context, warnings=warnings, texts=changed, left=left)


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
    held = api.get("ConfigMap", said["configMapRef"]["name"])
    try:
        before = Source.read(base64.b64decode((held or {})["binaryData"]["source.zip"]), sha256=said["sha256"])
    except (KeyError, ValueError, TinyFlowError):  # it was swept away, or somebody made it otherwise
        return ""
    names = sorted({*before.files, *source.files} - {CELLS})
    parts = [
        difflib.unified_diff(
            before.files.get(name, "").splitlines(), source.files.get(name, "").splitlines(), name, name, lineterm=""
        )
        for name in names
    ]
    return "\n".join(line for part in parts for line in part)


def refuse_loss(plan: Plan) -> None:
    """Refuse what would take a component away from another flow.

    Raises:
        ClusterError: TF-168.
    """
    if plan.warnings:
        raise ClusterError(
            "TF-168",
            f"Flow {plan.flow!r} was not pushed: {plan.warnings[0]}.",
            f"There are {len(plan.warnings) - 1} more." if len(plan.warnings) > 1 else "",
            "Run the cell that defines it and push again, or delete the flow that uses it.",
            where=place.caller(),
        )


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
