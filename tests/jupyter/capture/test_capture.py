"""Captured notebooks: each case is awkward in its own way, and what is made of it is held in a file beside it.

To add a case, write ``notebooks/NAME.py``:

- ``# %% any words`` begins a code cell, ``# %% [markdown]`` one of text, and ``# %% file scores.py`` a file that lies
  beside the notebook. Cells are numbered from 1, in the order they stand; files and texts do not count.
- Lines ``# calls: MODULE EXPRESSION`` at the top say what has to be true when the captured file of that module runs
  alone: ``# calls: notebook double(21) == 42``. A case without such lines has to be refused.
- Where a kernel says something else than the notebook's file, ``# kernel: TEXT`` is what its refusal begins with.
- ``TINYFLOW_GOLDEN=write python -m pytest tests/jupyter/capture`` writes ``notebooks/NAME.txt``: the captured files one
  after the other, or the text of the refusal. Read it as a reviewer would: is it what you would have written yourself?
  Does the refusal name the thing, the cell and line, and one way out that works?

For every case three things are held: what is captured from the notebook's file is the text in ``NAME.txt``; a kernel
that has run the cells captures the same; and the files run alone under ``python``, import nothing they do not use, and
what the case calls is true.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy
import pytest
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.module import Module
from tinyflow_runtime.source.archive import CELLS, Source

from tinyflow_jupyter._capture import capture_notebook

HERE = Path(__file__).parent
CASES = {path.stem: path for path in sorted((HERE / "notebooks").glob("*.py"))}


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A folder for each case, with its notebook and the files beside it."""
    made = {}
    for name, path in CASES.items():
        made[name] = tmp_path_factory.mktemp(name)
        cells = []
        for head, text in re.findall(r"^# %%[ ]*([^\n]*)\n(.*?)(?=^# %%|\Z)", path.read_text(), re.M | re.S):
            if head.startswith("file "):
                file = made[name] / head.removeprefix("file ").strip()
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text.rstrip("\n") + "\n")
            elif head == "[markdown]":
                cells.append(nbformat.v4.new_markdown_cell(re.sub(r"^# ?", "", text.strip(), flags=re.M)))
            else:
                cells.append(nbformat.v4.new_code_cell(text.rstrip("\n")))
        nbformat.write(nbformat.v4.new_notebook(cells=cells), made[name] / "notebook.ipynb")
    return made


@pytest.fixture(scope="session")
def captured(folders) -> dict[str, dict[str, Source] | str]:
    """What each notebook becomes: its sources by module, or the text of the refusal."""
    return {name: _captured(folder / "notebook.ipynb") for name, folder in folders.items()}


def _captured(path: Path) -> dict[str, Source] | str:
    try:
        return capture_notebook(path)
    except TinyFlowError as error:
        return str(error)


def _shown(found: dict[str, Source] | str) -> str:
    if isinstance(found, str):
        return found + "\n"
    return "".join(
        f"======== {module}: {path}\n{text}"
        for module, source in found.items()
        for path, text in source.files.items()
        if path != CELLS
    )


def _calls(name: str) -> list[tuple[str, str]]:
    return re.findall(r"^# calls: (\S+) (.*)$", CASES[name].read_text(), re.M)


@pytest.mark.parametrize("name", CASES)
def test_a_notebook_becomes_the_text_that_was_reviewed(name, captured):
    golden = CASES[name].with_suffix(".txt")
    if os.environ.get("TINYFLOW_GOLDEN") == "write":
        golden.write_text(_shown(captured[name]))

    assert _shown(captured[name]) == golden.read_text()
    assert isinstance(captured[name], str) == (not _calls(name)), "a case has calls, or is refused"


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_names_the_code_the_cell_and_a_way_out_in_five_lines(name, captured):
    text = captured[name]
    if not isinstance(text, str):
        return

    assert re.match(r"TF-1(11|73|80) ", text)
    assert re.search(r"cell \d+,? line \d+", text.lower())
    assert len(text.splitlines()) <= 5
    assert text.rstrip().endswith((".", "secret")) or "import" in text.splitlines()[-1]


RUNNER = """
import json, runpy, sys, traceback
out, sys.stdout = sys.stdout, sys.stderr
said = {}
for folder, entry, calls in json.load(sys.stdin):
    before = set(sys.modules)
    sys.path.insert(0, folder)
    try:
        names = runpy.run_path(f"{folder}/{entry}", run_name="captured")
        said[f"{folder}/{entry}"] = [call for call in calls if not eval(call, names)]
    except BaseException:
        said[f"{folder}/{entry}"] = [traceback.format_exc()]
    sys.path.remove(folder)
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and sys.modules[name].__file__.startswith(folder):
            del sys.modules[name]
said["notebooks"] = sorted({"IPython", "ipywidgets"} & set(sys.modules))
print(json.dumps(said), file=out)
"""


