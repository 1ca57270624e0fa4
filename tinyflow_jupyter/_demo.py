"""The command ``tinyflow demo``: JupyterLab on the demo notebook, or the notebook alone and with visitors."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "01_this_computer.ipynb"
VISITS = 200
VISITORS = 4  # at once
PATIENCE = 90.0  # seconds until the notebook's flow has to answer: a kernel on a busy machine starts slowly


def main(arguments: Sequence[str]) -> int:
    """Show what this computer is doing: a flow of its vitals, and an HTTP server that answers with them."""
    parser = argparse.ArgumentParser(prog="tinyflow demo", description=main.__doc__)
    parser.add_argument("--headless", action="store_true", help=f"run it without a browser, and ask it {VISITS} times")
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long it runs when headless (default: %(default)g)"
    )
    parser.add_argument("--notebook", type=Path, default=NOTEBOOK, help="another notebook")
    parser.add_argument("--visit", metavar="URL", help=argparse.SUPPRESS)  # what the visitor is started with
    options = parser.parse_args(arguments)
    if options.visit:
        print(json.dumps(visit(options.visit)))
        return 0
    if not options.notebook.exists():
        parser.error(f"there is no {options.notebook}; the notebooks come with the repository, not with the package")
    return headless(options.notebook, options.seconds) if options.headless else lab(options.notebook)


def lab(notebook: Path) -> int:
    """Open JupyterLab on a notebook; returns when it was stopped."""
    command = [sys.executable, "-m", "jupyterlab", str(notebook), f"--notebook-dir={notebook.parent}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container everybody is root
    print(f"JupyterLab opens on {notebook.name}. Choose Run > Run All Cells; stop it here with Ctrl-C.", flush=True)
    return subprocess.run(command, check=False).returncode


def headless(notebook: Path, seconds: float) -> int:
    """Execute the notebook while another process asks its flow over HTTP; print what came through."""
    import nbformat  # where only the interactive demo is used, neither is needed
    from nbclient import NotebookClient

    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    os.environ.update(TINYFLOW_DEMO_PORT=str(port), TINYFLOW_DEMO_SECONDS=str(seconds))
    document = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call] # nbformat has no types
    client = NotebookClient(document, timeout=300, resources={"metadata": {"path": str(notebook.parent)}})
    began = time.monotonic()
    command = [sys.executable, "-m", "tinyflow_runtime", "demo", "--visit", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as visitor:
        try:
            client.execute()
        except BaseException:
            visitor.terminate()
            raise
        said, _ = visitor.communicate()
    took = time.monotonic() - began
    if visitor.returncode:
        return 1
    report: dict[str, Any] = json.loads(said)  # what visit() gave
    print(f"{notebook.name} ran in {took:.1f} s; its last words: {last_words(document) or 'none'}")
    print(
        f"{report['asked']} HTTP requests from process {report['pid']}: {report['answered']} answered with 200 "
        f"in {report['seconds']:.2f} s, median {report['median_ms']:.1f} ms, slowest {report['slowest_ms']:.1f} ms."
    )
    print(f"The last answer: {report['last']}")
    if report["answered"] == report["asked"]:
        return 0
    print(f"Not all were answered: {report['statuses']}", file=sys.stderr)
    return 1


def visit(url: str) -> dict[str, Any]:  # JSON
    """Wait until somebody answers there, then ask it many times and tell how it went."""
    deadline = time.monotonic() + PATIENCE
    while (first := ask(url))[0] == 0:
        if time.monotonic() > deadline:
            raise SystemExit(f"Nobody answered at {url} within {PATIENCE:g} s: {first[2]}")
        time.sleep(0.1)
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(VISITORS) as visitors:
        answers = list(visitors.map(ask, [url] * VISITS))
    times = [seconds * 1000 for _, seconds, _ in answers]
    statuses = Counter(str(status or text) for status, _, text in answers)
    return {
        "pid": os.getpid(),
        "asked": len(answers),
        "answered": sum(status == 200 for status, _, _ in answers),
        "statuses": dict(statuses),
        "seconds": time.monotonic() - began,
        "median_ms": statistics.median(times),
        "slowest_ms": max(times),
        "last": answers[-1][2],
    }


def ask(url: str) -> tuple[int, float, str]:
    """One request: the status (0 when nobody answered), the seconds it took, and what was said."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, time.monotonic() - began, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, time.monotonic() - began, str(error)
    except OSError as error:
        return 0, time.monotonic() - began, str(error)


def last_words(document: Any) -> str:  # a notebook, as nbformat has it
    """What the last cell that printed anything printed."""
    for cell in reversed(document.cells):
        texts = [output.text for output in cell.get("outputs", []) if output.output_type == "stream"]
        if texts:
            return "".join(texts).strip()
    return ""


def free_port() -> int:
    """A port of this machine that nobody listens at right now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
