"""What a module becomes in a cluster: a Deployment and a Service. Pure."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from tinyflow_runtime.labels import MODULE_LABEL, REQUIREMENTS_SHA256, SHA256, SOURCE_SHA256, source_name

from tinyflow_operator.kinds import CONFIGMAPS, DEPLOYMENTS, MODULES, SERVICES, Document
from tinyflow_operator.names import MANAGED, workload_name

PORT = 7443
SOURCE, STATE, DEPENDENCIES = "/tinyflow/source", "/tinyflow/state", "/tinyflow/dependencies"
ARCHIVE = "source.zip"

# Run by an init container. The hash is looked at before the archive is opened.
INSTALL = """
import hashlib, io, json, pathlib, subprocess, sys, zipfile
archive, sha256, target = sys.argv[1:]
content = pathlib.Path(archive).read_bytes()
if hashlib.sha256(content).hexdigest() != sha256:
    sys.exit("TF-171 The archive does not match its hash.")
locked = json.loads(zipfile.ZipFile(io.BytesIO(content)).read("module.json"))["requirements"]
lines = pathlib.Path(target, "requirements.txt")
lines.write_text("\\n".join(locked) + "\\n")
pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
sys.exit(subprocess.run([*pip, "--no-cache-dir", "--target", target, "--requirement", str(lines)]).returncode)
""".strip()


@dataclass(frozen=True, slots=True)
class Code:
    """A module's source, after it was verified.

    Attributes:
        config_map: Where it is.
        requirements: Locked lines; none: what its image has.
    """

    sha256: str
    config_map: str
    requirements: tuple[str, ...] = ()


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


def deployment(module: Document, code: Code | None, *, image: str) -> Document:
    """Runs a module.

    Args:
        code: Its source; None when its image holds it.
        image: What runs a source when the module names no image.
    """
    name = module["metadata"]["name"]
    labels = {**MANAGED, MODULE_LABEL: name}
    selected = {MODULE_LABEL: name}
    return {
        "apiVersion": DEPLOYMENTS.api_version,
        "kind": DEPLOYMENTS.name,
        "metadata": _metadata(module, workload_name(name), labels),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": selected},
            # The old one serves until the new one does.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": _template(module, code, image=image, labels=labels),
        },
    }


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
    # An empty text, list or mapping that is not there is what was wanted: servers leave them out.
    return there == wanted or (there is None and not wanted and wanted is not False)


def _metadata(module: Document, name: str, labels: Document) -> Document:
    namespace = module["metadata"]["namespace"]
    return {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": [owner(module)]}


def _template(module: Document, code: Code | None, *, image: str, labels: Document) -> Document:
    name = module["metadata"]["name"]
    runs = module["spec"].get("image") or image
    listen = ["--listen", f"0.0.0.0:{PORT}", "--state", STATE]
    volumes: list[Document] = [{"name": "state", "emptyDir": {}}]
    mounts: list[Document] = [{"name": "state", "mountPath": STATE}]
    container: Document = {
        "name": "module",
        "image": runs,
        "ports": [{"name": "grpc", "containerPort": PORT, "protocol": "TCP"}],
        "env": [{"name": "TINYFLOW_MODULE", "value": name}],
        "readinessProbe": {"tcpSocket": {"port": "grpc"}, "periodSeconds": 2},
        "terminationMessagePolicy": "FallbackToLogsOnError",  # so that a status can say why it does not load
        "securityContext": _restricted(),
    }
    annotations: Document = {}
    pod: Document = {}
    if code is None:
        container["args"] = ["module", name, *listen]
    else:
        labels = {**labels, SHA256: code.sha256[:12]}
        annotations[SOURCE_SHA256] = code.sha256
        source = ["--source", f"{SOURCE}/{ARCHIVE}", "--sha256", code.sha256]
        container["command"] = ["python", "-m", "tinyflow_runtime", "module", name, *source, *listen]
        volumes.append({"name": "source", "configMap": {"name": code.config_map}})
        mounts.append({"name": "source", "mountPath": SOURCE, "readOnly": True})
        if code.requirements:
            annotations[REQUIREMENTS_SHA256] = lock_of(code)
            volumes.append({"name": "dependencies", "emptyDir": {}})
            mounts.append({"name": "dependencies", "mountPath": DEPENDENCIES})
            container["env"].append({"name": "PYTHONPATH", "value": DEPENDENCIES})
            install = ["python", "-c", INSTALL, f"{SOURCE}/{ARCHIVE}", code.sha256, DEPENDENCIES]
            pod["initContainers"] = [
                {
                    "name": "install",
                    "image": runs,
                    "command": install,
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                    "securityContext": _restricted(),
                    "volumeMounts": [dict(mount) for mount in mounts if mount["name"] != "state"],
                }
            ]
    container["volumeMounts"] = mounts
    return {
        "metadata": {"labels": labels, **({"annotations": annotations} if annotations else {})},
        "spec": {
            **pod,
            "automountServiceAccountToken": False,  # it runs code typed into notebooks
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": volumes,
        },
    }


def lock_of(code: Code) -> str:
    """The hash of the requirements: the same lock is the same environment."""
    return hashlib.sha256("\n".join(code.requirements).encode()).hexdigest() if code.requirements else ""


def _restricted() -> Document:
    """As the Pod Security Standard of that name asks; pip and compiled files go into the mounts."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
