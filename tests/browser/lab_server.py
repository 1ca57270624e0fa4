"""A JupyterLab server of the tests' own: on loopback, with a home of its own, and gone with its kernels at the end."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil

from tinyflow_jupyter._demo import free_port

ROOT = Path(__file__).parents[2]
SOURCES = (ROOT, ROOT / "runtime", ROOT / "operator")
STARTS = 60.0  # seconds that a busy machine may take to import JupyterLab
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
ENDS = 10.0  # seconds for it to end its kernels; what is left then is killed


@dataclass(frozen=True)
class LabServer:
    """A server that runs, and its folder of notebooks. Notebook 7 is served too, where it is installed.

    Attributes:
        aside: Who starts the kernel of the next notebook and ends those of the last while somebody works on this one.
    """

    url: str
    token: str
    home: Path
    process: psutil.Process
    aside: Executor | None = None

    @property
    def folder(self) -> Path:
        """Where its notebooks are."""
        return self.home / "notebooks"

    @property
    def profile(self) -> Path:
        """A browser's folder: what it has fetched and compiled once it need not fetch again."""
        return self.home / "browser"

    def write(self, name: str, cells: Sequence[str]) -> None:
        """Put a notebook of code cells into its folder."""
        document: Any = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        document.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(document, self.folder / f"{name}.ipynb")

    def read(self, name: str) -> Any:
        """A notebook as it was saved."""
        return nbformat.read(self.folder / f"{name}.ipynb", as_version=4)

    def address(self, name: str, *, classic: bool = False) -> str:
        """Where a notebook is shown; ``classic`` is Notebook 7."""
        place = "notebooks" if classic else "lab/tree"
        return f"{self.url}/{place}/{name}.ipynb?token={self.token}" + ("" if classic else "&reset")

    def memory(self) -> int:
        """Bytes that the server and its kernels have written."""
        return sum(map(written, (self.process, *self.kernels())))

    def kernels(self) -> list[psutil.Process]:
        """What it has started and what runs still."""
        return self.process.children(recursive=True)

    def give_kernel(self, name: str) -> None:
        """Where that is done aside, have a notebook find a kernel that has had the time to start."""
        if self.aside is None:
            return
        found = {kernel["id"] for kernel in self._asked("GET", "api/kernels")}
        found -= {session["kernel"]["id"] for session in self._asked("GET", "api/sessions")}
        for kernel in [*found][:1]:
            session = {"path": f"{name}.ipynb", "name": name, "type": "notebook", "kernel": {"id": kernel}}
            self._asked("POST", "api/sessions", session)
        self.aside.submit(self._asked, "POST", "api/kernels", {"name": "python3", "path": ""})

    def end_kernels(self) -> None:
        """End the kernels of all notebooks, as closing them would."""
        for session in self._asked("GET", "api/sessions"):
            place = f"api/sessions/{session['id']}"
            self._asked("PATCH", place, {"path": f"ended-{session['id']}.ipynb"})  # the notebook may be opened again
            self.aside.submit(self._asked, "DELETE", place) if self.aside else self._asked("DELETE", place)

    def forget_settings(self) -> None:
        """Have the theme, and whatever else somebody chose, as it was at first."""
        shutil.rmtree(self.home / "jupyter_config_dir" / "lab" / "user-settings", ignore_errors=True)

    def _asked(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"token {self.token}"}
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", sent, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


def written(process: psutil.Process) -> int:
    """Bytes that a process holds and nobody else.

    Pages of files are left out: libraries count as its own as soon as the last other process ends that has mapped them.
    """
    return sum(part.private_dirty + part.swap for part in process.memory_maps())


@contextlib.contextmanager
def lab_server(home: Path, aside: Executor | None = None) -> Iterator[LabServer]:
    """A server whose every file is in one folder.

    Raises:
        RuntimeError: It does not answer; what it said is in its log.
    """
    log = home / "log"
    (home / "notebooks").mkdir()
    settings = home / "jupyter_config_dir" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(QUIET))
    port, token = free_port(), secrets.token_hex(16)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    command += [
        f"--notebook-dir={home / 'notebooks'}",
        f"--IdentityProvider.token={token}",
        "--ServerApp.answer_yes=True",
    ]
    command += ["--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True"]
    command += ["--JupyterNotebookApp.expose_app_in_browser=True"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in a container everybody is root
    places = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    own = {"HOME": str(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime"), **places}
    environment = {**os.environ, **own, "PYTHONPATH": os.pathsep.join(map(str, SOURCES))}
    with open(log, "wb") as said:
        process = subprocess.Popen(
            command, env=environment, cwd=home, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
    server = LabServer(f"http://127.0.0.1:{port}", token, home, psutil.Process(process.pid), aside)
    try:
        _answers(server, process, log)
        yield server
    finally:
        _end(process, server)


def _answers(server: LabServer, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            server._asked("GET", "api/status")
            return
        time.sleep(0.05)
    raise RuntimeError(f"JupyterLab does not answer; it said:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes], server: LabServer) -> None:
    kernels = server.kernels() if process.poll() is None else []
    process.terminate()
    try:
        process.wait(ENDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for kernel in kernels:
        with contextlib.suppress(psutil.NoSuchProcess):
            kernel.kill()
    psutil.wait_procs(kernels, ENDS)
