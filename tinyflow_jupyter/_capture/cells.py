"""Cells are the text that was run, in its order: of a kernel, of a notebook's file, or of a script."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tinyflow_runtime.errors import SourceError

from tinyflow_jupyter._ipynb import read_notebook

from .inner import components_of
from .scopes import names_of

__all__ = ["Cell", "Cells", "of_kernel", "of_notebook", "of_script"]

_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\S\n]*([^\n]*)(?:\n|$)")
# Cell magics whose body is run as if they were not there; what others hold is another language's, or another program's.
_TRANSPARENT = frozenset({"time", "capture", "prun", "memit", "mprun"})
_NOTEBOOK_COMMAND = "get_ipython"


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell, or a whole script.

    Attributes:
        written: Its number, or the name of the file.
        text: What was run, magics turned into calls.
        tree: The same, parsed.
        module: The module of a ``%%component`` cell; None for any other.
        futures: What ``from __future__`` has said by then.
        raw: What was typed.
    """

    written: int | str
    text: str
    tree: ast.Module
    module: str | None = None
    futures: frozenset[str] = frozenset()
    raw: str = ""

    def place(self, line: int) -> str:
        """A line of it as a person calls it."""
        name = f"cell {self.written}" if isinstance(self.written, int) else self.written
        return f"{name}, line {line}"

    @property
    def name(self) -> str:
        """``cell 7``, or the file's name."""
        return f"cell {self.written}" if isinstance(self.written, int) else self.written

    def line(self, number: int) -> str:
        """The text of a line, as it was typed."""
        lines, typed = self.text.splitlines(), self.raw.splitlines()
        lines = typed if len(typed) == len(lines) else lines
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""


class Unread(NamedTuple):
    """A cell that is no Python: where, why, and its text."""

    where: str
    why: str
    text: str

    def names(self, name: str) -> bool:
        """Whether it might have defined a name, could it be read."""
        return re.search(rf"\b{re.escape(name)}\b", self.text) is not None


@dataclass(slots=True)
class Cells:
    """What was run.

    Attributes:
        cells: In the order they ran.
        folder: Where files that it imports may be beside it.
        live: The names of the kernel; None where nothing runs.
        numbers: The cell that a function's file name stands for.
        unread: Cells that are no Python, and so have defined nothing: where, and why.
    """

    cells: list[Cell]
    folder: Path
    live: Mapping[str, Any] | None = None  # Any: whatever a notebook holds
    numbers: Mapping[str, int] = field(default_factory=dict)
    unread: tuple[Unread, ...] = ()

    def __iter__(self) -> Iterator[Cell]:
        return iter(self.cells)


def of_kernel(shell: Any) -> Cells:  # Any: IPython's shell, which is not needed to import this file
    """The cells that a kernel has run, newest last."""
    from tinyflow_runtime import place

    texts = (
        list(shell.history_manager.input_hist_raw) if shell.history_manager is not None else list(shell.user_ns["In"])
    )
    made, unread = _parsed([(number, text) for number, text in enumerate(texts) if number and text.strip()])
    known: dict[str, int] = dict(getattr(shell.compile, "_filename_map", {})) | place.known_cells()
    return Cells(_once(made), Path.cwd(), shell.user_ns, known, unread)


def of_notebook(path: Path) -> Cells:
    """The code cells of a notebook's file, in the order they stand; no kernel is asked.

    Raises:
        SourceError: TF-173, it is no notebook, or one of another language.
    """
    try:
        notebook = read_notebook(path)
    except OSError as error:
        raise SourceError("TF-173", f"{path} cannot be read: {error.strerror}.", "Look at its path.") from None
    except Exception as error:  # nbformat raises of many kinds: no JSON, no notebook
        what = f"{path.name} cannot be read as a notebook: {type(error).__name__}: {str(error).splitlines()[0][:120]}."
        raise SourceError("TF-173", what, "Give the path of an .ipynb file.") from error
    language = notebook.metadata.get("kernelspec", {}).get("language", "python")
    if language.lower() != "python":
        raise SourceError("TF-173", f"{path.name} is a notebook of {language}.", "Components are written in Python.")
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    numbered = [(number, text) for number, text in enumerate(texts, 1) if text.strip()]
    made, unread = _parsed(numbered)
    return Cells(made, path.parent.resolve(), unread=unread)


def of_script(path: Path, live: Mapping[str, Any] | None = None) -> Cells:
    """A script as one cell."""
    text = path.read_text(encoding="utf-8")
    made, unread = _parsed([(path.name, text)])
    return Cells(made, path.parent.resolve(), live, unread=unread)


