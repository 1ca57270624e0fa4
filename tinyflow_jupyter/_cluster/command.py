"""The command ``tinyflow push``: the flows of a notebook to a cluster, without a kernel."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyflow_runtime.errors import ClusterError, ManifestError, did_you_mean

from .cluster import Cluster
from .confirming import Unconfirmed
from .notebook import flows_of
from .pocket import runs, state_folder
from .sources import sources_of_notebook


def main(arguments: Sequence[str]) -> None:
    """Push the flows of a notebook to a cluster. Of the notebook only what defines its flows is run."""
    parser = argparse.ArgumentParser(prog="tinyflow push", description=main.__doc__)
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK.ipynb", nargs="?")
    parser.add_argument("flows", nargs="*", metavar="FLOW", help="only these; all of the notebook unless given")
    parser.add_argument("--context", help="of the kubeconfig; its current one unless given")
    parser.add_argument("--namespace", help="the context's own unless given")
    parser.add_argument("--local", metavar="NAME", help="a pocket cluster on this computer, started unless it runs")
    parser.add_argument("--timeout", type=float, default=60, help="seconds until it has to be ready (%(default)g)")
    parser.add_argument(
        "--confirm", action="append", default=[], metavar="NAME", help="as cluster.push(flow, confirm=…)"
    )
    parser.add_argument("--plan", action="store_true", help="only say what would change")
    parser.add_argument("--end", metavar="NAME", help="push nothing: end the pocket cluster of that name")
    options = parser.parse_intermixed_args(arguments)
    if options.end:
        _end(options.end)
        return
    if options.notebook is None:
        parser.error("which notebook? tinyflow push NOTEBOOK.ipynb")
    if options.local and (options.context or options.namespace):
        parser.error("--local is a cluster of its own: it takes neither --context nor --namespace")
    sys.path.insert(0, str(options.notebook.parent))  # a kernel runs where its notebook is
    found = flows_of(options.notebook)
    for name in options.flows:
        if name not in found:
            what = f"{options.notebook.name} defines no flow {name!r}."
            raise ManifestError("TF-117", what, did_you_mean(name, found), f"Flows: {', '.join(found)}.")
    sources = sources_of_notebook(options.notebook)
    with _cluster(options) as cluster:
        for name in options.flows or found:
            if options.plan:
                print(cluster.plan(found[name], sources=sources))
            else:
                try:
                    cluster.push(found[name], options.timeout, sources=sources, confirm=options.confirm)
                except Unconfirmed as error:
                    raise error.written(shlex.join(["tinyflow", "push", *arguments])) from None
    if options.local and not options.plan:
        print(f"It runs on. tinyflow push --end {options.local} ends it.", file=sys.stderr)


def _cluster(options: argparse.Namespace) -> Cluster:
    """The cluster that the options name. A plan leaves none running that did not run before."""
    if options.local:
        return Cluster.local(options.local, detach=not options.plan)
    try:
        return Cluster(options.context, namespace=options.namespace)
    except ClusterError as error:
        way_out = (
            error.way_out if options.context else ("Say --local NAME for one on this computer, or set KUBECONFIG.",)
        )
        raise ClusterError(error.code, error.what, *way_out) from None


def _end(name: str) -> None:
    if not runs(state_folder() / name):
        raise ClusterError("TF-160", f"No pocket cluster {name!r} runs on this computer.", "It may have ended already.")
    Cluster.local(name).end()
    print(f"The pocket cluster {name} has ended.")
