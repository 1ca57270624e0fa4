"""The command ``tinyflow demo``: JupyterLab on a notebook that runs, or the notebook without a browser but visited."""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tinyflow_jupyter._ipynb import read_notebook
from tinyflow_jupyter._visitor import Report

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "01_this_computer.ipynb"
EXTENSIONS = Path(__file__).parent / "lab"
VISITS = 200
SHOWN = 160  # letters of the last answer that are printed
# What turns the notebook into one whose flow runs on a pocket cluster: nothing else in it changes.
ON_A_POCKET_CLUSTER = {
    "flow.start()": "cluster = tf.Cluster.local()\nflow = cluster.push(flow)",
    "flow.stop()": "cluster.close()",
}


def main(arguments: Sequence[str]) -> int:
    """Show what this computer is doing: a flow of its vitals, and an HTTP server that answers with them."""
    parser = argparse.ArgumentParser(
        prog="tinyflow demo", description=main.__doc__, epilog="Other options are handed on to JupyterLab."
    )
    parser.add_argument("--headless", action="store_true", help=f"run it without a browser, and ask it {VISITS} times")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long it lasts headless (default: %(default)g)")
    parser.add_argument("--notebook", type=Path, default=NOTEBOOK, help="another notebook")
    options, others = parser.parse_known_args(arguments)
    if not options.notebook.exists():
        parser.error(f"there is no {options.notebook}; the notebooks come with the repository, not with the package")
    if not options.headless:
        lab(options.notebook.resolve(), others)
    if others:
        parser.error(f"unknown without a browser: {' '.join(others)}")
    rungs = [{}, ON_A_POCKET_CLUSTER] if options.notebook == NOTEBOOK else [{}]
    return max(headless(options.notebook, options.seconds, changes) for changes in rungs)


def lab(notebook: Path, others: Sequence[str]) -> None:
    """Become JupyterLab, open on a notebook, which runs at once; reachable from this computer only."""
    command = [sys.executable, "-m", "jupyterlab", f"--notebook-dir={notebook.parent}"]
    # Not as a file to open: then the address that is printed, for whoever has no browser here, would be the launcher's.
    command.append(f"--LabApp.default_url=/lab/tree/{quote(notebook.name)}")
    command += ["--ServerApp.ip=127.0.0.1", "--ServerApp.answer_yes=True"]  # one Ctrl-C is enough
    command += [f"--LabServerApp.extra_labextensions_path={EXTENSIONS}"]  # it presses "Run All Cells"
    command += ["--ContentsManager.pre_save_hook=tinyflow_jupyter._demo.without_outputs"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container everybody is root
    command += others
    print(f"JupyterLab opens on {notebook}, and runs its cells. Stop it here with Ctrl-C.", flush=True)
    os.execv(sys.executable, command)  # so that signals are JupyterLab's own, which ends its kernels


def without_outputs(model: dict[str, Any], **_: Any) -> None:  # Any: a document, and more, as Jupyter has them
    """What is saved is what a person wrote: a demo that runs leaves no traces in the repository."""
    if model["type"] != "notebook":
        return
    for cell in model["content"]["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    model["content"]["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def headless(notebook: Path, seconds: float, changes: Mapping[str, str]) -> int:
    """Execute the notebook while another process asks its flow over HTTP; print what came through.

    Args:
        notebook: Its path.
        seconds: How long its flow runs.
        changes: What to write instead of what; each must be in it.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    port = free_port()
    kernel = {**os.environ, "TINYFLOW_DEMO_PORT": str(port), "TINYFLOW_DEMO_SECONDS": str(seconds)}
    document = read_notebook(notebook)
    rewrite(document, changes)
    client = NotebookClient(
        document,
        timeout=300,
        resources={"metadata": {"path": str(notebook.parent)}},
        extra_arguments=["--IPKernelApp.log_level=40"],  # else it warns of its sockets, which nobody but we can reach
    )
    began = time.monotonic()
    command = [sys.executable, "-m", "tinyflow_jupyter._visitor"]
    command += [f"http://127.0.0.1:{port}/", str(VISITS), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as visitor:
        try:
            client.execute(env=kernel)
        except (CellExecutionError, DeadKernelError) as error:
            visitor.terminate()
            print(f"{notebook.name} did not run to its end:\n{error}", file=sys.stderr)
            return 1
        except BaseException:
            visitor.terminate()
            raise
        said, _ = visitor.communicate()
    if visitor.returncode:
        return 1  # it has said why
    where = "on a pocket cluster" if changes else "in the kernel"
    ran = f"{notebook.name} ran {where} for {time.monotonic() - began:.1f} s"
    return told(Report(**json.loads(said)), ran, last_words(document))


def rewrite(document: Any, changes: Mapping[str, str]) -> None:  # a notebook, as nbformat has it
    """Change the text of a notebook's cells.

    Raises:
        ValueError: Something that is to be changed is not there.
    """
    for old, new in changes.items():
        cells = [cell for cell in document.cells if cell.cell_type == "code" and old in cell.source]
        if not cells:
            raise ValueError(f"no cell of the notebook says {old!r}")
        for cell in cells:
            cell.source = cell.source.replace(old, new)


def told(report: Report, ran: str, words: str) -> int:
    """Print what came through; the exit code says whether it was everything."""
    print(f"{ran}. Another process ({report.pid}) asked it over HTTP meanwhile.")
    print(f"  {report.asked} requests, {report.answered} answered with 200, in {report.seconds:.2f} s", end="; ")
    print(f"median {report.median:.1f} ms, slowest {report.slowest:.1f} ms")
    print(f"  the last answer: {report.last[:SHOWN]}{'…' * (len(report.last) > SHOWN)}")
    print(f"  the notebook's last words: {words or 'none'}")
    if report.answered == report.asked:
        return 0
    print(f"Not all were answered: {report.statuses}", file=sys.stderr)
    return 1


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
