"""Files beside the notebook that its cells import: they go along with the module."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tinyflow_runtime.errors import SourceError

__all__ = ["OURS", "Beside", "is_installed", "packages"]

# Every module has them; in a clone of the repository they lie beside the notebook, installed or not.
OURS = frozenset(("tinyflow_jupyter", "tinyflow_operator", "tinyflow_runtime"))


@dataclass(slots=True)
class Beside:
    """The files beside a notebook.

    Attributes:
        folder: Where the notebook is.
        texts: Path in the archive and text of those taken so far.
    """

    folder: Path
    texts: dict[str, str] = field(default_factory=dict)
    _trees: dict[str, ast.Module] = field(default_factory=dict)
    _known: dict[str, bool] = field(default_factory=dict)

    def has(self, module: str) -> bool:
        """Whether a module is a file or folder here, and none that is installed."""
        top = module.split(".")[0]
        if not top or top in sys.builtin_module_names or top in OURS:
            return False
        if top in self._known:
            return self._known[top]
        there = (self.folder / f"{top}.py").is_file() or (self.folder / top / "__init__.py").is_file()
        if not there and (self.folder / top).is_dir():
            there = next((self.folder / top).rglob("*.py"), None) is not None and top not in sys.stdlib_module_names
        self._known[top] = there and not is_installed(top)
        return self._known[top]

    def take(self, module: str) -> None:
        """Take the file of a module, and the files it imports.

        Raises:
            SourceError: TF-173, one of them cannot be read.
        """
        top = module.split(".")[0]
        if self.files_of(top):
            return
        if (self.folder / f"{top}.py").is_file():
            paths = [self.folder / f"{top}.py"]
        else:
            every = sorted((self.folder / top).rglob("*.py"))
            paths = [
                path for path in every if not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
            ]
        for path in paths:
            name = path.relative_to(self.folder).as_posix()
            if name in self.texts:
                continue
            self.texts[name] = _text(path, name)
            for other in sorted(set(_imported(self.tree(name)))):
                if other.split(".")[0] != top and self.has(other):
                    self.take(other)

    def tree(self, name: str) -> ast.Module:
        """A file that was taken, parsed."""
        if name not in self._trees:
            try:
                self._trees[name] = ast.parse(self.texts[name])
            except SyntaxError as error:
                where = f"{name}, line {error.lineno}"
                raise SourceError(
                    "TF-173", f"{name} cannot be read: {error.msg}.", "Mend the file.", where=where
                ) from None
        return self._trees[name]

    def files_of(self, module: str) -> list[str]:
        """The paths of a module that was taken, and of what is in its folder."""
        top = module.split(".")[0]
        return [name for name in self.texts if name == f"{top}.py" or name.startswith(f"{top}/")]

    def imported(self) -> Iterator[str]:
        """What the files that were taken import from elsewhere."""
        for name in list(self.texts):
            for other in _imported(self.tree(name)):
                if not self.has(other):
                    yield other


def _text(path: Path, name: str) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError("TF-173", f"{name} cannot be read: {error}.", "Save it as UTF-8.") from None


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def is_installed(top: str) -> bool:
    """Whether a name at the top of an import belongs to an installed distribution, or is ours."""
    return top in OURS or top in packages()


@functools.cache
def packages() -> dict[str, list[str]]:
    """The distributions that bring each name; looked up once, for it reads every file list."""
    return {name: list(found) for name, found in importlib.metadata.packages_distributions().items()}
