"""The process of a pocket cluster: started by a notebook and ended with it, or left running and found again by name."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import yaml
from tinyflow_runtime import place
from tinyflow_runtime.errors import ClusterError, NodeError
from tinyflow_runtime.ports import NAME_RULE, is_label

from tinyflow_jupyter._folders import own_folder

START = 60.0  # seconds until it has to serve: a busy machine starts processes slowly
END = 15.0  # seconds for it to end its modules; then it is killed, and what it started ends with it
LOOK = 0.02  # seconds between two looks whether it serves
_SAID = 2_000  # letters of its log that are told when it does not start


class Pocket:
    """A pocket cluster's process, which this object started or found.

    Args:
        folder: Where it keeps its files.
        name: What a person calls it; empty for one that nobody else finds.
        process: What was started; None when it was found.
        detached: Whether it goes on without us.
    """

    def __init__(self, folder: Path, name: str, process: subprocess.Popen[bytes] | None, *, detached: bool) -> None:
        self.folder, self.name = folder, name
        self._process = process
        self._detached = detached

    @property
    def kubeconfig(self) -> str:
        """The path of the file that tells kubectl, and us, where it is."""
        return str(self.folder / "kubeconfig")

    @property
    def log(self) -> Path:
        """What it and its operator wrote."""
        return self.folder / "pocket.log"

    @classmethod
    def open(cls, name: str | None, *, detach: bool) -> Pocket:
        """The pocket cluster of that name, started unless it runs; without a name a new one of one's own.

        Raises:
            ClusterError: TF-160, it did not start. NodeError: TF-106, it is no name.
        """
        if name is None:
            if detach:
                way_out = 'Give it one: tf.Cluster.local("mine", detach=True).'
                raise ClusterError("TF-160", "A cluster without a name cannot be found again.", way_out)
            folder = own_folder()
            try:
                return cls._start(folder, "", detach=False)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
        if not is_label(name):
            raise NodeError("TF-106", f"{name!r} is no name for a cluster.", NAME_RULE, where=place.caller())
        folder = state_folder() / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _one_at_a_time(folder):
            if runs(folder):
                if detach and not (folder / "detached").exists():
                    what = f"The cluster {name!r} runs already, and ends with the notebook that started it."
                    raise ClusterError(
                        "TF-160", what, "Leave out detach=True, or take another name.", where=place.caller()
                    )
                return cls(folder, name, None, detached=True)
            return cls._start(folder, name, detach=detach)

    @classmethod
    def _start(cls, folder: Path, name: str, *, detach: bool) -> Pocket:
        for left in ("kubeconfig", "pid", "detached"):
            (folder / left).unlink(missing_ok=True)
        if detach:
            (folder / "detached").touch()
        command = [sys.executable, "-m", "tinyflow_operator", "pocket", "--dir", str(folder)]
        with open(folder / "pocket.log", "wb") as log:
            process = subprocess.Popen(
                command if detach else [*command, "--leash"],
                # Whoever ends, the kernel closes this pipe: that is the leash.
                stdin=subprocess.DEVNULL if detach else subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # interrupting a kernel interrupts its whole group
            )
        pocket = cls(folder, name, process, detached=detach)
        try:
            (folder / "pid").write_text(str(process.pid))
            pocket._wait()
        except BaseException:
            pocket._end()
            raise
        return pocket

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START
        while not runs(self.folder):
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                how = f"ended with {self._process.returncode}" if ended else f"did not serve within {START:g} s"
                said = self.log.read_text("utf-8", "replace")[-_SAID:].strip().splitlines()
                raise ClusterError(
                    "TF-160",
                    f"The pocket cluster {how}.",
                    f"It said: {said[-1]}" if said else "It said nothing.",
                )
            time.sleep(LOOK)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None if self._process is not None else runs(self.folder)

    def close(self) -> None:
        """End it if it was started here and not detached."""
        if self._process is not None and not self._detached:
            self._end()

    def end(self) -> None:
        """End it for everybody."""
        if self._process is not None:
            self._end()
            return
        with contextlib.suppress(OSError, ValueError):
            if runs(self.folder):
                _end_found(int((self.folder / "pid").read_text()))

    def _end(self) -> None:
        process = self._process
        assert process is not None
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if not self.name:
            shutil.rmtree(self.folder, ignore_errors=True)


def runs(folder: Path) -> bool:
    """Whether the cluster of that folder answers."""
    try:
        config = yaml.safe_load((folder / "kubeconfig").read_text())
        server, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
    except (OSError, yaml.YAMLError, KeyError, IndexError, TypeError):
        return False
    request = urllib.request.Request(f"{server}/version", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def state_folder() -> Path:
    """Where clusters with a name keep their files."""
    if given := os.environ.get("TINYFLOW_STATE"):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "tinyflow" / "clusters"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", str(Path.home()))) / "tinyflow" / "clusters"
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "tinyflow" / "clusters"


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Two notebooks that ask for the same cluster at once get one."""
    with open(folder / "lock", "wb") as lock:
        if sys.platform != "win32":
            import fcntl

            deadline = time.monotonic() + START
            while True:  # not a blocking lock: that could not be interrupted
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        what = f"Another notebook has been starting the cluster {folder.name!r} for {START:g} s."
                        raise ClusterError("TF-160", what, "Try again, or take another name.") from None
                    time.sleep(LOOK)
        yield


def _end_found(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + END
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except OSError:
            return
        time.sleep(LOOK)
    os.kill(pid, signal.SIGKILL)
