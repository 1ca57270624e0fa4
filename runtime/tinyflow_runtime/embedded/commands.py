"""The command ``tinyflow run``: a flow document runs in this process until it is interrupted."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tinyflow_runtime.embedded.flow import EmbeddedFlow
from tinyflow_runtime.errors import ManifestError


def run(arguments: Sequence[str]) -> None:
    """Run a flow from its document; components are found by import path."""
    parser = argparse.ArgumentParser(prog="tinyflow run", description=run.__doc__)
    parser.add_argument("flow", type=Path, metavar="FLOW.yaml", help="TinyFlow and TinyNode documents")
    parser.add_argument("--seconds", type=float, help="stop after that long; at Ctrl-C unless given")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    sys.path.insert(0, "")  # as `python -m` has it: components of the folder one stands in are found
    try:
        text = options.flow.read_text(encoding="utf-8")
    except OSError as error:
        what = f"{options.flow} cannot be read: {error.strerror}."
        raise ManifestError("TF-117", what, "Look at its path.") from error
    except UnicodeDecodeError as error:
        raise ManifestError("TF-117", f"{options.flow} is no text: {error}.", "Give what to_yaml() writes.") from error
    flow = EmbeddedFlow.from_yaml(text)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    flow.start()
    print(f"{flow.name} runs: {', '.join(flow.nodes)}. Ctrl-C stops it.", flush=True)
    ended.wait(options.seconds)
    flow.stop()
    for node, counts in flow.counts().items():
        print(f"{node}: {counts.handled} handled, {counts.dead} dead letters", flush=True)
