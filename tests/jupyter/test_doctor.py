"""The doctor names what is wrong here, and what to do; it never waits for long, and never fails itself."""

from __future__ import annotations

import atexit
import json
import re
import threading
import time
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from tinyflow_runtime.errors import ClusterError
from traitlets.config import Config

import tinyflow_jupyter as tf
from tinyflow_jupyter._doctor import Examination, command, examination, frontend, here
from tinyflow_jupyter._doctor.finding import Check, Finding, carry_out
from tinyflow_jupyter._doctor.picture import coloured, table, text

ROOT = Path(__file__).parents[2]
FOUND = (
    Finding("ok", "Python", "3.11.2"),
    Finding("warn", "clock", "6 s behind", "sudo timedatectl set-ntp true"),
    Finding("bad", "operator", "There is none <here> & \x1b[31mnow", "tinyflow operator install"),
)


def states(findings):
    return [finding.state for finding in findings]


def test_what_does_not_answer_is_waited_for_as_long_as_it_may_take():
    never = threading.Event()

    began = time.monotonic()
    found = carry_out(
        [
            Check("one", lambda: [Finding("ok", "one", "fine")], 5),
            Check("hangs", lambda: never.wait() and [], 0.2, "kill it"),
            Check("other", lambda: [Finding("ok", "other", "fine")], 5),
        ]
    )

    assert time.monotonic() - began < 2
    assert found[1] == Finding("bad", "hangs", "There was no answer within 0.2 s.", "kill it")
    assert states(found) == ["ok", "bad", "ok"]
    never.set()


@pytest.mark.parametrize(
    "error", [OSError(13, "no"), KeyError(), RecursionError(), ClusterError("TF-160", "No cluster.", "Make one.")]
)
def test_a_look_that_fails_is_a_finding(error):
    def look():
        raise error

    (found,) = carry_out([Check("it", look, 5, "do this")])

    assert found.state == "bad"
    assert found.fix == ("Make one." if isinstance(error, ClusterError) else "do this")
    assert "\n" not in found.what


def test_looks_are_done_beside_each_other():
    meet = threading.Barrier(3, timeout=5)

    found = carry_out([Check("it", lambda: [Finding("ok", "it", str(meet.wait()))], 6) for _ in range(3)])

    assert sorted(each.what for each in found) == ["0", "1", "2"]


def test_what_was_tried_begins_where_the_package_needs_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = dict(re.match(r"([\w-]+)>=([\d.]+)", each).groups() for each in project["dependencies"])

    assert {name: oldest for name, (oldest, _) in here.TESTED.items() if name in needed} == {
        name: oldest for name, oldest in needed.items() if name in here.TESTED
    }
    assert set(here.TESTED) - set(needed) == set()


def test_this_computer_is_well():
    assert states([*here.python(), *here.packages(), *here.loopback()]) == ["ok"] * 3


@pytest.mark.parametrize(
    ("versions", "state", "said"),
    [
        ({"grpcio": None}, "bad", r"not there: grpcio.*--upgrade \"grpcio>=1.62\""),
        ({"grpcio": "1.9.1"}, "bad", r"grpcio 1.9.1, 1.62 is needed.*\"grpcio>=1.62\""),
        ({"grpcio": None, "anywidget": "0.9.1"}, "bad", r"\"grpcio>=1.62\" \"anywidget>=0.9.13\""),
        ({"kubernetes": "40.0.0b1"}, "warn", r"kubernetes 40.0.0b1, tried below 38"),
        ({"msgspec": "0.18.0.dev3"}, "ok", ""),
    ],
)
def test_packages_are_held_to_what_was_tried(monkeypatch, versions, state, said):
    def ask(name):
        if name in versions and versions[name] is None:
            raise PackageNotFoundError(name)
        return versions.get(name) or version(name)

    monkeypatch.setattr(here, "version", ask)

    (found,) = here.packages()

    assert found.state == state
    assert re.search(said, f"{found.what} {found.fix}")


def test_a_package_that_cannot_be_loaded_is_named(monkeypatch):
    def load(name):
        if name == "grpc":
            raise ImportError("libstdc++.so.6: wrong ELF class")

    monkeypatch.setattr(here.importlib, "import_module", load)

    (found,) = here.packages()

    assert found.state == "bad"
    assert "wrong ELF class" in found.what
    assert found.fix.endswith("--force-reinstall grpcio")


@pytest.mark.parametrize(("at", "state"), [((3, 9, 2), "bad"), ((3, 12, 1), "ok"), ((3, 99, 0), "warn")])
def test_a_python_that_was_not_tried_is_told(monkeypatch, at, state):
    monkeypatch.setattr(here.sys, "version_info", at)

    assert states(here.python()) == [state]


def test_a_folder_with_too_long_a_path_for_sockets_is_told(monkeypatch, tmp_path):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(here.tempfile, "tempdir", str(deep))

    (found,) = here.loopback()

    assert (found.state, found.fix) == ("bad", "export TMPDIR=/tmp")


@pytest.mark.timeout(90)
@pytest.mark.census(keeps="what the pocket cluster closes a moment after its end")
def test_a_pocket_cluster_is_started_and_ended():
    (found,) = here.pocket()

    assert (found.state, found.what[:10]) == ("ok", "it starts,")


