"""The command ``tinyflow push``: the flows of a notebook to a cluster, without a kernel."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyflow_runtime.errors import ManifestError, did_you_mean

from .cluster import Cluster
from .notebook import flows_of
from .sources import sources_of_notebook


def main(arguments: Sequence[str]) -> None:
    """Push the flows of a notebook to a cluster. Of the notebook only what defines its flows is run."""
    parser = argparse.ArgumentParser(prog="tinyflow push", description=main.__doc__)
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK.ipynb")
    parser.add_argument("flows", nargs="*", metavar="FLOW", help="only these; all of the notebook unless given")
    parser.add_argument("--context", help="of the kubeconfig; its current one unless given")
    parser.add_argument("--namespace", help="the context's own unless given")
    parser.add_argument("--local", metavar="NAME", help="a pocket cluster on this computer, started unless it runs")
    parser.add_argument("--timeout", type=float, default=60, help="seconds until it has to be ready (%(default)g)")
    parser.add_argument("--plan", action="store_true", help="only say what would change")
    options = parser.parse_args(arguments)
    if options.local and (options.context or options.namespace):
        parser.error("--local is a cluster of its own: it takes neither --context nor --namespace")
    sys.path.insert(0, str(options.notebook.parent))  # a kernel runs where its notebook is
    found = flows_of(options.notebook)
    for name in options.flows:
        if name not in found:
            what = f"{options.notebook.name} defines no flow {name!r}."
            raise ManifestError("TF-117", what, did_you_mean(name, found), f"Flows: {', '.join(found)}.")
    sources = sources_of_notebook(options.notebook)
    if options.local:
        cluster = Cluster.local(options.local, detach=True)
    else:
        cluster = Cluster(options.context, namespace=options.namespace)
    with cluster:
        for name in options.flows or found:
            if options.plan:
                print(cluster.plan(found[name], sources=sources))
            else:
                cluster.push(found[name], options.timeout, sources=sources)
