"""The built-in kinds that are served, as far as we use them: open where ours is not, keyed where managers meet."""

from __future__ import annotations

import base64
import functools
from typing import Any

from tinyflow_operator.kinds import Document
from tinyflow_operator.pocket.cells import age, at_path
from tinyflow_operator.pocket.equal import same
from tinyflow_operator.pocket.refusal import Cause
from tinyflow_operator.pocket.resources import METADATA, Column, Resource, Scale, whole
from tinyflow_operator.pocket.shape import Schema, shape_of

MOST_DATA = 1_048_576  # bytes in a ConfigMap or a Secret

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
BYTES: Schema = {"type": "object", "additionalProperties": {"type": "string", "format": "byte"}}
ANYTHING: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _open(*required: str, **fields: Schema) -> Schema:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": fields, **needed}


def _keyed(*keys: str, **fields: Schema) -> Schema:
    keyed = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}
    return {"type": "array", **keyed, "items": _open(keys[0], **{key: {} for key in keys}, **fields)}


PROTOCOL: Schema = {"type": "string", "default": "TCP"}
CONDITIONS = _keyed("type")
MOUNTS = _keyed("mountPath")
CONTAINER_PORTS = _keyed("containerPort", "protocol")
CONTAINER_PORTS["items"]["properties"]["protocol"] = PROTOCOL
SERVICE_PORTS = _keyed("port", "protocol")
SERVICE_PORTS["items"]["properties"]["protocol"] = PROTOCOL
CONTAINERS = _keyed("name", image=TEXT, env=_keyed("name"), ports=CONTAINER_PORTS, volumeMounts=MOUNTS)
POD_SPEC = _open("containers", containers=CONTAINERS, initContainers=CONTAINERS, volumes=_keyed("name"))
TEMPLATE = _open("spec", metadata=METADATA, spec=POD_SPEC)
SELECTOR: Schema = {**_open(matchLabels=TEXTS), "x-kubernetes-map-type": "atomic"}
AGE = Column("Age", age(".metadata.creationTimestamp"))


@functools.cache
def builtins() -> tuple[Resource, ...]:
    """All of them."""
    event = _open(
        involvedObject={**ANYTHING, "x-kubernetes-map-type": "atomic"}, reason=TEXT, message=TEXT, count=NUMBER
    )
    deployment = _open(
        "selector", "template", replicas={**NUMBER, "default": 1, "minimum": 0}, selector=SELECTOR, template=TEMPLATE
    )
    service = _open(ports=SERVICE_PORTS, selector={**TEXTS, "x-kubernetes-map-type": "atomic"})
    states = _open(conditions=CONDITIONS)
    return (
        _core(
            "namespaces",
            "Namespace",
            _top(spec=_open(finalizers={"type": "array", "items": TEXT}), status=states),
            short=("ns",),
            namespaced=False,
            status=True,
            ready=_namespace,
            columns=(_at("Status", ".status.phase"), AGE),
        ),
        _core(
            "configmaps",
            "ConfigMap",
            _top(data=TEXTS, binaryData=BYTES, immutable={"type": "boolean"}),
            short=("cm",),
            check=_check_data,
            columns=(Column("Data", _count_of_data, "integer"), AGE),
        ),
        _core(
            "secrets",
            "Secret",
            _top(data=BYTES, stringData=TEXTS, immutable={"type": "boolean"}, type={**TEXT, "default": "Opaque"}),
            check=_check_data,
            ready=_secret,
            selectable=("type",),
            columns=(_at("Type", ".type"), Column("Data", _count_of_data, "integer"), AGE),
        ),
        _core("serviceaccounts", "ServiceAccount", _top(secrets=_keyed("name")), short=("sa",), columns=(AGE,)),
        _core(
            "services",
            "Service",
            _top(spec=service, status=states),
            short=("svc",),
            status=True,
            columns=(_at("Type", ".spec.type"), _at("Cluster-IP", ".spec.clusterIP"), AGE),
        ),
        _core(
            "pods",
            "Pod",
            _top(spec=POD_SPEC, status=states),
            short=("po",),
            categories=("all",),
            status=True,
            selectable=("spec.nodeName", "status.phase"),
            columns=(
                Column("Ready", _ready_containers),
                _at("Status", ".status.phase"),
                Column("Restarts", _restarts, "integer"),
                AGE,
            ),
        ),
        _core(
            "events",
            "Event",
            {**event, "required": ["involvedObject"]},
            short=("ev",),
            selectable=EVENT_FIELDS,
            columns=(
                Column("Last Seen", age(".lastTimestamp")),
                _at("Type", ".type"),
                _at("Reason", ".reason"),
                Column("Object", _about),
                _at("Message", ".message"),
            ),
        ),
        Resource(
            "apps",
            "v1",
            "deployments",
            "Deployment",
            shape_of(whole(_top("spec", spec=deployment, status=states))),
            singular="deployment",
            short=("deploy",),
            categories=("all",),
            status=True,
            scale=Scale(selector=".spec.selector"),
            check=_check_deployment,
            columns=(
                Column("Ready", _ready_replicas),
                _at("Up-to-date", ".status.updatedReplicas", "integer"),
                _at("Available", ".status.availableReplicas", "integer"),
                AGE,
            ),
        ),
        Resource(
            "coordination.k8s.io",
            "v1",
            "leases",
            "Lease",
            shape_of(whole(_top(spec=ANYTHING))),
            counts=False,
            singular="lease",
            columns=(_at("Holder", ".spec.holderIdentity"), AGE),
        ),
        Resource(
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            shape_of(whole(_definition())),
            namespaced=False,
            singular="customresourcedefinition",
            short=("crd", "crds"),
            status=True,
            ready=_definition_ready,
            columns=(_at("Created At", ".metadata.creationTimestamp", "date"),),
        ),
    )