@pytest.mark.timeout(90)
def test_a_pocket_cluster_that_does_not_start_says_why(monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no module named tinyflow_operator' >&2\nexit 3\n")
    broken.chmod(0o700)
    monkeypatch.setattr("tinyflow_jupyter._cluster.pocket.sys.executable", str(broken))

    (found,) = carry_out([Check("pocket cluster", here.pocket, 30)])

    assert found.state == "bad"
    assert "TF-160 The pocket cluster ended with 3." in found.what
    assert "no module named tinyflow_operator" in found.fix


@pytest.mark.parametrize(
    ("environment", "loaded", "name"),
    [
        ({"COLAB_RELEASE_TAG": "x"}, set(), "Colab"),
        ({}, {"google.colab"}, "Colab"),
        ({"VSCODE_PID": "1"}, set(), "VS Code"),
        ({"VSCODE_PID": "1", "JPY_SESSION_NAME": "a.ipynb"}, set(), "Jupyter"),
        ({"JPY_PARENT_PID": "1"}, set(), "Jupyter"),
        ({}, set(), ""),
    ],
)
def test_a_front_end_is_known_by_what_it_leaves(environment, loaded, name):
    assert frontend.which(environment, loaded) == name


@pytest.fixture
def lab(monkeypatch, tmp_path):
    """A JupyterLab's side of the widgets: ``lab(**{extension: version})``."""

    def lab(**versions):
        for name, number in versions.items():
            (tmp_path / name).mkdir(parents=True)
            (tmp_path / name / "package.json").write_text(json.dumps({"version": number}))
        monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [str(tmp_path)])
        monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
        for name in ("VSCODE_PID", "COLAB_RELEASE_TAG"):
            monkeypatch.delenv(name, raising=False)
        return frontend.front_end()

    return lab


FITS = {"@jupyter-widgets/jupyterlab-manager": "5.0.1", "jupyter-cytoscape": "1.3.3", "anywidget": version("anywidget")}


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        ({}, "ok", "widgets 5.0.1"),
        ({"@jupyter-widgets/jupyterlab-manager": "3.1.0"}, "bad", r"3.1.0, 5.x fits.*jupyterlab_widgets"),
        ({"@jupyter-widgets/jupyterlab-manager": None}, "bad", r"jupyterlab_widgets is not there.*load the page again"),
        ({"anywidget": "0.9.0"}, "warn", r"the page's anywidget is 0.9.0, the kernel's"),
    ],
)
def test_the_widgets_of_the_page_are_held_to_the_kernels(lab, change, state, said):
    (found,) = lab(**{name: number for name, number in {**FITS, **change}.items() if number})

    assert found.state == state
    assert re.search(said, f"{found.what} {found.fix}")


def test_a_server_elsewhere_is_told_what_it_needs(lab, monkeypatch):
    monkeypatch.setattr(frontend, "_version", lambda package: "")

    (found,) = lab()

    assert found.state == "warn"
    assert found.fix.startswith("pip install --upgrade jupyterlab_widgets anywidget ipycytoscape")


def test_findings_are_read_in_a_terminal():
    said = text(FOUND)

    assert said.splitlines()[:3] == [
        "ok    Python    3.11.2",
        "warn  clock     6 s behind",
        "                → sudo timedatectl set-ntp true",
    ]
    assert said.splitlines()[-1] == "1 to mend and 1 to know of, of 3 things looked at."
    assert "\x1b" not in coloured(FOUND)  # what is no terminal gets no colours, and nobody's escapes


def test_a_terminal_gets_colours(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)

    assert coloured(FOUND).splitlines()[0] == "\x1b[32mok  \x1b[0m  Python    3.11.2"


def test_whatever_a_server_says_is_text_in_the_table():
    drawn = table(FOUND)

    assert "&lt;here&gt; &amp; " in drawn
    assert "\x1b" not in drawn
    assert drawn.count("<tr>") == len(FOUND)
    assert "<code>tinyflow operator install</code>" in drawn


@pytest.fixture
def examined(monkeypatch):
    """What was asked of the doctor, who finds what he is told to."""
    asked = []

    def examine(context=None, namespace=None):
        asked.append((context, namespace))
        return Examination(FOUND)

    monkeypatch.setattr(command, "examine", examine)
    monkeypatch.setattr(examination, "examine", examine)
    return asked


def test_the_command_prints_lines_and_its_exit_code_says_whether_all_is_well(examined, capsys, monkeypatch):
    code = command.main(["--context", "c", "--namespace", "n"])

    assert (code, examined) == (1, [("c", "n")])
    assert capsys.readouterr().out == text(FOUND) + "\n"
    monkeypatch.setattr(command, "examine", lambda *_: Examination(FOUND[:2]))
    assert command.main([]) == 0


def test_the_command_prints_data(examined, capsys):
    command.main(["--json"])

    said = json.loads(capsys.readouterr().out)
    assert (said["well"], [each["state"] for each in said["findings"]]) == (False, ["ok", "warn", "bad"])
    assert set(said["findings"][0]) == {"state", "about", "what", "fix"}


@pytest.fixture
def shell():
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False, "hist_file": ":memory:"}}))
    tf.load_ipython_extension(shell)
    yield shell
    atexit.unregister(shell.atexit_operations)


@pytest.mark.census(keeps="the history database of IPython's shell, until it is collected")
def test_the_magic_shows_the_same_as_a_table(shell, examined, monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)

    shell.run_line_magic("tinyflow", "doctor --namespace n")

    assert examined == [(None, "n")]
    assert shown[0]._repr_mimebundle_() == {"text/plain": text(FOUND), "text/html": table(FOUND)}


@pytest.mark.census(keeps="the history database of IPython's shell, until it is collected")
@pytest.mark.parametrize("line", ["", "docter", "doctor --nonsense"])
def test_a_magic_that_is_none_says_how_it_is_written(shell, line):
    with pytest.raises(UsageError, match="Write %tinyflow doctor"):
        shell.run_line_magic("tinyflow", line)
