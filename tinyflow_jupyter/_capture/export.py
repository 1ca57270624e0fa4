"""The command ``tinyflow export``: a notebook's modules as projects."""

from __future__ import annotations

import argparse
import ast
import builtins
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinyflow_runtime.errors import SourceError
from tinyflow_runtime.source.archive import Source

from .capturing import capture_notebook
from .locking import lock
from .project import project_files, public_names, texts_of
from .recorded import recorded
from .requirements import pinned
from .scopes import names_of

__all__ = ["export", "main"]


def main(arguments: Sequence[str]) -> None:
    """Write a project for each module of a notebook: package, tests, Dockerfile, README. Nothing is run."""
    parser = argparse.ArgumentParser(prog="tinyflow export", description=main.__doc__)
    parser.add_argument("notebook", type=Path, metavar="NOTEBOOK.ipynb")
    where = "where to, each of several modules to DIR/MODULE; else beside the notebook, with its name"
    parser.add_argument("--to", type=Path, metavar="DIR", help=where)
    parser.add_argument("--lock", action="store_true", help="write requirements.txt with the hash of every file needed")
    options = parser.parse_args(arguments)
    into = options.to or options.notebook.with_suffix("")
    for module, folder in export(options.notebook, into, locked=options.lock).items():
        print(f"Module {module} is now a project in {folder.resolve()}", flush=True)


def export(notebook: Path, into: Path, *, locked: bool = False) -> dict[str, Path]:
    """Write the projects; where a notebook has one module, its project is the folder itself.

    Returns:
        The folder of each module.

    Raises:
        ComponentError: TF-111 or TF-173, a component cannot be captured.
        SourceError: TF-173, the folder holds something else already, and nothing was written; and as
            ``capture_notebook``.
    """
    sources = capture_notebook(notebook)
    if not sources:
        way_out = "Decorate a function with @tf.component."
        raise SourceError("TF-173", f"{notebook.name} defines no component.", way_out)
    folders = {module: into if len(sources) == 1 else into / module for module in sources}
    for folder in folders.values():
        if folder.exists() and any(folder.iterdir()) and not (folder / "pyproject.toml").is_file():
            raise SourceError("TF-173", f"{folder} holds other files.", "Give an empty folder: --to DIR.")
    texts = {
        folders[module] / path: text
        for module, source in sources.items()
        for path, text in _files(notebook, source, locked=locked).items()
    }
    _refuse_loss(texts)
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folders


def _refuse_loss(texts: Mapping[Path, str]) -> None:
    """A file that says something else may have been edited by hand: nothing is written over it."""
    other = [file for file, text in texts.items() if file.exists() and file.read_text(encoding="utf-8") != text]
    if other:
        more = f" and {len(other) - 1} more files" if len(other) > 1 else ""
        what = f"{other[0]}{more} would be written over, and what they say now lost."
        raise SourceError("TF-173", what, "Give an empty folder, --to DIR, and compare; or delete what may go.")


def _files(notebook: Path, source: Source, *, locked: bool) -> dict[str, str]:
    needed = list(source.requirements) or pinned(source)
    if locked and not source.requirements and needed:
        needed = list(lock(needed, module=source.module))
    known = {*public_names(source.text), *dir(builtins)}
    shown = list(recorded(notebook, _functions(source), known))
    return project_files(source, requirements=needed, texts=texts_of(notebook), tests=shown)


def _functions(source: Source) -> set[str]:
    """The functions whose results can be held against those of the notebook: they remember nothing."""
    found = set()
    for path, text in source.files.items():
        for node in ast.parse(text).body if path.endswith(".py") else ():
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not names_of(node).writes:
                found.add(node.name)
    return found
