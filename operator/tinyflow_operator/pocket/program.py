"""The pocket cluster's program: its API, its launcher, and an operator beside it that is kept running."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyflow_runtime.hosting.lifeline import until_ended

from tinyflow_operator.access import POCKET, InPocket
from tinyflow_operator.crds import definitions
from tinyflow_operator.kube import Kube
from tinyflow_operator.launcher import launch
from tinyflow_operator.launcher.process import KeptProcess
from tinyflow_operator.launcher.template import Program
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store

NAME = "pocket"  # of its context, cluster and user in the kubeconfig


def main(arguments: Sequence[str]) -> None:
    """Run a pocket cluster: what a cluster does, on this machine, without Kubernetes and without a trace afterwards."""
    parser = argparse.ArgumentParser(prog="python -m tinyflow_operator pocket", description=main.__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="an empty folder with a short path, for all it writes")
    parser.add_argument("--leash", action="store_true", help="end when standard input does, so with whoever started it")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(until_ended(_run(options.dir.resolve()), leash=options.leash))


async def _run(home: Path) -> None:
    token = secrets.token_urlsafe(32)
    async with serve(Store(definitions()), token=token, logs=home / "logs") as url:
        kubeconfig, address = home / "kubeconfig", f"{url}/{token}"
        _write(kubeconfig, address, token)
        os.environ["KUBECONFIG"] = str(kubeconfig)  # nothing that is started here reaches another cluster by mistake
        environment = {POCKET: address}

        async def operator() -> Program:
            return Program((sys.executable, "-m", "tinyflow_operator", "--leash"), environment)

        async with Kube(InPocket(address)) as kube, asyncio.TaskGroup() as tasks:
            tasks.create_task(KeptProcess(operator, home / "logs" / "operator.log", lambda: None).run())
            tasks.create_task(launch(kube, home))
            print(f"serving at {url}", flush=True)  # whoever started us waits for this line


def _write(path: Path, address: str, token: str) -> None:
    """The kubeconfig. The login is in the server's path too: kubectl sends none without TLS. Only we may read it."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": NAME,
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}],
        "clusters": [{"name": NAME, "cluster": {"server": address}}],
        "users": [{"name": NAME, "user": {"token": token}}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(document), encoding="utf-8")
