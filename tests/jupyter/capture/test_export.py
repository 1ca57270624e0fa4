"""An exported notebook is a project: it builds, its tests pass, it installs and serves."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import msgspec
import nbformat
import pytest
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import SourceError
from tinyflow_runtime.wire import Remote

from tinyflow_jupyter._capture.export import export, main
from tinyflow_jupyter._capture.relocation import moved

ROOT = Path(__file__).parents[3]
CELLS = [
    "# Scores\n\nA notebook about scores.",
    "import tinyflow_jupyter as tf\nfrom weights import weigh\nimport lib.scale\n\nscores = tf.Module('scores')",
    "BONUS = 1\n\n@scores.component\ndef score(x: float) -> float:\n    '''A score.'''\n    return weigh(x) + BONUS",
    "@scores.component\nasync def later(x: int) -> int:\n    return lib.scale.by_ten(x)",
    "%%component scores\ndef half(x: float) -> float:\n    return x / 2",
    ("score(2.0)", "5.0"),
    ("await later(2)", "20"),
    "assert score(0.0) == 1.0\nassert later is not None",
    "flow = tf.Flow('f')\nflow.node('a', score)\nflow.start()\nflow.send('a:in', 4.0)\nflow.wait()",
    ("flow['a:out'].last.payload", "9.0"),
    ("len(str(score))", "12"),
]
FILES = {
    "weights.py": "from lib import scale\n\ndef weigh(x):\n    return x * scale.TWO\n",
    "lib/__init__.py": "",
    "lib/scale.py": "TWO = 2\n\ndef by_ten(x):\n    return x * 10\n",
}


@pytest.fixture
def notebook(tmp_path) -> Path:
    cells = []
    for cell in CELLS:
        text, shown = cell if isinstance(cell, tuple) else (cell, None)
        made = nbformat.v4.new_markdown_cell(text) if text.startswith("# ") else nbformat.v4.new_code_cell(text)
        if shown is not None:
            made.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": shown}, execution_count=1)]
        cells.append(made)
    folder = tmp_path / "notebook"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "scores.ipynb")
    return folder / "scores.ipynb"


def _run(*command: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(180)
def test_an_exported_project_passes_its_tests_builds_installs_and_serves(notebook, tmp_path):
    project, wheels, home = tmp_path / "project", tmp_path / "wheels", tmp_path / "venv"

    main([str(notebook), "--to", str(project)])

    tested = _run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    assert "6 passed" in tested
    _run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", wheels, "."),
        cwd=project,
    )
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = next(home.glob("lib/python*/site-packages"))
    # What the project requires is not installed again but found where these tests found it; the project itself is.
    others = [sysconfig.get_path("purelib"), ROOT, ROOT / "runtime", ROOT / "operator"]
    (site / "requirements.pth").write_text("\n".join(map(str, others)))
    (wheel,) = wheels.iterdir()
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel, cwd=tmp_path)
    assert (site / "scores_module" / "lib" / "scale.py").exists()

    by_itself = asyncio.run(_serve(python, "scores_module", cwd=tmp_path))
    as_in_its_image = asyncio.run(_serve(python, "tinyflow_runtime", "module", "scores", cwd=tmp_path))

    assert by_itself == as_in_its_image == (["half", "later", "score"], {"s": 7.0, "l": 30, "h": 1.5})
    refused = subprocess.run([python, "-m", "tinyflow_runtime", "module", "score"], capture_output=True, text=True)
    assert "TF-110 Module 'score' has no text" in refused.stderr
    assert "Did you mean 'scores'?" in refused.stderr


async def _serve(python: Path, *command: str, cwd: Path) -> tuple[list[str], dict[str, object]]:
    """The components that the installed package serves, and what its nodes make of 3."""
    process = await asyncio.create_subprocess_exec(
        *(str(python), "-m", *command, "--listen", "127.0.0.1:0", "--leash"),
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        line = (await process.stdout.readline()).decode()
        remote = Remote(line.removeprefix("listening at ").strip())
        names = sorted(part.name for part in (await remote.describe()).components)
        nodes = {"s": "score", "l": "later", "h": "half"}
        plan = [protocol.Node(flow="f", name=name, component=component) for name, component in nodes.items()]
        await remote.apply(protocol.Plan(hash="1", nodes=plan))
        seen = {}
        for name in nodes:
            watch = remote.watch(protocol.WatchRequest(flow="f", port=f"{name}:out"))
            await anext(watch)  # its place is taken
            await remote.send(protocol.Batch(messages=[protocol.Message(flow="f", to=f"{name}:in", payload=b"\x03")]))
            seen[name] = msgspec.msgpack.decode((await anext(watch)).message.payload)
            await watch.aclose()
        await remote.close()
        return names, seen
    finally:
        process.stdin.close()
        await process.wait()


def test_several_modules_become_a_project_each(tmp_path):
    folders = export(ROOT / "notebooks" / "00_contract.ipynb", tmp_path / "out")

    assert folders == {"notebook": tmp_path / "out" / "notebook", "maths": tmp_path / "out" / "maths"}
    readme = (tmp_path / "out" / "maths" / "README.md").read_text()
    assert "The contract" in readme
    assert "needs tinyflow-jupyter from an index, or its wheel first" in readme
    assert "assert double(4) == 8" in (tmp_path / "out/notebook/tests/test_notebook_module.py").read_text()


def test_the_command_says_where_each_project_went(notebook, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    main(["notebook/scores.ipynb", "--to", "one"])
    main([str(ROOT / "notebooks" / "00_contract.ipynb"), "--to", "several"])

    told = [line.rpartition(" in ") for line in capsys.readouterr().out.splitlines()]
    assert [(what, where) for what, _, where in told] == [
        ("Module scores is now a project", str(tmp_path / "one")),
        ("Module notebook is now a project", str(tmp_path / "several" / "notebook")),
        ("Module maths is now a project", str(tmp_path / "several" / "maths")),
    ]
    assert all((Path(where) / "pyproject.toml").is_file() for _, _, where in told)


def test_a_folder_that_holds_something_else_is_left_alone(notebook, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")

    with pytest.raises(SourceError, match=r"TF-173 .*out holds other files\.\n  Give an empty folder: --to DIR\."):
        export(notebook, tmp_path / "out")


def test_a_file_that_was_edited_is_not_written_over(notebook, tmp_path):
    export(notebook, tmp_path / "out")
    export(notebook, tmp_path / "out")  # says the same, so nothing is lost
    readme = tmp_path / "out" / "README.md"
    readme.write_text("mine")

    with pytest.raises(SourceError, match=r"TF-173 .*README\.md would be written over"):
        export(notebook, tmp_path / "out")

    assert readme.read_text() == "mine"


def test_what_is_no_notebook_is_refused(tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    other = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}})
    nbformat.write(other, tmp_path / "r.ipynb")

    for name, why in (("a", "cannot be read as a notebook"), ("nowhere", "cannot be read: No such file")):
        with pytest.raises(SourceError, match=rf"TF-173 .*\b{name}\.ipynb {why}"):
            export(tmp_path / f"{name}.ipynb", tmp_path / "out")
    with pytest.raises(SourceError, match=r"TF-173 r\.ipynb is a notebook of R"):
        export(tmp_path / "r.ipynb", tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("from lib.scale import x", "from p.lib.scale import x"),
        ("from . import x\nimport os", "from . import x\nimport os"),
        ("import lib", "from p import lib"),
        ("import lib as l, os", "import p.lib as l\nimport os"),
        ("def f():\n    import lib.scale\n", "def f():\n    import p.lib.scale\n    from p import lib\n"),
        ("x = 1; import lib; y = 2", "x = 1; from p import lib; y = 2"),
        ("from lib import (\n    a,\n    b,\n)", "from p.lib import (\n    a,\n    b,\n)"),
        ("é = 'ü'; from lib import a", "é = 'ü'; from p.lib import a"),
        ("import library", "import library"),
    ],
)
def test_imports_of_neighbours_are_given_the_packages_name(text, becomes):
    assert moved(text, "p", {"lib"}) == becomes
