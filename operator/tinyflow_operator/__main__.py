"""The command ``tinyflow operator``, also ``python -m tinyflow_operator``; and the pocket cluster's program."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.lifeline import until_ended

from tinyflow_operator.configuration import DEFAULTS, Configuration, read
from tinyflow_operator.editions import check_definitions
from tinyflow_operator.kube import Kube
from tinyflow_operator.loop import Operator


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
    parser.add_argument("--leash", action="store_true", help="end when standard input does, so with whoever started it")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    configuration = read(options.config) if options.config else DEFAULTS
    asyncio.run(_main(options, configuration))


async def _main(options: argparse.Namespace, configuration: Configuration) -> None:
    async with Kube.of_this_machine() as kube:
        await until_ended(_work(kube, options, configuration), leash=options.leash)


async def _work(kube: Kube, options: argparse.Namespace, configuration: Configuration) -> None:
    await check_definitions(kube)
    await Operator(kube, options.namespace, configuration=configuration, gateway=options.gateway).run()


if __name__ == "__main__":
    if sys.argv[1:2] == ["pocket"]:
        from tinyflow_operator.pocket.program import main as pocket  # an operator alone needs none of it

        pocket(sys.argv[2:])
    else:
        try:
            main(sys.argv[1:])
        except TinyFlowError as error:
            sys.exit(str(error))
