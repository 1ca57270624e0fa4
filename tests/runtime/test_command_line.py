"""The command ``tinyflow``, as a person types it."""

from __future__ import annotations

import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import pytest
from tinyflow_runtime import __version__
from tinyflow_runtime.__main__ import main
from tinyflow_runtime.errors import ManifestError


def tinyflow(*arguments, **options):
    command = [sys.executable, "-m", "tinyflow_runtime", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, **options)


def test_it_tells_its_version():
    done = tinyflow("--version")
    the_notebooks = [sys.executable, "-m", "tinyflow_jupyter", "--version"]
    same = subprocess.run(the_notebooks, capture_output=True, text=True, timeout=20)

    assert (done.returncode, done.stdout.strip()) == (0, f"tinyflow {__version__}")
    assert (same.returncode, same.stdout) == (0, done.stdout)


def test_a_command_that_is_none_is_met_with_a_guess():
    done = tinyflow("modul")

    assert done.returncode == 2
    assert "'modul' is no command. Did you mean 'module'?" in done.stderr


@pytest.mark.parametrize("command", ["run", "module"])
def test_every_command_explains_itself(command):
    done = tinyflow(command, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: tinyflow {command}")


def test_an_error_of_ours_is_its_text_and_no_traceback(tmp_path):
    done = tinyflow("run", str(tmp_path / "nothing.yaml"))

    assert done.returncode == 1
    assert done.stderr.startswith("TF-117 ")
    assert "Traceback" not in done.stderr


def test_a_flow_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "flow.yaml").write_bytes(b"\xff\xfe")

    done = tinyflow("run", str(tmp_path / "flow.yaml"))

    assert done.returncode == 1
    assert done.stderr.startswith("TF-117 ")
    assert "Traceback" not in done.stderr


def test_a_cell_that_raises_is_named_with_its_line(tmp_path):
    cell = tmp_path / "cell.py"
    cell.write_text("import math\n\nmath.squirt(2)\n")

    done = tinyflow("module", "maths", str(cell))

    assert done.returncode == 1
    assert "TF-110 Module 'maths' was not loaded. AttributeError" in done.stderr
    assert "cell.py, line 3" in done.stderr


def test_commands_of_other_packages_are_found_by_entry_points(monkeypatch):
    called = []
    greeting = types.SimpleNamespace(greet=lambda arguments: called.append(arguments) or 3)
    monkeypatch.setitem(sys.modules, "greeting", greeting)
    entry = EntryPoint("greet", "greeting:greet", "tinyflow.commands")
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [entry])

    code = main(["greet", "--loudly"])

    assert (code, called) == (3, [["--loudly"]])


def test_interrupting_a_command_is_no_error_of_ours(monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("tinyflow_runtime.__main__._load", lambda entry: interrupted)

    assert main(["run"]) == 130


def test_an_error_is_printed_once(monkeypatch, capsys):
    def refuse(arguments):
        raise ManifestError("TF-117", "It describes no flow.")

    monkeypatch.setattr("tinyflow_runtime.__main__._load", lambda entry: refuse)

    assert main(["run"]) == 1
    assert capsys.readouterr().err == "TF-117 It describes no flow.\n"
