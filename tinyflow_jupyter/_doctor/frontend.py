"""The front end: what draws widgets around this kernel, and whether its side of them fits ours."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .finding import Check, Finding
from .here import install

ABOUT = "front end"
# The extension of JupyterLab that each Python package brings, and the first part of its version that fits.
EXTENSIONS = {
    "@jupyter-widgets/jupyterlab-manager": ("jupyterlab_widgets", "5"),
    "anywidget": ("anywidget", "0"),
    "jupyter-cytoscape": ("ipycytoscape", "1"),
}


def checks() -> list[Check]:
    return [Check(ABOUT, front_end, 5.0)]


def front_end() -> list[Finding]:
    """Which one it is, and what it needs."""
    name = which(os.environ, set(sys.modules))
    if name == "Colab":
        line = "from google.colab import output; output.enable_custom_widget_manager()"
        return [Finding("warn", ABOUT, "Colab draws widgets that are not its own once it is told to.", line)]
    if name == "VS Code":
        return [Finding("ok", ABOUT, "VS Code; it asks once whether it may load the scripts of widgets: say yes")]
    if not name and not _inside_a_kernel():
        return [Finding("ok", ABOUT, "none around this process; %tinyflow doctor looks from inside a notebook")]
    return _lab(name or "a front end that does not say which it is")


def which(environment: Mapping[str, str], loaded: set[str]) -> str:
    """The front end's name, by what it leaves around a kernel; empty when there is no sign of any."""
    if "google.colab" in loaded or "COLAB_RELEASE_TAG" in environment:
        return "Colab"
    if any(name.startswith("VSCODE_") for name in environment) and "JPY_SESSION_NAME" not in environment:
        return "VS Code"
    if "JPY_SESSION_NAME" in environment or "JPY_PARENT_PID" in environment:
        return "Jupyter"
    return ""


def _lab(name: str) -> list[Finding]:
    here = _extensions()
    servers = [f"{each} {found}" for each in ("jupyterlab", "notebook") if (found := _version(each))]
    missing = [package for extension, (package, _) in EXTENSIONS.items() if extension not in here]
    if missing and not servers:
        what = f"{name}; its server is another environment's, which needs {', '.join(missing)} too"
        return [Finding("warn", ABOUT, what, f"pip install --upgrade {' '.join(missing)}  # where its server is")]
    if missing:
        what = f"{', '.join(servers)} cannot draw our widgets: {', '.join(missing)} is not there for it."
        return [Finding("bad", ABOUT, what, install(" ".join(missing)) + "  # and load the page again")]
    unfit = [
        f"{extension} {here[extension]}, {first}.x fits"
        for extension, (_, first) in EXTENSIONS.items()
        if here[extension].split(".")[0] != first
    ]
    if unfit:
        packages = " ".join(package for package, _ in EXTENSIONS.values())
        return [Finding("bad", ABOUT, f"widgets of another version: {'; '.join(unfit)}.", install(packages))]
    older = here["anywidget"] != _version("anywidget")
    if older:  # its page says so, and draws nothing
        what = f"the page's anywidget is {here['anywidget']}, the kernel's {_version('anywidget')}"
        return [Finding("warn", ABOUT, what, install("anywidget") + "  # and load the page again")]
    said = ", ".join([*(servers or [name]), f"widgets {here['@jupyter-widgets/jupyterlab-manager']}"])
    return [Finding("ok", ABOUT, said)]


def _extensions() -> dict[str, str]:
    """The versions of the extensions that a JupyterLab of this environment finds."""
    try:
        from jupyter_core.paths import jupyter_path  # comes with every kernel, not with us
    except ImportError:
        return {}
    found: dict[str, str] = {}
    for folder in jupyter_path("labextensions"):
        for name in EXTENSIONS:
            try:
                said = json.loads(Path(folder, name, "package.json").read_text("utf-8"))
                found.setdefault(name, str(said["version"]))
            except (OSError, ValueError, KeyError, TypeError):
                continue
    return found


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _inside_a_kernel() -> bool:
    return "ipykernel" in sys.modules
