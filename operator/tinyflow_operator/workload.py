"""What a module becomes in a cluster: a Deployment and a Service. Pure."""

from __future__ import annotations

import base64
import hashlib

import msgspec
from tinyflow_runtime.resources.labels import APPLIED, MANAGED, MODULE_LABEL, SHA256, source_name

from tinyflow_operator.configuration import Configuration
from tinyflow_operator.kinds import CONFIGMAPS, DEPLOYMENTS, MODULES, SERVICES, Document
from tinyflow_operator.names import workload_name
from tinyflow_operator.podtemplate import ARCHIVE, PORT, Code, template
from tinyflow_operator.quantity import amount


def owner(module: Document) -> Document:
    """What makes something go when its module goes."""
    return {
        "apiVersion": MODULES.api_version,
        "kind": MODULES.name,
        "name": module["metadata"]["name"],
        "uid": module["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def deployment(module: Document, code: Code | None, configuration: Configuration, *, tls: bool = False) -> Document:
    """Runs a module.

    Args:
        code: Its source; None when its image holds it.
        tls: Whether it has a certificate.
    """
    name = module["metadata"]["name"]
    labels = {**MANAGED, MODULE_LABEL: name}
    spec = {
        "replicas": 1,
        "revisionHistoryLimit": 5,
        "selector": {"matchLabels": {MODULE_LABEL: name}},
        # The old one serves until the new one does.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "template": template(module, code, configuration, labels=labels, tls=tls),
    }
    # What is not wanted any more is found by the hash: that something is there which nobody wants looks like a default.
    applied = hashlib.sha256(msgspec.json.encode(spec, order="sorted")).hexdigest()
    metadata = {**_metadata(module, workload_name(name), labels), "annotations": {APPLIED: applied}}
    return {"apiVersion": DEPLOYMENTS.api_version, "kind": DEPLOYMENTS.name, "metadata": metadata, "spec": spec}


def service(module: Document) -> Document:
    """Names a module."""
    name = module["metadata"]["name"]
    labels = {**MANAGED, MODULE_LABEL: name}
    port = {"name": "grpc", "port": PORT, "targetPort": "grpc", "protocol": "TCP"}
    return {
        "apiVersion": SERVICES.api_version,
        "kind": SERVICES.name,
        "metadata": _metadata(module, workload_name(name), labels),
        # Headless: streams last for days, so an address in between gains nothing, and a cluster has few.
        "spec": {"clusterIP": "None", "selector": {MODULE_LABEL: name}, "ports": [port]},
    }


def config_map(module: Document, archive: bytes) -> Document:
    """Holds a source that came in the TinyModule itself."""
    sha256 = hashlib.sha256(archive).hexdigest()
    name = module["metadata"]["name"]
    metadata = _metadata(module, source_name(name, sha256), {**MANAGED, MODULE_LABEL: name, SHA256: sha256[:12]})
    return {
        "apiVersion": CONFIGMAPS.api_version,
        "kind": CONFIGMAPS.name,
        "metadata": {**metadata, "annotations": {SHA256: sha256}},
        "immutable": True,
        "binaryData": {ARCHIVE: base64.b64encode(archive).decode()},
    }


def contains(there: object, wanted: object) -> bool:
    """Whether what is there has all that is wanted. Servers add defaults, and others add fields of their own."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(contains(there.get(name), part) for name, part in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(there, list)
            and len(there) == len(wanted)
            and all(contains(one, part) for one, part in zip(there, wanted, strict=True))
        )
    if there == wanted or (there is None and not wanted and wanted is not False):
        return True  # an empty text, list or mapping that is not there is what was wanted: servers leave them out
    much = amount(wanted)
    return much is not None and amount(there) == much  # servers write quantities in their own way


def _metadata(module: Document, name: str, labels: Document) -> Document:
    namespace = module["metadata"]["namespace"]
    return {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [owner(module)]}
