"""The JavaScript peers: optional, installed by npm into a directory of ours, and missed out loud."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
INSTALLED = HERE / ".cache" / "node"
INSTALLING = 600  # seconds: Node-RED brings 300 packages
PACKAGE = HERE / "peers" / "package.json"


def why_absent() -> str:
    """Install what is missing; say why the JavaScript peers cannot run, or "" when they can."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "node and npm are not installed"
    wanted = PACKAGE.read_text()
    marker = INSTALLED / "installed.json"
    if marker.exists() and marker.read_text() == wanted:
        return ""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    shutil.copy(PACKAGE, INSTALLED / "package.json")
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=INSTALLED, capture_output=True, text=True, timeout=INSTALLING, check=False)
    except subprocess.TimeoutExpired:
        return f"npm install took more than {INSTALLING} s"
    if done.returncode != 0:
        return f"npm install failed: {(done.stderr.strip().splitlines() or ['no word why'])[-1]}"
    marker.write_text(wanted)
    return ""
