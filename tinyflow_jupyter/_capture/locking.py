"""Requirements are locked: exact versions, each with the hashes of its files."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyflow_runtime.errors import SourceError

from tinyflow_jupyter._folders import own_folder

from .requirements import canonical, name_of

__all__ = ["lock"]

SECONDS = 300  # an index on a slow line, and large wheels; longer is a line that is cut
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def lock(requirements: Sequence[str], *, module: str = "") -> tuple[str, ...]:
    """Lines that name everything that is needed, ``name==1.2 --hash=sha256:…``, sorted.

    What is installed here keeps its version where the requirements allow it. Asks an index, by uv or pip, as these are
    configured; the answer is kept for this process.

    Raises:
        SourceError: TF-170, they cannot be locked, and why.
    """
    for requirement in requirements:
        name_of(requirement)
    return _lock(tuple(sorted(set(requirements))), module)


@functools.lru_cache(maxsize=64)
def _lock(requirements: tuple[str, ...], module: str) -> tuple[str, ...]:
    folder = own_folder("lock-")
    try:
        wanted, installed = folder / "requirements.in", folder / "installed.txt"
        wanted.write_text("\n".join(requirements) + "\n", encoding="utf-8")
        installed.write_text("\n".join(_installed(requirements)) + "\n", encoding="utf-8")
        lines = _by_uv(wanted, installed) if shutil.which("uv") else _by_pip(wanted, installed, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if isinstance(lines, str):
        name = f"Module {module!r}" if module else "A module"
        named = ", ".join(requirements)
        raise SourceError("TF-170", f"{name} requires {named}, which cannot be locked: {lines}", _ADVICE)
    return tuple(sorted(lines))


_ADVICE = "Look at the names and versions, and at the index that pip is set up with."


def _installed(requirements: tuple[str, ...]) -> list[str]:
    """What is installed, as constraints; a requirement that says a version of its own goes first."""
    own = {name_of(each) for each in requirements if re.search(r"[<>=!~]", each.split(";")[0])}
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = canonical(distribution.metadata["Name"] or "")
        if name and name not in own and re.fullmatch(r"[A-Za-z0-9.!_-]+", distribution.version):
            found.setdefault(name, f"{name}=={distribution.version}")
    return sorted(found.values())


def _run(arguments: list[str]) -> tuple[str, str]:
    """What a command says, and its last line when it failed."""
    try:
        done = subprocess.run(
            arguments, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        return "", f"{arguments[0]} did not answer in {SECONDS} s."
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip() and "notice" not in line.lower()]
        told = [line for line in said if "error" in line.lower()] or said
        return "", re.sub(
            r"^\s*(ERROR|error|[^\\x00-\\x7f ]+):?\s*", "", told[-1] if told else f"exit code {done.returncode}"
        )
    return done.stdout, ""


def _by_uv(wanted: Path, installed: Path) -> list[str] | str:
    command = ["uv", "pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate"]
    command += ["--python", sys.executable, str(wanted)]
    said, failed = _run([*command, "--constraints", str(installed)])
    if failed:
        said, failed = _run(command)
    if failed:
        return failed
    joined = re.sub(r"\\\n\s*", "", said)
    lines = [" ".join(line.split()) for line in joined.splitlines() if "==" in line and not line.startswith("#")]
    bare = next((line for line in lines if not _HASH.search(line)), None)
    return f"{bare.split()[0]} has no hash." if bare else lines


def _by_pip(wanted: Path, installed: Path, folder: Path) -> list[str] | str:
    report = folder / "report.json"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-input"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--report", str(report), "-r", str(wanted)]
    _, failed = _run([*command, "-c", str(installed)])
    if failed:
        _, failed = _run(command)
    if failed:
        return failed
    lines = []
    for each in json.loads(report.read_text(encoding="utf-8"))["install"]:
        name, version = canonical(each["metadata"]["name"]), each["metadata"]["version"]
        found = _hash(each["download_info"])
        if not found:
            return f"{name}=={version} has no hash."
        lines.append(f"{name}=={version} --hash=sha256:{found}")
    return lines


def _hash(download: dict[str, Any]) -> str:  # Any: pip's report
    archive = download.get("archive_info", {})
    found = archive.get("hashes", {}).get("sha256", "") or archive.get("hash", "").removeprefix("sha256=")
    address = urllib.parse.urlsplit(download["url"])
    if not found and address.scheme == "file":
        found = hashlib.sha256(Path(urllib.request.url2pathname(address.path)).read_bytes()).hexdigest()
    return str(found)
