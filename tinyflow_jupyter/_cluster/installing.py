"""Installing TinyFlow on a cluster, and taking it away again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import Document, edition_of
from tinyflow_runtime.resources.labels import MANAGED, MANAGED_BY
from tinyflow_runtime.resources.names import AUTHORITY, GATEWAY, GATEWAY_SECRET, OPERATOR

from . import helm, reviews
from .api import Api
from .leaving import accounts_of, take_namespace, until_gone
from .operators import refuse_second
from .pocket import Pocket
from .programs import until_running
from .progress import Progress
from .refusals import Refused

NAMESPACE = "tinyflow"  # of the operator, unless another is given
RELEASE, DEFINITIONS = "tinyflow", "tinyflow-crds"
# What the operator makes for itself at run time, and no release knows of.
MADE = (
    ("api/v1", "secrets", AUTHORITY),
    ("api/v1", "secrets", GATEWAY_SECRET),
    ("api/v1", "configmaps", GATEWAY),
    ("apis/coordination.k8s.io/v1", "leases", OPERATOR),
)
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OWNER = "meta.helm.sh/release-"  # how annotations begin that say whose a definition is


class Installs:
    """Installs TinyFlow on a cluster."""

    _api: Api
    _pocket: Pocket | None

    def install(
        self, values: Mapping[str, Any] | None = None, *, namespace: str = NAMESPACE, timeout: float = 180
    ) -> None:
        """Install TinyFlow, or bring it to this version and these values; returns when it runs.

        Args:
            values: Of the chart tinyflow-operator, whose README tells them.
            namespace: Of the operator; made unless it is there.
            timeout: Seconds until it has to run.

        Raises:
            ClusterError: TF-193, the cluster's definitions are newer. TF-195, no Helm is here. TF-196, it cannot be
                installed, and why: another one looks after the same. TF-197, it is, and does not run in time.
        """
        self._refuse_pocket()
        progress = Progress("install TinyFlow")
        try:
            helm.command()
            chosen = dict(values or {})
            watched = str(chosen.get("watchNamespace") or "")
            refuse_second(self._api, namespace, watched)
            before = _of_another_authority(self._api, namespace, watched)
            progress.say("the definitions")
            there = _definitions_there(self._api)
            _make(self._api, namespace)
            self._bring_definitions(namespace, there)
            progress.say("the operator")
            helm.upgrade(RELEASE, "tinyflow-operator", chosen, namespace=namespace, context=self._context)
            missing = self._let_review(namespace, chosen)
            until_running(self._api, namespace, timeout, progress)
        except BaseException:
            progress.leave()
            raise
        progress.end(f"TinyFlow runs in namespace {namespace} on {self._api.context}{before}{missing}, installed")

    def uninstall(self, *, namespace: str = NAMESPACE, crds: bool = False) -> None:
        """Take TinyFlow away. Flows stay, and their modules run on as they are.

        Args:
            namespace: Of the operator.
            crds: Take the definitions too, and with them ALL FLOWS of the cluster.

        Raises:
            ClusterError: TF-195, no Helm is here. TF-196, it cannot be taken away, and why.
        """
        self._refuse_pocket()
        progress = Progress("uninstall TinyFlow")
        try:
            progress.say("the operator")
            accounts = accounts_of(self._api, namespace)
            helm.uninstall(RELEASE, namespace=namespace, context=self._context)
            helm.uninstall(DEFINITIONS, namespace=namespace, context=self._context)
            progress.say("what it made")
            self._take_made(namespace)
            right = reviews.take(self._api, namespace)
            for path in accounts:
                self._api.request("DELETE", path)
            flows = self._take_definitions(namespace, crds=crds, progress=progress)
            stays = take_namespace(self._api, namespace)
        except BaseException:
            progress.leave()
            raise
        progress.end(f"TinyFlow has left {self._api.context}{flows}{stays}{right}, taken away")

    @property
    def _context(self) -> str:
        return "" if self._api.context == "in-cluster" else self._api.context

    def _refuse_pocket(self) -> None:
        if self._pocket is not None:
            what = "A pocket cluster has its operator, so there is nothing to install."
            raise ClusterError("TF-196", what, "Push a flow: cluster.push(flow).", where=place.caller())

    def _let_review(self, namespace: str, values: Mapping[str, Any]) -> str:
        """Let the gateway ask whose token it is, as the chart does where it looks after all; says what is missing."""
        if values.get("watchNamespace") and (values.get("gateway") or {}).get("enabled", True):
            return reviews.give(self._api, namespace)
        return reviews.take(self._api, namespace)

    def _bring_definitions(self, namespace: str, there: Mapping[str, Document | None]) -> None:
        """Install the definitions, unless the cluster's are as new as ours."""
        wanted = dict(_definitions())
        annotations = {
            name: (found or {}).get("metadata", {}).get("annotations") or {} for name, found in there.items()
        }
        ours = {f"{OWNER}name": DEFINITIONS, f"{OWNER}namespace": namespace}
        owners = [{key: each.get(key) for key in ours} for name, each in annotations.items() if there[name] is not None]
        if all(edition_of(there[name] or {}) >= edition for name, edition in wanted.items()):
            if ours not in owners:
                return  # somebody else brought them, and they do
        other = next((each for each in owners if each != ours and each[f"{OWNER}name"]), None)
        if other is not None:
            release, place_of = other.values()
            what = f"The definitions are older, and belong to the Helm release {release} in namespace {place_of}."
            action = f"Run: helm upgrade {release} {helm.charts() / DEFINITIONS} --namespace {place_of}"
            raise ClusterError("TF-196", what, action)
        before = {
            name: {
                "labels": {MANAGED_BY: None, **_said(found, "labels", MANAGED_BY)},
                "annotations": dict.fromkeys(ours),
            }
            for name, found in there.items()
            if found is not None and not ours.items() <= annotations[name].items()
        }
        try:
            for name in before:
                _mark(self._api, name, labels={MANAGED_BY: "Helm"}, annotations=ours)
            helm.upgrade(DEFINITIONS, DEFINITIONS, {}, namespace=namespace, context=self._context)
        except BaseException:
            for name, said in before.items():  # there is no such release
                _mark(self._api, name, **said)
            raise

    def _take_made(self, namespace: str) -> None:
        for root, plural, name in MADE:
            path = f"/{root}/namespaces/{namespace}/{plural}/{name}"
            # One that does not say so is somebody else's: an authority may have been put there.
            if _said(self._api.request("GET", path), "labels", MANAGED_BY) == MANAGED:
                self._api.request("DELETE", path)

    def _take_definitions(self, namespace: str, *, crds: bool, progress: Progress) -> str:
        """Delete the definitions, or let them be nobody's; says what went with them."""
        names = [name for name, _ in _definitions()]
        if not crds:
            for name in names:
                found = self._api.request("GET", f"{CRDS}/{name}")
                said = ((found or {}).get("metadata", {}).get("annotations") or {}).get(f"{OWNER}namespace")
                if said == namespace:
                    nobody = {f"{OWNER}name": None, f"{OWNER}namespace": None}
                    _mark(self._api, name, labels={MANAGED_BY: None}, annotations=nobody)
            return ""
        count = len(_listed(self._api, "tinyflows"))
        for name in names:
            self._api.request("DELETE", f"{CRDS}/{name}")
        for number, name in enumerate(names):
            progress.say("the definitions", number, len(names))
            if not until_gone(self._api, f"{CRDS}/{name}"):
                raise _stays(name)
        return f", and {count} flow{'' if count == 1 else 's'} with it"


