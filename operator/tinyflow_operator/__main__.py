"""The command ``tinyflow operator``, also ``python -m tinyflow_operator``; and the pocket cluster's program."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyflow_runtime.errors import ClusterError, TinyFlowError
from tinyflow_runtime.hosting.lifeline import until_ended

from tinyflow_operator.certificates import Certificates
from tinyflow_operator.configuration import DEFAULTS, Configuration, read
from tinyflow_operator.editions import check_definitions
from tinyflow_operator.kube import Kube
from tinyflow_operator.leadership import Leadership
from tinyflow_operator.loop import Operator
from tinyflow_operator.pages import Said, serve


def main(arguments: Sequence[str]) -> None:
    """Run the operator: it brings modules and nodes to what the cluster's custom resources say."""
    if arguments[:1] == ["gateway"]:
        from tinyflow_operator.gateway import main as gateway  # a process of its own: the operator needs none of it

        return gateway(arguments[1:])
    epilog = "First: tinyflow crds apply. A pocket cluster starts its own operator."
    parser = argparse.ArgumentParser(prog="tinyflow operator", description=main.__doc__, epilog=epilog)
    parser.add_argument("--namespace", default="", help="watch only this one; all of them unless given")
    parser.add_argument("--config", type=Path, metavar="FILE", help="what module pods get: image, resources, index, …")
    parser.add_argument(
        "--gateway", default="", metavar="NAMESPACE/NAME", help="the Service by which notebooks reach modules"
    )
    parser.add_argument("--tls", action="store_true", help="issue certificates: modules ask everybody for one")
    parser.add_argument("--leader", action="store_true", help="work only while no other operator does, by a Lease")
    parser.add_argument("--metrics", metavar="ADDRESS", help="answer Prometheus at /metrics there: 0.0.0.0:8080")
    parser.add_argument("--health", metavar="ADDRESS", help="answer a kubelet at /healthz and /readyz there")
    parser.add_argument("--leash", action="store_true", help="end when standard input does, so with whoever started it")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    configuration = read(options.config) if options.config else DEFAULTS
    asyncio.run(until_ended(_main(options, configuration), leash=options.leash))


async def _main(options: argparse.Namespace, configuration: Configuration) -> None:
    async with contextlib.AsyncExitStack() as stack:
        kube = await stack.enter_async_context(Kube.of_this_machine())
        leadership = None
        if options.leader:
            own = await stack.enter_async_context(Kube.of_this_machine())
            leadership = Leadership(own, *_of_pod())
        operator = Operator(
            kube,
            options.namespace,
            configuration=configuration,
            gateway=options.gateway,
            certificates=Certificates(kube, _of_pod()[0]) if options.tls else None,
        )
        said = Said(operator, kube, leadership)
        if options.metrics:
            await stack.enter_async_context(serve(options.metrics, {"/metrics": said.metrics}))
        if options.health:
            await stack.enter_async_context(serve(options.health, {"/healthz": said.lives, "/readyz": said.ready}))
        await check_definitions(kube)
        if leadership is None:
            await operator.run()
        else:
            kube.guard = leadership.check

            async def work() -> None:
                await check_definitions(kube)  # whoever waited for long may find others by now
                await operator.run()

            await leadership.lead(work)


def _of_pod() -> tuple[str, str]:
    """The namespace and the name of the pod that we are."""
    namespace = os.environ.get("POD_NAMESPACE", "")
    if not namespace:
        what = "--leader and --tls keep what is theirs in the operator's own namespace, and POD_NAMESPACE is not set."
        raise ClusterError("TF-188", what, "Set it, from the pod's metadata.namespace; and POD_NAME.")
    return namespace, os.environ.get("POD_NAME") or socket.gethostname()


if __name__ == "__main__":
    if sys.argv[1:2] == ["pocket"]:
        from tinyflow_operator.pocket.program import main as pocket  # an operator alone needs none of it

        pocket(sys.argv[2:])
    else:
        try:
            main(sys.argv[1:])
        except TinyFlowError as error:
            sys.exit(str(error))
