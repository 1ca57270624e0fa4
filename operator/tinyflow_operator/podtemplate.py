"""The pod template of a module: a program without rights, which writes into its mounts alone. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tinyflow_runtime.resources.labels import REQUIREMENTS_SHA256, SHA256, SOURCE_SHA256

from tinyflow_operator.configuration import Configuration
from tinyflow_operator.kinds import Document
from tinyflow_operator.names import secret_name
from tinyflow_operator.quantity import mebibytes

PORT = 7443
SOURCE, STATE, DEPENDENCIES = "/tinyflow/source", "/tinyflow/state", "/tinyflow/dependencies"
INDEX_CA, TLS = "/tinyflow/index", "/tinyflow/tls"
TMP = "/tmp"  # a mount of its own: the root is read-only
ARCHIVE = "source.zip"
INSTALLS = ("source", "dependencies", "tmp")  # the mounts of the container that does: no state, and no key
OF_ITS_LIMIT = 0.9  # of the memory a container may take; past that a module ends itself, and says what was busy
DRAINS = 20  # seconds to end: five to handle what was accepted, and some for what components do at their end

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


def template(
    module: Document, code: Code | None, configuration: Configuration, *, labels: Document, tls: bool
) -> Document:
    """A module's pod.

    Args:
        code: Its source; None when its image holds it.
        tls: Whether it proves who it is, and asks it of whoever calls.
        labels: By which the pod is found.
    """
    name = module["metadata"]["name"]
    volumes: list[Document] = [{"name": "state", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    mounts: list[Document] = [{"name": "state", "mountPath": STATE}, {"name": "tmp", "mountPath": TMP}]
    container = _container("module", module, configuration)
    container["env"].append({"name": "TINYFLOW_MODULE", "value": name})
    container["ports"] = [{"name": "grpc", "containerPort": PORT, "protocol": "TCP"}]
    container |= _probes()
    arguments = ["--listen", f"0.0.0.0:{PORT}", "--state", STATE, *_memory(configuration)]
    if tls:
        arguments += ["--tls", TLS]
        volumes.append({"name": "tls", "secret": {"secretName": secret_name(name)}})
        mounts.append({"name": "tls", "mountPath": TLS, "readOnly": True})
    labels = {**configuration.pod_labels, **labels}
    annotations: Document = dict(configuration.pod_annotations)
    pod: Document = {}
    if code is None:
        container["args"] = ["module", name, *arguments]
    else:
        labels[SHA256] = code.sha256[:12]
        annotations[SOURCE_SHA256] = code.sha256  # another source is another template, and so a rollout
        source = ["--source", f"{SOURCE}/{ARCHIVE}", "--sha256", code.sha256]
        container["command"] = ["python", "-m", "tinyflow_runtime", "module", name, *source, *arguments]
        volumes.append({"name": "source", "configMap": {"name": code.config_map}})
        mounts.append({"name": "source", "mountPath": SOURCE, "readOnly": True})
        if code.requirements:
            annotations[REQUIREMENTS_SHA256] = lock_of(code)
            volumes.append({"name": "dependencies", "emptyDir": {}})
            mounts.append({"name": "dependencies", "mountPath": DEPENDENCIES})
            container["env"].append({"name": "PYTHONPATH", "value": DEPENDENCIES})
            pod["initContainers"] = [_install(module, code, configuration, mounts)]
            volumes += _of_index(configuration)
    container["volumeMounts"] = mounts
    return {
        "metadata": {"labels": labels, **({"annotations": annotations} if annotations else {})},
        "spec": {**pod, **_around(configuration), "containers": [container], "volumes": volumes},
    }


def lock_of(code: Code) -> str:
    """The hash of the requirements: the same lock is the same environment."""
    return hashlib.sha256("\n".join(code.requirements).encode()).hexdigest() if code.requirements else ""


def _container(name: str, module: Document, configuration: Configuration) -> Document:
    policy = configuration.image_pull_policy
    parts = {"requests": configuration.resources.requests, "limits": configuration.resources.limits}
    # As text: server-side apply takes no bare number.
    resources = {part: {name: str(much) for name, much in said.items()} for part, said in parts.items() if said}
    return {
        "name": name,
        "image": module["spec"].get("image") or configuration.image,
        **({"imagePullPolicy": policy} if policy else {}),
        "env": [dict(one) for one in configuration.env],
        **({"resources": resources} if resources else {}),
        "terminationMessagePolicy": "FallbackToLogsOnError",  # so that a status can say why it does not load
        # As the Pod Security Standard "restricted" asks; pip and compiled files go into the mounts.
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _install(module: Document, code: Code, configuration: Configuration, mounts: list[Document]) -> Document:
    container = _container("install", module, configuration)
    container["command"] = ["python", "-c", INSTALL, f"{SOURCE}/{ARCHIVE}", code.sha256, DEPENDENCIES]
    container["volumeMounts"] = [dict(mount) for mount in mounts if mount["name"] not in ("state", "tls")]
    index = configuration.index
    if index is not None:
        container["env"].append({"name": "PIP_INDEX_URL", "value": index.url})
        if index.ca_secret:
            container["env"].append({"name": "PIP_CERT", "value": f"{INDEX_CA}/ca.crt"})
            container["volumeMounts"].append({"name": "index", "mountPath": INDEX_CA, "readOnly": True})
    return container


def _of_index(configuration: Configuration) -> list[Document]:
    if configuration.index is None or not configuration.index.ca_secret:
        return []
    items = [{"key": "ca.crt", "path": "ca.crt"}]
    return [{"name": "index", "secret": {"secretName": configuration.index.ca_secret, "items": items}}]


def _probes() -> Document:
    """Whether it listens: it does when its text is loaded. Kubernetes asks by gRPC from 1.24 on; by TCP always."""
    listens = {"tcpSocket": {"port": "grpc"}}
    return {
        # Two minutes to load, as long as a module gives itself.
        "startupProbe": {**listens, "periodSeconds": 1, "failureThreshold": 130},
        "readinessProbe": {**listens, "periodSeconds": 2},
        "livenessProbe": {**listens, "periodSeconds": 10, "failureThreshold": 6},
    }


def _memory(configuration: Configuration) -> list[str]:
    limit = configuration.resources.limits.get("memory")
    return ["--memory", str(max(int(mebibytes(limit) * OF_ITS_LIMIT), 1))] if limit else []


def _around(configuration: Configuration) -> Document:
    """What a pod has besides its containers."""
    user = configuration.run_as_user
    chosen = {
        "imagePullSecrets": [{"name": one.name} for one in configuration.image_pull_secrets],
        "nodeSelector": dict(configuration.node_selector),
        "tolerations": list(configuration.tolerations),
        "affinity": configuration.affinity,
        "topologySpreadConstraints": list(configuration.topology_spread_constraints),
        "priorityClassName": configuration.priority_class_name,
    }
    return {
        **{name: said for name, said in chosen.items() if said},
        "automountServiceAccountToken": False,  # it runs code typed into notebooks
        "enableServiceLinks": False,  # a hundred variables for each Service of the namespace
        "securityContext": {
            "runAsNonRoot": True,
            **({"runAsUser": user, "runAsGroup": user} if user is not None else {}),
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": DRAINS,
    }
