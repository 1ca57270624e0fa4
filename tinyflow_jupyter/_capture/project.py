"""A project is a module as a package that is built, tested, put into an image and served without a notebook."""

from __future__ import annotations

import ast
import json
import keyword
import platform
import re
from collections.abc import Sequence
from pathlib import Path

from tinyflow_runtime import __version__
from tinyflow_runtime.source.archive import Source

from tinyflow_jupyter._ipynb import read_notebook

from .recorded import Recorded
from .relocation import moved

__all__ = ["project_files"]

PORT = 7443  # what a module's Service in a cluster listens at


def project_files(
    source: Source, *, requirements: Sequence[str], texts: Sequence[str], tests: Sequence[Recorded]
) -> dict[str, str]:
    """The files of a project, by path.

    Args:
        source: The module.
        requirements: What it needs besides TinyFlow: requirements, or locked lines.
        texts: The notebook's text cells.
        tests: What the notebook showed.
    """
    package = f"{source.module.replace('-', '_')}_module"
    own = {path.split("/")[0].removesuffix(".py") for path in source.files if path.endswith(".py")}
    python = [path for path in source.files if path.endswith(".py")]
    files = {f"src/{package}/{path}": moved(source.files[path], package, own) for path in python}
    stem = source.entry.removesuffix(".py")
    public = [name for name in public_names(source.text) if name not in own]
    locked = bool(requirements) and all("--hash=" in line for line in requirements)
    files |= {
        f"src/{package}/__init__.py": _INIT.format(
            module=source.module, package=package, stem=stem, names=_wrapped(public), shown=_listed(public)
        ),
        f"src/{package}/__main__.py": _MAIN.format(module=source.module, package=package, entry=source.entry),
        "pyproject.toml": _pyproject(source.module, package, stem, requirements),
        "README.md": _readme(source.module, package, texts),
        "Dockerfile": _dockerfile(source.module, package, requirements, locked=locked),
        f"tests/test_{package}.py": _tests(source, package, public, tests),
        ".dockerignore": "tests\n**/__pycache__\n",
    }
    if requirements:
        files["requirements.txt"] = "".join(f"{line}\n" for line in requirements)
    return files


def public_names(text: str) -> list[str]:
    """The functions and classes that a captured file defines, and those it offers."""
    names = []
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            names += ast.literal_eval(node.value) if targets == ["__all__"] else targets
    return [name for name in dict.fromkeys(names) if not name.startswith("_") and not keyword.iskeyword(name)]


def _wrapped(names: Sequence[str]) -> str:
    line = ", ".join(sorted(names))
    return line if len(line) < 70 else "(\n" + "".join(f"    {name},\n" for name in sorted(names)) + ")"


def _listed(names: Sequence[str]) -> str:
    shown = [json.dumps(name) for name in sorted(names)]
    line = f"[{', '.join(shown)}]"
    return line if len(line) < 100 else "[\n" + "".join(f"    {name},\n" for name in shown) + "]"


_INIT = '''"""Module {module} of TinyFlow. ``python -m {package}`` serves it."""

from {package}.{stem} import {names}

__all__ = {shown}
'''

_MAIN = '''"""Serve module {module}: ``python -m {package} --listen 127.0.0.1:7443``."""

import sys
from pathlib import Path

from tinyflow_runtime.hosting.server import main

if __name__ == "__main__":
    main(["{module}", str(Path(__file__).with_name("{entry}")), *sys.argv[1:]])
'''


def _pyproject(module: str, package: str, stem: str, requirements: Sequence[str]) -> str:
    named = sorted({line.split(" --hash=")[0] for line in requirements} | {f"tinyflow-jupyter>={__version__}"})
    listed = "".join(f"    {json.dumps(line)},\n" for line in named)
    return f"""[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{package.replace("_", "-")}"
version = "0.1.0"
description = "Module {module} of TinyFlow, exported from a notebook."
readme = "README.md"
requires-python = ">={".".join(platform.python_version_tuple()[:2])}"
dependencies = [
{listed}]

[project.entry-points."tinyflow.modules"] # what `tinyflow module {module}` serves, wherever this is installed
{module} = "{package}.{stem}"

[tool.hatch.build.targets.wheel]
packages = ["src/{package}"]

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["src"]
"""


def _readme(module: str, package: str, texts: Sequence[str]) -> str:
    said = "\n\n".join(text.strip() for text in texts if text.strip())
    image = f"{package.replace('_', '-')}:0.1.0"
    if not re.match(r"# ", said):
        said = f"# Module {module}\n\n{said}".rstrip()
    return f"""{said}

## Use

This project was exported from a notebook. It holds the module `{module}` of TinyFlow.

    pip install .        # needs tinyflow-jupyter from an index, or its wheel first: pip install tinyflow_jupyter-*.whl
    python -m pytest     # needs pytest
    tinyflow module {module} --listen 127.0.0.1:{PORT}
    docker build --tag {image} .    # on the image tinyflow-module, which is tinyflow's images/runtime/Dockerfile

On a cluster a TinyModule of the name `{module}` says `image: {image}`, or Helm says it:

    helm install {module} tinyflow-module --set image.repository={image.partition(":")[0]},image.tag=0.1.0

Nodes name it as their module, by its name or by the image.
"""


def _dockerfile(module: str, package: str, requirements: Sequence[str], *, locked: bool) -> str:
    hashed = "--require-hashes --no-deps " if locked else ""
    needed = (
        f"COPY requirements.txt .\nRUN pip install --no-cache-dir {hashed}-r requirements.txt\n" if requirements else ""
    )
    return f"""# What runs any module, with this one installed: docker build --tag {package.replace("_", "-")}:0.1.0 .
ARG TINYFLOW=tinyflow-module:{__version__}
FROM ${{TINYFLOW}}
# Only root may install; it ends as nobody, as it began.
USER 0:0
WORKDIR /module
{needed}COPY . .
RUN pip install --no-cache-dir --no-deps .
WORKDIR /tmp
USER 65532:65532
CMD ["module", "{module}"]
"""


def _tests(source: Source, package: str, public: Sequence[str], tests: Sequence[Recorded]) -> str:
    lines = [f'"""What the notebook showed of module {source.module} holds for the package."""', ""]
    used = sorted({name for test in tests for name in test.names if name in public})
    if any(test.is_async for test in tests):
        lines += ["import asyncio", ""]
    lines += [f"import {package}"]
    if used:
        lines += [f"from {package} import {_wrapped(used)}"]
    lines += ["from tinyflow_runtime.component import ports_of", "from tinyflow_runtime.module import Module", "", ""]
    lines += [
        "def test_it_has_components_with_ports():",
        f"    assert {package}.__doc__",
        f'    components = Module.all["{source.module}"].components',
        "    assert components",
        "    for component in components.values():",
        "        assert ports_of(component)",
    ]
    seen: dict[int, int] = {}
    for test in tests:
        seen[test.cell] = seen.get(test.cell, 0) + 1
        name = f"test_cell_{test.cell}" + (f"_{seen[test.cell]}" if seen[test.cell] > 1 else "")
        call = f"asyncio.run({test.call.removeprefix('await ')})" if test.is_async else test.call
        claim = f"{call} == {test.expected}" if test.expected else call
        lines += ["", "", f"def {name}():", f"    assert {claim}"]
    return "\n".join(lines) + "\n"


def texts_of(path: Path) -> list[str]:
    """The text cells of a notebook."""
    notebook = read_notebook(path)
    return [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
