"""A pod template read as a program of this machine: its mounts are folders, its containers processes."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyflow_runtime.resources.labels import REQUIREMENTS_SHA256, SHA256, SOURCE_SHA256

from tinyflow_operator.kinds import Document

TMP = "/tmp"  # the mount of that name
DEPENDENCIES = "dependencies"  # the volume that an init container fills; one folder per lock, shared by all pods


@dataclass(frozen=True, slots=True)
class Program:
    """What one container is here.

    Attributes:
        arguments: The interpreter first.
        environment: What its template adds to the environment of the launcher.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def fingerprint(template: Document) -> str:
    """Ten letters that stand for a template; pods of another one have to be replaced."""
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def but_for_its_source(template: Document) -> str:
    """The fingerprint of a template as if it named no revision: equal ones need no new process."""
    bare = copy.deepcopy(template)
    bare["metadata"].get("annotations", {}).pop(SOURCE_SHA256, None)
    bare["metadata"].get("labels", {}).pop(SHA256, None)
    for volume in bare["spec"].get("volumes", []):
        volume.pop("configMap", None)
    for container in bare["spec"]["containers"]:
        command = [*container.get("command", []), *container.get("args", [])]
        container["command"], container["args"] = _without(command, "--sha256"), []
    return fingerprint(bare)


def source_of(template: Document) -> str:
    """The revision that a template's module serves; empty for an image."""
    return str((template["metadata"].get("annotations") or {}).get(SOURCE_SHA256, ""))


def config_maps(template: Document) -> dict[str, str]:
    """The ConfigMaps a template mounts: volume to name."""
    volumes = template["spec"].get("volumes", [])
    return {volume["name"]: volume["configMap"]["name"] for volume in volumes if "configMap" in volume}


def folders(template: Document, pod: Path, shared: Path) -> dict[str, Path]:
    """Where the volumes of a pod are: below the pod's own folder, and for dependencies where every pod finds them."""
    lock = (template["metadata"].get("annotations") or {}).get(REQUIREMENTS_SHA256, "")
    return {
        volume["name"]: shared / lock if volume["name"] == DEPENDENCIES and lock else pod / volume["name"]
        for volume in template["spec"].get("volumes", [])
    }


def fill(folder: Path, config_map: Document) -> None:
    """Write a ConfigMap's keys as files, as a kubelet mounts them."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {key: text.encode() for key, text in (config_map.get("data") or {}).items()}
    contents = {key: base64.b64decode(text) for key, text in (config_map.get("binaryData") or {}).items()}
    for key, content in {**texts, **contents}.items():
        (folder / key).write_bytes(content)


def program(container: Document, where: Mapping[str, Path], *, address: str = "") -> Program:
    """A container as a process: paths below a mount are those of its folder, ``python`` is this interpreter.

    Args:
        container: Of a pod template.
        where: Volume to folder.
        address: What it shall listen at instead of what its template says, for pods have addresses of their own and
            processes do not.
    """
    mounts = {mount["mountPath"]: where[mount["name"]] for mount in container.get("volumeMounts", [])}
    mounts.pop(TMP, None)  # this machine has one, and an interpreter may be below it
    command = [*container.get("command", []), *container.get("args", [])]
    if command[:1] == ["python"]:
        command[0] = sys.executable
    arguments = [_here(argument, mounts) for argument in command]
    if address:
        # On a leash, for a kubelet ends its containers with itself and nobody ends a process that is left behind.
        arguments = [*_without(arguments, "--listen"), "--listen", address, "--leash"]
    named = {each["name"]: _here(each["value"], mounts) for each in container.get("env", []) if "value" in each}
    return Program(tuple(arguments), named)


def _here(text: str, mounts: Mapping[str, Path]) -> str:
    for mount, folder in mounts.items():
        if text == mount or text.startswith(f"{mount}/"):
            return f"{folder}{text[len(mount) :]}"
    return text


def _without(arguments: list[str], option: str) -> list[str]:
    if option not in arguments:
        return list(arguments)
    at = arguments.index(option)
    return [*arguments[:at], *arguments[at + 2 :]]