def _parsed(texts: list[tuple[Any, str]]) -> tuple[list[Cell], tuple[Unread, ...]]:  # Any: int or str
    """The cells that can be parsed, and those that cannot: a kernel has refused them too."""
    made: list[Cell] = []
    unread: list[Unread] = []
    futures: frozenset[str] = frozenset()
    for written, text in texts:
        name, line, body = _split(text)
        module = None
        if name == "component":
            words = line.split("#")[0].split()
            module = words[0] if words else "notebook"
        elif name and name not in _TRANSPARENT:
            continue
        try:
            text, tree = _parse(body)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two: nested too deeply
            name = f"cell {written}" if isinstance(written, int) else written
            where = f"{name}, line {getattr(error, 'lineno', 1)}"
            unread.append(Unread(where, str(getattr(error, "msg", error)), body))
            continue
        if module is not None:
            made.append(Cell(written, text, tree, module, _futures(tree), body))
            continue
        futures |= _futures(tree)  # what a cell says holds for those after it
        made.append(Cell(written, text, tree, None, futures, body))
    return made, tuple(unread)


def _once(cells: list[Cell]) -> list[Cell]:
    """Without the cells that were run again and did the same again: running a cell twice changes no program."""
    kept: list[Cell] = []
    effects: list[tuple[set[str], set[str], bool]] = []  # of those: what it binds, what it looks up, whether it repeats
    at: dict[tuple[str, str | None], int] = {}
    for cell in cells:
        key = (cell.raw, cell.module)
        first = at.get(key)
        effect = effects[first] if first is not None else _effect(cell)
        binds, uses, repeats = effect
        if first is not None and repeats:
            between = set().union(*(other[0] for other in effects[first + 1 :]))
            if not between & (binds | uses):
                continue
        at[key] = len(kept)
        kept.append(cell)
        effects.append(effect)
    return kept


def _effect(cell: Cell) -> tuple[set[str], set[str], bool]:
    if cell.module is not None:
        return set(components_of(cell.tree)), set(), True
    every = [names_of(node) for node in cell.tree.body]
    binds = {name for names in every for name in (*names.binds, *names.changes)}
    uses = {use.name for names in every for use in names.uses if not use.later}
    alone = not any(names.changes or names.deletes for names in every)
    return binds, uses, alone and not any(isinstance(node, ast.AugAssign) for node in cell.tree.body)


def _split(text: str) -> tuple[str, str, str]:
    """The cell magic, its line, and the body, with an empty line where the magic was."""
    found = _CELL_MAGIC.match(text)
    if found is None:
        return "", "", text
    head = text[: found.end()].count("\n") or 1
    return found[1], found[2], "\n" * head + text[found.end() :]


def _parse(text: str) -> tuple[str, ast.Module]:
    text = text.removeprefix("\ufeff")
    try:
        return text, ast.parse(text)
    except IndentationError:
        return textwrap.dedent(text), ast.parse(textwrap.dedent(text))  # as IPython runs it
    except SyntaxError:
        if not re.search(r"^\s*[%!?/;,]|[?]\s*$|=\s*[%!]", text, re.MULTILINE):
            raise
        from IPython.core.inputtransformer2 import TransformerManager  # only where there are magics

        changed = TransformerManager().transform_cell(text)  # type: ignore[no-untyped-call]  # IPython's is untyped
        # IPython drops empty lines at the top; the lines keep their numbers.
        dropped = len(text) - len(text.lstrip("\n"))
        text = "\n" * dropped + changed
        return text, ast.parse(text)


def _futures(tree: ast.Module) -> frozenset[str]:
    return frozenset(
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for alias in node.names
    )


def is_command(node: ast.AST) -> bool:
    """Whether a call is what IPython makes of a magic or a shell line."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and isinstance(node.func.value.func, ast.Name)
        and node.func.value.func.id == _NOTEBOOK_COMMAND
    )


def file_of(thing: Any) -> str:  # Any: a function or class
    """The file name that the code of a function or class was compiled under; empty when there is none."""
    thing = inspect.unwrap(thing) if callable(thing) and not isinstance(thing, type) else thing
    if isinstance(thing, type):
        for member in vars(thing).values():
            member = getattr(member, "__func__", getattr(member, "fget", member))
            code = getattr(member, "__code__", None)
            if code is not None and getattr(member, "__qualname__", "").startswith(f"{thing.__qualname__}."):
                return str(code.co_filename)
        module = sys.modules.get(thing.__module__)
        return getattr(module, "__file__", None) or "" if module is not None else ""
    code = getattr(thing, "__code__", None)
    return str(code.co_filename) if code is not None else ""
