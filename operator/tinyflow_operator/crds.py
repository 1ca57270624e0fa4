"""The custom resource definitions, generated here; ``tinyflow crds`` prints, applies and checks them."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from tinyflow_runtime import __version__
from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.documents import EDITION
from tinyflow_runtime.resources.labels import SCHEMAS

from tinyflow_operator import schemas
from tinyflow_operator.editions import RULES, SELECTABLE, bring, look
from tinyflow_operator.kinds import FLOWS, MODULES, NODES, OURS, PROJECTS, SIGNALS, Document, Kind
from tinyflow_operator.kube import Kube

CHART = {
    "apiVersion": "v2",
    "name": "tinyflow-crds",
    "description": "The custom resource definitions of TinyFlow, apart from the operator: both can be upgraded.",
    "type": "application",
    "version": __version__,
    "appVersion": __version__,
    "kubeVersion": ">=1.20.0-0",  # what an older server does not know, the chart's template leaves out
    "icon": "https://raw.githubusercontent.com/tinyflow/tinyflow-jupyter/main/docs/icon.svg",
}

CATEGORY = "tiny"  # `kubectl get tiny`: all of ours; not tinyflow, by which kubectl could no longer mean the kind

_FLOW = {"name": "Flow", "type": "string", "jsonPath": ".metadata.labels.tinyflow\\.dev/flow"}
_READY = {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"}
_REASON = {"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].reason"}
_MESSAGE = {"name": "Message", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].message"}
_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_WIDE = {"priority": 1}  # shown by `kubectl get -o wide`


def definitions(*, rules: bool = True, selectable: bool = True) -> list[Document]:
    """All definitions, as documents.

    Args:
        rules: Whether the schemas' CEL rules come along, for servers from 1.25 on; without them nothing newer does.
            The operator checks the same things again.
        selectable: Whether fields to select by come along, for servers from 1.30 on.
    """
    made = [
        _definition(
            MODULES,
            "tm",
            schemas.module(),
            [
                _READY,
                _REASON,
                _column("Version", ".status.version"),
                _column("Revision", ".status.revision", **_WIDE),
                _column("Address", ".status.address", **_WIDE),
                _column("Certified until", ".status.certificate.notAfter", **_WIDE),
                {**_MESSAGE, **_WIDE},
            ],
            label=True,
        ),
        _definition(
            NODES,
            "tn",
            schemas.node(),
            [
                _FLOW,
                _column("Module", ".spec.module"),
                _column("Component", ".spec.component"),
                _READY,
                _REASON,
                {**_MESSAGE, **_WIDE},
            ],
            label=False,  # one that no flow can have is told by a condition
            fields=("module", "component"),
        ),
        _definition(
            FLOWS,
            "tf",
            schemas.flow(),
            [
                _READY,
                _REASON,
                _column("Nodes", ".status.summary"),
                _column("Gateway", ".status.gateway", **_WIDE),
                {**_MESSAGE, **_WIDE},
            ],
            label=True,
        ),
        _definition(
            PROJECTS,
            "tp",
            schemas.project(),
            [_READY, _REASON, _column("Flows", ".status.summary"), {**_MESSAGE, **_WIDE}],
            label=True,
        ),
        _definition(
            SIGNALS,
            "ts",
            schemas.signal(),
            [
                _column("Flow", ".spec.flow"),
                _column("To", ".spec.to"),
                _column("Phase", ".status.phase"),
                {**_MESSAGE, "jsonPath": ".status.conditions[?(@.type=='Delivered')].message", **_WIDE},
            ],
            label=False,
            fields=("flow",),
        ),
    ]
    for document in made:
        if not rules:
            _strip(document, "x-kubernetes-validations")
        if not (rules and selectable):
            _strip(document, "selectableFields")
    return made


def main(arguments: Sequence[str]) -> int:
    """Print the custom resource definitions, bring a cluster to them, or check what it has."""
    parser = argparse.ArgumentParser(prog="tinyflow crds", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", metavar="print|apply|check", help="print unless given")
    said = "print them as YAML, for kubectl apply --server-side -f -"
    printing = commands.add_parser("print", help=said, description=f"{said[0].upper()}{said[1:]}.")
    printing.add_argument("--without-rules", action="store_true", help="leave out what servers before 1.30 do not take")
    printing.add_argument("--write", metavar="CHART", type=Path, help="write the chart that installs them instead")
    for name, said in (
        ("apply", "bring the kubeconfig's cluster to them; what its version cannot take is left out"),
        ("check", "say whether the cluster's are as new as these; exit code 1 when not"),
    ):
        each = commands.add_parser(name, help=said, description=f"{said[0].upper()}{said[1:]}.")
        each.add_argument("--context", help="of the kubeconfig; its current one unless given")
    options = parser.parse_args(list(arguments) or ["print"])
    if options.command != "print":
        return asyncio.run((_apply if options.command == "apply" else _check)(options.context))
    if options.write is None:
        print(_yaml(*definitions(rules=not options.without_rules)), end="")
        return 0
    for name, text in chart().items():
        (options.write / name).parent.mkdir(parents=True, exist_ok=True)
        (options.write / name).write_text(text, encoding="utf-8")
    return 0


async def _apply(context: str | None) -> int:
    async with Kube.of_this_machine(context) as kube:
        with _once():
            server = await kube.version()
            made = definitions(rules=server >= RULES, selectable=server >= SELECTABLE)
            async for before, now in bring(kube, made):
                was = "new" if not before.there else "as before" if before.edition == now.edition else f"was {before}"
                print(f"{before.kind.name:<12} edition {now.edition}  ({was})")
    left = [
        *(["rules, which the operator checks too"] if server < RULES else []),
        *(["fields to select by"] if server < SELECTABLE else []),
    ]
    if left:
        print(f"Left out for Kubernetes {server[0]}.{server[1]}: {'; '.join(left)}.")
    return 0


async def _check(context: str | None) -> int:
    async with Kube.of_this_machine(context) as kube:
        with _once():
            found = [await look(kube, kind) for kind in OURS]
    for each in found:
        print(f"{each.kind.name:<12} {each}")
    if any(each.older for each in found):
        print("Run: tinyflow crds apply")
        return 1
    return 0


@contextlib.contextmanager
def _once() -> Iterator[None]:
    """Nothing is tried again here, whatever an error says to those who go on."""
    try:
        yield
    except ClusterError as error:
        if error.code != "TF-162":
            raise
        raise ClusterError(error.code, error.what, "Look whether it runs, and at the kubeconfig.") from None


def chart() -> dict[str, str]:
    """The chart's files, by their path in it."""
    files = {f"definitions/{document['spec']['names']['plural']}.yaml": _yaml(document) for document in definitions()}
    return {"Chart.yaml": _yaml(CHART), **files}


