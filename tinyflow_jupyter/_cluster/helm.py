"""Helm: its command where there is one, else a Python package that does the same; this file run as a program is that.

Either runs as a process of its own: Helm is a large program in another language, and a kernel may be interrupted.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from tinyflow_runtime.errors import ClusterError, did_you_mean

PACKAGE = "helm_python"
SHORT = 10.0  # seconds until it has told its version
NEVER = 300.0  # seconds; it waits for nothing in the cluster, so it hangs
LONGEST = 600  # letters of what Helm says that are told
_UNKNOWN = re.compile(r"at '(.*)': additional properties '([^']+)'")
_UNFIT = re.compile(r"^- at '(.+)': (.+)$", re.MULTILINE)

Values = Mapping[str, Any]  # as the chart's schema has them


def charts() -> Path:
    """The folder of the charts that came with this package, or with its repository."""
    installed = Path(__file__).parents[1] / "charts"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "charts"


def upgrade(release: str, chart: str, values: Values, *, namespace: str, context: str) -> None:
    """Install a chart, or bring what is installed of it to these values.

    Raises:
        ClusterError: TF-195, no Helm is here. TF-196, it refuses.
    """
    arguments = ["upgrade", release, str(charts() / chart), "--install", "--namespace", namespace, "--values", "-"]
    # What somebody else has changed is brought back too. Helm 3 does so unasked, and knows no word for it.
    program = command()
    forced = [] if _is_third(program) else ["--force-conflicts"]
    _run(program, [*arguments, *forced, *_context(context)], values, chart)


def uninstall(release: str, *, namespace: str, context: str) -> None:
    """Take a release away; one that is not there is no error.

    Raises:
        ClusterError: TF-195, no Helm is here. TF-196, it refuses.
    """
    _run(command(), ["uninstall", release, "--ignore-not-found", "--namespace", namespace, *_context(context)])


def command() -> list[str]:
    """What runs Helm.

    Raises:
        ClusterError: TF-195, nothing does.
    """
    if found := shutil.which("helm"):
        return [found]
    if importlib.util.find_spec(PACKAGE) is not None:
        return [sys.executable, "-P", __file__]
    what = "There is no Helm here: neither its command nor the Python package."
    raise ClusterError("TF-195", what, "Run: pip install 'tinyflow-jupyter[helm]'")


def _is_third(program: list[str]) -> bool:
    if len(program) > 1:
        return False  # this file
    asked = [*program, "version", "--short"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=SHORT)
    except subprocess.TimeoutExpired:
        what = f"Helm did not tell its version within {SHORT:g} s."
        raise ClusterError("TF-196", what, f"Look what is wrong with it: {' '.join(asked)}") from None
    return said.stdout.startswith("v3")


def _context(context: str) -> list[str]:
    return ["--kube-context", context] if context else []


def _run(program: Sequence[str], arguments: Sequence[str], values: Values | None = None, chart: str = "") -> None:
    # A session of its own: an interrupt that ended Helm half-way would leave a release that no later one can change.
    process = subprocess.Popen(
        [*program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    said = json.dumps(values) if values is not None else ""
    try:
        _, trouble = process.communicate(said, timeout=NEVER)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ClusterError("TF-196", "Helm did not end.", "Look whether the cluster answers, and try again.") from None
    except BaseException:
        try:
            process.communicate(timeout=NEVER)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        raise
    if process.returncode:
        raise _refused(trouble, chart)


def _refused(said: str, chart: str) -> ClusterError:
    """What Helm said, as an error with a way out."""
    said = said.strip().removeprefix("Error: ")
    if found := _UNKNOWN.search(said):
        known = yaml.safe_load((charts() / chart / "values.yaml").read_text(encoding="utf-8"))
        path = [part for part in found[1].split("/") if part]
        for part in path:
            known = known.get(part) or {}
        there = f"There are: {', '.join(known)}." if known else ""
        what = f"There is no value {'.'.join([*path, found[2]])!r} in the chart {chart}."
        return ClusterError("TF-196", what, did_you_mean(found[2], known) or there)
    if found := _UNFIT.search(said):
        path = found[1].strip("/").split("/")
        why = found[2] if found[2] != "'not' failed" else "it is the one that is refused"  # what a schema excludes
        may = _described(chart, path)
        what = f"The value {'.'.join(path)!r} of the chart {chart} cannot be that: {why}."
        readme = f"The README of the chart {chart} tells what it may be"
        return ClusterError("TF-196", what, f"{readme}: {may}." if may else f"{readme}.")
    action = "Do what it asks for, and install again."
    if "another operation" in said:
        action = "An installation was interrupted. Run: tinyflow operator uninstall; then install again."
    elif "forbidden" in said:
        action = "Ask who runs the cluster to install it, or for one namespace: watchNamespace."
    return ClusterError("TF-196", f"Helm refused: {said[:LONGEST].rstrip('.')}.", action)


def _described(chart: str, path: Sequence[str]) -> str:
    """What a chart's schema says of a value; empty where it says nothing."""
    schema = json.loads((charts() / chart / "values.schema.json").read_text(encoding="utf-8"))
    for part in path:
        schema = (schema.get("properties") or {}).get(part) or {}
    return str(schema.get("description") or "").rstrip(".")


def main(arguments: Sequence[str]) -> None:
    """Be the command ``helm``, as far as it is used here."""
    import helm_python  # not at the top: it is there only where the command is not
    from helm_python import _native as native

    parser = argparse.ArgumentParser(prog="helm", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    bring, take = commands.add_parser("upgrade"), commands.add_parser("uninstall")
    for each in (bring, take):
        each.add_argument("release")
        each.add_argument("--namespace", required=True)
        each.add_argument("--kube-context")
    bring.add_argument("chart")
    bring.add_argument("--install", action="store_true", required=True)
    bring.add_argument("--values", choices=["-"], required=True)
    bring.add_argument("--force-conflicts", action="store_true", required=True)
    take.add_argument("--ignore-not-found", action="store_true", required=True)
    options = parser.parse_args(arguments)
    try:
        with helm_python.Config(kube_context=options.kube_context, namespace=options.namespace) as helm:
            if options.command == "uninstall":
                helm.uninstall(options.release, ignore_not_found=True)
                return
            try:
                helm.status(options.release)
                verb = "helm_upgrade"
            except helm_python.HelmNotFoundError:
                verb = "helm_install"
            # The library's own functions have no word for conflicts, but what they call has.
            forced = json.dumps({"force_conflicts": True})
            nothing = native.HANDLE(0)
            native.call_string(
                verb, helm._raw(), nothing, nothing, options.chart, options.release, sys.stdin.read(), forced
            )
    except helm_python.HelmError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # Helm's threads are not Python's to end