EVENT_FIELDS = (
    *(f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "apiVersion")),
    "reason",
    "type",
)


def _core(plural: str, kind: str, schema: Schema, **more: Any) -> Resource:
    shape = shape_of(whole(schema))
    return Resource("", "v1", plural, kind, shape, singular=kind.lower(), counts="status" in more, **more)


def _top(*required: str, **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": list(required)}


def _definition() -> Schema:
    names = _open("kind", "plural")
    version = _keyed("name", schema={**ANYTHING, "x-kubernetes-map-type": "atomic"})
    return _top(
        "spec", spec=_open("group", "names", "scope", "versions", names=names, versions=version), status=_open()
    )


def _at(name: str, path: str, kind: str = "string") -> Column:
    return Column(name, at_path(path), kind)


def _count_of_data(document: Document) -> int:
    return len(document.get("data") or {}) + len(document.get("binaryData") or {})


def _about(event: Document) -> str:
    about = event.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def _ready_replicas(document: Document) -> str:
    ready = (document.get("status") or {}).get("readyReplicas", 0)
    return f"{ready}/{document['spec'].get('replicas', 1)}"


def _states(pod: Document) -> list[Document]:
    states: list[Document] = (pod.get("status") or {}).get("containerStatuses") or []
    return states


def _ready_containers(pod: Document) -> str:
    return f"{sum(bool(state.get('ready')) for state in _states(pod))}/{len(pod['spec']['containers'])}"


def _restarts(pod: Document) -> int:
    return sum(int(state.get("restartCount", 0)) for state in _states(pod))


def _check_data(new: Document, old: Document | None) -> list[Cause]:
    texts, bytes_ = new.get("data") or {}, new.get("binaryData") or {}
    causes = []
    size = sum(len(value.encode()) for value in texts.values()) + sum(len(value) * 3 // 4 for value in bytes_.values())
    if size > MOST_DATA:
        said = f"Too long: must have at most {MOST_DATA} bytes"
        causes.append(Cause("FieldValueTooLong", said, "data" if new["kind"] == "Secret" else ""))
    if old is not None and old.get("immutable"):
        for field in ("immutable", "data", "binaryData"):
            if not same(new.get(field) or None, old.get(field) or None):
                said = "Forbidden: field is immutable when `immutable` is set"
                causes.append(Cause("FieldValueForbidden", said, field))
    return causes


def _secret(document: Document) -> None:
    for name, text in (document.pop("stringData", None) or {}).items():
        document.setdefault("data", {})[name] = base64.b64encode(text.encode()).decode()


def _namespace(document: Document) -> None:
    metadata = document["metadata"]
    metadata["labels"] = {**(metadata.get("labels") or {}), "kubernetes.io/metadata.name": metadata["name"]}
    document["spec"] = {"finalizers": ["kubernetes"]}
    document.setdefault("status", {"phase": "Active"})


def _check_deployment(new: Document, old: Document | None) -> list[Cause]:
    selector, template = new["spec"]["selector"], new["spec"]["template"]
    labels = (template.get("metadata") or {}).get("labels") or {}
    causes = []
    if any(labels.get(name) != value for name, value in (selector.get("matchLabels") or {}).items()):
        said = f"Invalid value: {labels}: `selector` does not match template `labels`"
        causes.append(Cause("FieldValueInvalid", said, "spec.template.metadata.labels"))
    if old is not None and not same(selector, old["spec"]["selector"]):
        causes.append(Cause("FieldValueInvalid", f"Invalid value: {selector}: field is immutable", "spec.selector"))
    return causes


def _definition_ready(document: Document) -> None:
    names = document["spec"]["names"]
    names.setdefault("singular", names["kind"].lower())
    names.setdefault("listKind", f"{names['kind']}List")
    document["spec"].setdefault("conversion", {"strategy": "None"})
    time = document["metadata"]["creationTimestamp"]
    said = [("NamesAccepted", "NoConflicts", "no conflicts found"), ("Established", "InitialNamesAccepted", "ready")]
    document["status"] = {
        "conditions": [
            {"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": time}
            for kind, reason, message in said
        ],
        "acceptedNames": names,
        "storedVersions": [version["name"] for version in document["spec"]["versions"] if version.get("storage")],
    }
