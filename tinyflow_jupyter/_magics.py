"""The magics: %%component, %send, %push and %tinyflow doctor, each one call of the API."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError, NodeError, NotRunning, did_you_mean

from ._cell import load_cell
from ._flow import Flow

SEND = "Write %send node:port payload, or %send flow node:port payload."
PUSH = "Write %push, %push flow, %push flow cluster, or one of them and --confirm NAME."


class Magics:
    """What the magics do, for one shell.

    Args:
        shell: IPython's.
    """

    def __init__(self, shell: Any) -> None:  # Any: IPython is not needed to import this file
        self.shell = shell

    def register(self) -> None:
        """Let the shell know them; the ones of an earlier import are replaced."""
        self.shell.register_magic_function(self.component, "cell", "component")
        self.shell.register_magic_function(self.send, "line", "send")
        self.shell.register_magic_function(self.push, "line", "push")
        self.shell.register_magic_function(self.tinyflow, "line", "tinyflow")

    def component(self, line: str, cell: str) -> None:
        """``%%component [module]``: the cell is a component file of its own, imports included.

        It runs in a namespace of its own; its function or class then has its name in the notebook too. Running it
        again lets running flows use the new code between two messages.
        """
        text = "\n" + cell  # the magic is the first line
        number = len(self.shell.user_ns["In"]) - 1  # execution_count is already the next cell's since IPython 9
        filename = self.shell.compile.cache(text, number, raw_code=f"%%component {line}\n{cell}")
        place.remember(filename, number)
        words = line.split("#")[0].split()
        self.shell.user_ns.update(load_cell(text, filename, *words[:1], notebook=self.shell.user_ns))

    def send(self, line: str) -> None:
        """``%send [flow] node:port payload``: send what a Python expression gives to an input of the flow that runs."""
        first, _, rest = line.strip().partition(" ")
        if not first:
            raise _usage(SEND)
        if ":" in first:
            flow = self._flow_that_runs()
        else:
            flow = self._flow_called(first)
            first, _, rest = rest.strip().partition(" ")
        if not rest.strip():
            raise _usage(SEND)
        flow.send(first, eval(rest.strip(), self.shell.user_global_ns, self.shell.user_ns))

    def push(self, line: str) -> Any:  # Any: the flow as it runs on the cluster
        """``%push [flow] [cluster] [--confirm NAME]``: bring a cluster to a flow; what there is one of may be left out.

        What has to be confirmed, the error says: a namespace that is production, or whose flow would be replaced.
        """
        # The Kubernetes client and gRPC are loaded by whoever has a cluster.
        from ._cluster import Cluster
        from ._cluster.confirming import Unconfirmed

        words, confirm = _confirmed(line)
        clusters = {
            name: thing
            for name, thing in self.shell.user_ns.items()
            if isinstance(thing, Cluster) and not name.startswith("_") and not thing.closed
        }
        flow = self._flow_called(words[0]) if words and words[0] not in clusters else self._only_flow()
        names = [word for word in words if word in clusters]
        if len(words) - len(names) > 1 or len(names) > 1:
            raise _usage(PUSH)
        if not names and len(clusters) != 1:
            what = f"{len(clusters)} clusters are open: {', '.join(clusters)}." if clusters else "No cluster is open."
            way_out = "Say which: %push flow cluster." if clusters else "Make one: cluster = tf.Cluster.local()."
            raise ClusterError("TF-160", what, way_out)
        cluster = clusters[names[0]] if names else next(iter(clusters.values()))
        try:
            return cluster.push(flow, confirm=confirm)
        except Unconfirmed as error:
            said = [part for name in confirm for part in ("--confirm", name)]
            raise error.written(shlex.join(["%push", *words, *said])) from None

    def tinyflow(self, line: str) -> None:
        """``%tinyflow doctor``: look at this computer and the kubeconfig's cluster, as a table of what to do."""
        from IPython.display import display

        from ._doctor.command import make_parser
        from ._doctor.examination import examine

        word, *words = line.split("#")[0].split() or [""]
        try:
            if word != "doctor":
                raise SystemExit
            options = make_parser("%tinyflow doctor").parse_args(words)
        except SystemExit:  # argparse ends programs, and this one is a kernel
            raise _usage("Write %tinyflow doctor, or %tinyflow doctor --context C --namespace N.") from None
        found = examine(options.context, options.namespace)
        display(found)  # type: ignore[no-untyped-call]  # IPython has few types

    def _only_flow(self) -> Flow:
        flows = {flow.name: flow for flow in self._flows().values()}
        if len(flows) == 1:
            return next(iter(flows.values()))
        what = f"There are {len(flows)} flows: {', '.join(flows)}." if flows else "There is no flow to push."
        way_out = "Say which: %push flow." if flows else 'Make one: flow = tf.Flow("numbers").'
        raise NodeError("TF-107", what, way_out)

    def _flows(self) -> dict[str, Flow]:
        """The newest object of each flow that the notebook has a variable for."""
        return {
            name: thing
            for name, thing in self.shell.user_ns.items()
            if isinstance(thing, Flow) and not name.startswith("_")
        }

    def _flow_called(self, name: str) -> Flow:
        flows = self._flows()
        named = {flow.name: flow for flow in flows.values()} | flows
        if name not in named:
            raise NodeError(
                "TF-107",
                f"There is no flow {name!r}.",
                did_you_mean(name, named),
                f"Flows: {', '.join(flows) or 'none'}.",
            )
        return named[name]

    def _flow_that_runs(self) -> Flow:
        running = {flow.name: (name, flow) for name, flow in self._flows().items() if flow.running}
        if len(running) == 1:
            return next(iter(running.values()))[1]
        if not running:
            raise NotRunning("TF-135", "No flow runs, so %send has nobody to give it to.", "Start one: flow.start().")
        names = ", ".join(name for name, _ in running.values())
        raise NodeError("TF-107", f"{len(running)} flows run: {names}.", "Say which: %send flow node:port payload.")


def _usage(text: str) -> Exception:
    """What IPython shows as one line: how a magic is written."""
    from IPython.core.error import UsageError

    return UsageError(text)


def _confirmed(line: str) -> tuple[list[str], list[str]]:
    """The words of a %push, and what they confirm."""
    parser = argparse.ArgumentParser("%push", add_help=False)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--confirm", action="append", default=[])
    try:
        options = parser.parse_intermixed_args(shlex.split(line, comments=True))
    except (SystemExit, ValueError):  # argparse ends programs, and this one is a kernel; a quote without its end
        raise _usage(PUSH) from None
    return options.words, options.confirm