def _definitions() -> Iterator[tuple[str, int]]:
    """Every definition of ours, and its edition."""
    for path in sorted((helm.charts() / DEFINITIONS / "definitions").glob("*.yaml")):
        metadata = yaml.safe_load(path.read_text(encoding="utf-8"))["metadata"]
        yield metadata["name"], edition_of({"metadata": metadata})


def _definitions_there(api: Api) -> dict[str, Document | None]:
    """What the cluster has of each definition; those that are just going are waited for.

    Raises:
        ClusterError: TF-193, it has a newer one. TF-196, one does not go.
    """
    there: dict[str, Document | None] = {}
    for name, edition in _definitions():
        if not until_gone(api, f"{CRDS}/{name}", only_going=True):
            raise _stays(name)
        found = there[name] = api.request("GET", f"{CRDS}/{name}")
        if (theirs := edition_of(found or {})) > edition:
            what = f"The cluster's definition {name} is of edition {theirs}, and ours of {edition}."
            raise ClusterError("TF-193", what, "Take the version of TinyFlow that the cluster has, or a newer one.")
    return there


def _said(found: Document | None, part: str, name: str) -> dict[str, str]:
    """One label or annotation of an object, if it has it."""
    said = (found or {}).get("metadata", {}).get(part) or {}
    return {name: said[name]} if name in said else {}


def _stays(name: str) -> ClusterError:
    what = f"The definition {name} is being deleted, and does not go."
    return ClusterError("TF-196", what, f"Look what it waits for: kubectl describe crd {name}")


def _mark(api: Api, name: str, **metadata: Any) -> None:  # Any: as Kubernetes has it
    """Change what is said of a definition; None takes a word away."""
    api.request("PATCH", f"{CRDS}/{name}", {"metadata": metadata}, content="application/merge-patch+json")


def _make(api: Api, namespace: str) -> None:
    """Make the operator's namespace; one that is just going is waited for.

    Raises:
        ClusterError: TF-196, it does not go.
    """
    path = "/api/v1/namespaces"
    try:
        if not until_gone(api, f"{path}/{namespace}", only_going=True):
            what = f"The namespace {namespace} is being deleted, and does not go."
            raise ClusterError("TF-196", what, "Wait until it is gone, or install into another namespace.")
        if api.request("GET", f"{path}/{namespace}") is not None:
            return
    except Refused as error:
        if error.status != 403:
            raise
        return  # who may work in one namespace only may not look; it is there
    document = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": MANAGED}}
    api.request("POST", path, document)


def _of_another_authority(api: Api, namespace: str, watched: str) -> str:
    """What is to be said of modules that run, and hold certificates of an authority that left with its operator."""
    flows = f"namespaces/{watched}/tinymodules" if watched else "tinymodules"
    try:
        if api.request("GET", f"/api/v1/namespaces/{namespace}/secrets/{AUTHORITY}") is not None:
            return ""
        count = sum(bool((each.get("status") or {}).get("address")) for each in _listed(api, flows))
    except Refused as error:
        if error.status != 403:
            raise
        return ""
    these = "the module that runs" if count == 1 else f"the {count} modules that run"
    return f"; {these} can be reached in a minute or two, with new certificates" if count else ""


def _listed(api: Api, path: str) -> list[Document]:
    """All objects of a kind of ours; none where the kind is not known any more."""
    try:
        return list((api.request("GET", f"/apis/tinyflow.dev/v1alpha1/{path}") or {}).get("items") or ())
    except Refused as error:
        if error.status != 404:
            raise
        return []