@pytest.fixture(scope="session")
def written(captured, tmp_path_factory) -> dict[tuple[str, str], Path]:
    """The files of each module, as they would be unpacked."""
    made = {}
    for name, found in captured.items():
        for module, source in found.items() if isinstance(found, dict) else ():
            folder = made[name, module] = tmp_path_factory.mktemp(f"{name}-{module}")
            for path, text in source.files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
    return made


@pytest.mark.timeout(60)
def test_every_captured_file_runs_alone_and_its_components_work(captured, written):
    wanted = [
        (str(folder), captured[name][module].entry, [call for home, call in _calls(name) if home == module])
        for (name, module), folder in written.items()
    ]

    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(wanted), capture_output=True, text=True, timeout=50
    )
    said = json.loads(done.stdout)

    assert len(said) == len(wanted) + 1, done.stderr
    assert {key: failed for key, failed in said.items() if failed} == {}
    called = {(name, module) for name in CASES for module, _ in _calls(name)}
    assert called <= written.keys()


@pytest.mark.timeout(60)
def test_captured_files_import_what_they_use_and_nothing_else(written):
    folders = [str(folder) for folder in written.values()]

    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "F401,F821,F823,E9", *folders],
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.returncode == 0, done.stdout


@pytest.fixture
def as_it_was(monkeypatch):
    """What a captured file sets for its process does not outlive the test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    limit = sys.getrecursionlimit()
    with numpy.errstate():
        yield
    sys.setrecursionlimit(limit)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("as_it_was")
def test_a_captured_source_travels_and_loads(name, captured, monkeypatch):
    monkeypatch.setattr(Module, "all", {"notebook": Module.all["notebook"]})
    monkeypatch.setattr(Module.all["notebook"], "components", {})

    for module, source in captured[name].items() if isinstance(captured[name], dict) else ():
        read = Source.read(source.archive(), sha256=source.sha256)
        read.load()

        assert Module.all[module].components
        for component in Module.all[module].components.values():
            assert re.match(r"cell \d+, line \d+$|\w+\.py, line \d+$", component.where), component.where


KERNEL = """
import json, os, sys
import nbformat
from IPython.core.interactiveshell import InteractiveShell
from tinyflow_jupyter._capture import capture
from tinyflow_runtime.component import UNDECORATED
from tinyflow_runtime.errors import TinyFlowError
from tinyflow_runtime.module import DEFAULT, Module

out, sys.stdout = sys.stdout, sys.stderr
said = {}
for folder, modules in json.load(sys.stdin).items():
    before = set(sys.modules)
    os.chdir(folder)
    sys.path.insert(0, folder)
    DEFAULT.components.clear()
    UNDECORATED.clear()
    Module.all.clear()
    Module.all["notebook"] = DEFAULT
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    for cell in nbformat.read(folder + "/notebook.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            shell.run_cell(cell.source, store_history=True)
    try:
        said[folder] = {name: dict(capture(name, shell=shell).files) for name in modules or ["notebook"]}
    except TinyFlowError as error:
        said[folder] = str(error)
    shell.history_manager.end_session()
    sys.path.remove(folder)
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(folder):
            del sys.modules[name]
print(json.dumps(said), file=out)
"""


@pytest.fixture(scope="session")
def in_a_kernel(folders, captured, tmp_path_factory) -> dict[str, dict[str, dict[str, str]] | str]:
    """What a shell that has run the cells captures."""
    wanted = {
        str(folder): list(captured[name]) if isinstance(captured[name], dict) else []
        for name, folder in folders.items()
    }
    done = subprocess.run(
        [sys.executable, "-c", KERNEL],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | {"IPYTHONDIR": str(tmp_path_factory.mktemp("ipython")), "MPLBACKEND": "agg"},
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return {name: said[str(folder)] for name, folder in folders.items()}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", CASES)
def test_a_kernel_that_has_run_the_cells_captures_the_same(name, captured, in_a_kernel):
    found, there = captured[name], in_a_kernel[name]
    said = re.search(r"^# kernel: (.*)$", CASES[name].read_text(), re.M)

    if said is not None:
        assert str(there).startswith(said[1])
        return
    if isinstance(found, str):  # a kernel also knows what kind of object it is
        assert isinstance(there, str)
        assert re.sub(r"(a live object) \(\w+\)", r"\1", there) == found
    else:
        assert there == {module: dict(source.files) for module, source in found.items()}
