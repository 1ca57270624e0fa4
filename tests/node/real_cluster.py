"""A cluster that runs pods, as these tests use it: by kubectl, and with the images that it was given."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tinyflow_jupyter

ROOT = Path(__file__).parents[2]
MODULE = "TINYFLOW_TEST_IMAGE_MODULE"
OPERATOR = "TINYFLOW_TEST_IMAGE_OPERATOR"
EXPORTED = "TINYFLOW_TEST_IMAGE_EXPORTED"
IMAGES = (MODULE, OPERATOR, EXPORTED)
READY = 120  # seconds for pods on a busy machine; nothing waits for longer than it takes
SYSTEM = "tinyflow-system"


class Cluster:
    """A cluster as kubectl has it, and the images that it can get.

    Attributes:
        kubeconfig: Whose context is in a namespace of these tests' own.
        namespace: That one.
        before: What was called by our name before anything of ours was there, such as a node.
    """

    def __init__(self, kubectl: str, kubeconfig: Path, namespace: str) -> None:
        self._kubectl = kubectl
        self.kubeconfig, self.namespace = kubeconfig, namespace
        self.before = self.everything()

    def command(self, *arguments: str) -> list[str]:
        return [self._kubectl, f"--kubeconfig={self.kubeconfig}", *arguments]

    def __call__(self, *arguments: str, said: str = "") -> str:
        """What kubectl prints.

        Raises:
            AssertionError: It failed, and what it said.
        """
        done = subprocess.run(self.command(*arguments), input=said, capture_output=True, text=True, timeout=READY)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr.strip()}"
        return done.stdout

    def get(self, *arguments: str) -> Any:  # a document, as the cluster has it
        return json.loads(self("get", *arguments, "--output=json"))

    def pods(self, namespace: str, selector: str) -> list[Any]:
        """The pods that are not on their way out."""
        found = self.get("pods", f"--namespace={namespace}", f"--selector={selector}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def everything(self) -> set[str]:
        """Whatever has our name in its own, wherever it is; but for events, which go after an hour."""
        kinds = self("api-resources", "--verbs=list", "--output=name").split()
        kinds = [kind for kind in kinds if kind.partition(".")[0] not in ("events", "componentstatuses")]
        listed = self("get", ",".join(kinds), "--all-namespaces", "--output=name", "--ignore-not-found")
        return {line for line in listed.splitlines() if "tinyflow" in line}

    def until(self, true: Callable[[], Any], what: str, seconds: float = READY) -> Any:
        """Look again and again; returns what was found when it is something."""
        deadline = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.1)
        return found

    @contextlib.contextmanager
    def forward(self, target: str, port: int) -> Iterator[str]:
        """The address on this machine of a port of a pod."""
        command = self.command("port-forward", target, f":{port}")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                line = process.stdout.readline()  # Forwarding from 127.0.0.1:40123 -> 8765
                assert "->" in line, f"kubectl port-forward {target} ended"
                yield line.split()[2]
            finally:
                process.terminate()


def image(variable: str) -> dict[str, str]:
    """One of the images, as a chart's values have it."""
    repository, _, tag = os.environ[variable].rpartition(":")
    return {"repository": repository, "tag": tag}


def take_away(cluster: Cluster) -> None:
    """As its guide says: flows first, then what looks after them, and the definitions of both; the product does it."""
    cluster("delete", "namespace", cluster.namespace, "--ignore-not-found")
    with tinyflow_jupyter.Cluster() as installed:
        installed.uninstall(namespace=SYSTEM, crds=True)
