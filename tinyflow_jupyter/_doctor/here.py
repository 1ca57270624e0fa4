"""This computer: Python, packages, ports, and a pocket cluster that starts."""

from __future__ import annotations

import contextlib
import importlib
import platform
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tinyflow_jupyter._cluster.pocket import Pocket
from tinyflow_jupyter._folders import PREFIX

from .finding import Check, Finding

PYTHONS = ((3, 11), (3, 14))  # the oldest that works, and the newest that was tried
# name -> the oldest that works, and the first that nobody tried; a test holds the first to what we depend on
TESTED = {
    "grpcio": ("1.62", "2"),
    "protobuf": ("4.25", "8"),
    "msgspec": ("0.18", "1"),
    "PyYAML": ("6", "7"),
    "aiohttp": ("3.9", "4"),
    "psutil": ("5.9", "8"),
    "kubernetes": ("29", "38"),
    "nbformat": ("5.9", "6"),
    "ipython": ("8.18", "10"),
    "ipywidgets": ("8.1", "9"),
    "anywidget": ("0.9.13", "1"),
    "ipycytoscape": ("1.3.3", "2"),
}
LOADED = ("grpc", "google.protobuf", "msgspec", "yaml", "aiohttp", "psutil")  # compiled parts have to fit this computer
LONGEST = 100  # letters of a path that a socket may have on every system, with some to spare
POCKET = 45.0  # seconds until a pocket cluster has to serve


def checks() -> list[Check]:
    """All that is looked at on this computer, but for the front end."""
    return [
        Check("Python", python, 5.0),
        Check("packages", packages, 30.0, install("tinyflow-jupyter")),
        Check("loopback", loopback, 5.0),
        Check(
            "pocket cluster", pocket, POCKET, f"{sys.executable} -m tinyflow_operator pocket --dir /tmp/tinyflow-look"
        ),
    ]


def python() -> list[Finding]:
    """The interpreter that runs this."""
    oldest, newest = PYTHONS
    here = sys.version_info[:2]
    said = f"{platform.python_version()} at {sys.executable}"
    if here < oldest:
        return [Finding("bad", "Python", f"{said}: too old, {_dotted(oldest)} is needed.", "python3.11 -m venv .venv")]
    if here > newest:
        return [Finding("warn", "Python", f"{said}: newer than {_dotted(newest)}, which was tried.")]
    return [Finding("ok", "Python", said)]


def packages() -> list[Finding]:
    """What TinyFlow stands on: whether it is there, of a version that fits, and can be loaded."""
    missing, old, untried = [], [], []
    for name, (oldest, untested) in TESTED.items():
        try:
            here = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if _parts(here) < _parts(oldest):
            old.append(f"{name} {here}, {oldest} is needed")
        elif _parts(here) >= _parts(untested):
            untried.append(f"{name} {here}, tried below {untested}")
    wanted = " ".join(f'"{name}>={TESTED[name][0]}"' for name in (*missing, *(each.split()[0] for each in old)))
    if missing or old:
        said = [f"not there: {', '.join(missing)}"] if missing else []
        return [Finding("bad", "packages", "; ".join([*said, *old]) + ".", install(wanted))]
    if broken := list(_broken()):
        name, error = broken[0]
        package = {"grpc": "grpcio", "google.protobuf": "protobuf", "yaml": "PyYAML"}.get(name, name)
        return [
            Finding("bad", "packages", f"{name} cannot be loaded: {error}", install(f"--force-reinstall {package}"))
        ]
    if untried:
        return [Finding("warn", "packages", f"newer than what was tried: {'; '.join(untried)}.")]
    said_all = ", ".join(f"{name} {version(name)}" for name in ("grpcio", "kubernetes", "ipywidgets", "anywidget"))
    return [Finding("ok", "packages", f"tinyflow-jupyter {_own()}; {said_all}")]


def loopback() -> list[Finding]:
    """Whether a process can be reached by another one on this computer, and nothing else has to be open."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        with socket.create_connection(server.getsockname(), timeout=3):
            pass
    folder = tempfile.gettempdir()
    if hasattr(socket, "AF_UNIX"):
        with tempfile.TemporaryDirectory(prefix=PREFIX) as place, socket.socket(socket.AF_UNIX) as server:
            path = str(Path(place, "m" * 24))
            if len(path) > LONGEST:
                what = f"The folder for temporary files has too long a path for sockets: {folder}."
                return [Finding("bad", "loopback", what, "export TMPDIR=/tmp")]
            server.bind(path)
    free = shutil.disk_usage(folder).free // 2**20
    if free < 200:
        what = f"{folder} has {free} MiB left; sources and logs of a pocket cluster go there."
        return [Finding("warn", "loopback", what, "export TMPDIR=/somewhere/with/room")]
    return [Finding("ok", "loopback", f"ports of 127.0.0.1 and sockets in {folder} can be used")]


def pocket() -> list[Finding]:
    """Whether a pocket cluster starts; it ends again."""
    began = time.monotonic()
    started = Pocket.open(None, detach=False)
    took = time.monotonic() - began
    started.close()
    return [Finding("ok", "pocket cluster", f"it starts, in {took:.1f} s")]


def install(what: str) -> str:
    """The command that installs packages for this very interpreter."""
    return f"{sys.executable} -m pip install --upgrade {what}"


def _broken() -> Iterator[tuple[str, str]]:
    for name in LOADED:
        try:
            importlib.import_module(name)
        except Exception as error:  # what a half-installed package raises is its own
            yield name, str(error).splitlines()[0][:160] if str(error) else type(error).__name__


def _own() -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version("tinyflow-jupyter")
    from tinyflow_jupyter import __version__  # of a folder that was not installed

    return __version__


def _parts(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with, so that they can be compared."""
    return tuple(int(number) for number in re.findall(r"\d+", re.split(r"[^\d.]", text)[0]))


def _dotted(parts: tuple[int, int]) -> str:
    return ".".join(map(str, parts))