def _yaml(*documents: Document) -> str:
    said = "# Generated by `make crds`; change operator/tinyflow_operator/crds.py instead.\n"
    return said + yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes out what occurs twice: anchors would be hard to read, and to compare."""

    def ignore_aliases(self, _said: Any) -> bool:
        return True


def _column(name: str, path: str, **more: int) -> Document:
    return {"name": name, "type": "string", "jsonPath": path, **more}


def _definition(
    kind: Kind,
    short: str,
    schema: Document,
    columns: list[Document],
    *,
    label: bool,
    fields: Sequence[str] = (),  # of the spec, for `kubectl get --field-selector`
) -> Document:
    selectable = {"selectableFields": [{"jsonPath": f".spec.{field}"} for field in fields]} if fields else {}
    version = {
        "name": kind.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [*columns, _AGE],
        **selectable,
        "schema": {"openAPIV3Schema": schemas.whole(schema, label=label)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{kind.group}",
            "labels": {"app.kubernetes.io/part-of": "tinyflow"},
            "annotations": {
                # Helm would delete every flow of the cluster with the chart.
                "helm.sh/resource-policy": "keep",
                SCHEMAS: str(EDITION),
            },
        },
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [short],
                "categories": [CATEGORY],
            },
            "versions": [version],
        },
    }


def _strip(part: Any, name: str) -> None:  # any part of a document
    if isinstance(part, dict):
        part.pop(name, None)
        for each in part.values():
            _strip(each, name)
    elif isinstance(part, list):
        for each in part:
            _strip(each, name)
