"""The commands ``tinyflow operator install`` and ``tinyflow operator uninstall``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import yaml
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import Document

from .cluster import Cluster
from .installing import NAMESPACE


def install(arguments: Sequence[str]) -> None:
    """Install TinyFlow on the kubeconfig's cluster, or bring it to this version: definitions, operator, gateway."""
    parser = _parser("install", install.__doc__)
    said = "of the chart tinyflow-operator, as YAML; its README tells them"
    parser.add_argument("--values", type=Path, metavar="FILE", help=said)
    parser.add_argument("--timeout", type=float, default=180, help="seconds until it has to run (%(default)g)")
    options = parser.parse_args(arguments)
    values = _read(options.values) if options.values else {}
    with Cluster(options.context) as cluster:
        cluster.install(values, namespace=options.namespace, timeout=options.timeout)


def uninstall(arguments: Sequence[str]) -> None:
    """Take TinyFlow away from the kubeconfig's cluster; flows stay, and their modules run on as they are."""
    parser = _parser("uninstall", uninstall.__doc__)
    parser.add_argument(
        "--crds", action="store_true", help="the definitions too, and ALL FLOWS of the cluster with them"
    )
    options = parser.parse_args(arguments)
    with Cluster(options.context) as cluster:
        cluster.uninstall(namespace=options.namespace, crds=options.crds)


def _parser(name: str, said: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"tinyflow operator {name}", description=said)
    parser.add_argument("--namespace", default=NAMESPACE, help="of the operator (%(default)s)")
    parser.add_argument("--context", help="of the kubeconfig; its current one unless given")
    return parser


def _read(path: Path) -> Document:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = str(error).splitlines()[0]
        raise ClusterError("TF-196", f"{path} cannot be read: {why}.", "Look at its path and its text.") from None
    if not isinstance(said or {}, dict):
        raise ClusterError("TF-196", f"{path} holds no values.", "Write them as the README of the chart has them.")
    return said or {}
