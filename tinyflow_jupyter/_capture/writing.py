"""What was selected is written into files that a person can read and python can run."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterable, Sequence

from tinyflow_runtime.source.archive import CELLS, entries

from .cells import Cell
from .component_cells import component_file
from .keys import refuse_secrets
from .page import Page, text_of
from .selection import Selection
from .statements import Alias, Statement, aliases_of
from .targets import is_for_types

__all__ = ["write"]

WIDTH = 100  # of a line of imports that we write


def write(module: str, selection: Selection, components: Sequence[str], more: Iterable[Alias] = ()) -> dict[str, str]:
    """The files of a module.

    Args:
        module: Its name.
        selection: What it needs of the cells.
        components: Their names, for the first line.
        more: Imports of components that are installed.

    Raises:
        SourceError: TF-180, a line looks like a secret.
    """
    return _Writing(module, selection, list(more)).files(components)


class _Writing:
    def __init__(self, module: str, selection: Selection, more: list[Alias]) -> None:
        self._module = module
        self._selection = selection
        self._more = more
        self._taken = sorted(selection.taken, key=lambda statement: statement.index)
        self._pages: dict[str, Page] = {}
        self._entry = self._name()
        self._cell_files = {each: self._cell_file(each) for each in self._taken if isinstance(each.node, ast.Module)}

    def files(self, components: Sequence[str]) -> dict[str, str]:
        for statement, path in self._cell_files.items():
            self._pages[path] = component_file(statement, self._module)
        self._pages[self._entry] = self._write_entry(components)
        files = {path: page.text for path, page in self._pages.items()}
        beside = self._selection.beside.texts
        files |= beside
        for path, page in self._pages.items():
            refuse_secrets(page.places(path))
        for path, text in beside.items():
            refuse_secrets((line, f"{path}, line {number}") for number, line in enumerate(text.split("\n"), 1))
        rows = {path: page.rows() for path, page in self._pages.items()}
        files[CELLS] = json.dumps(rows, separators=(",", ":"), sort_keys=True) + "\n"
        return files

    def _name(self) -> str:
        """Of the entry: not the name of anything it imports, which it would hide when it is run alone."""
        first, second = entries(self._module)
        stem = first.removesuffix(".py")
        imported = {alias.module.split(".")[0] for aliases in self._selection.aliases.values() for alias in aliases}
        imported |= {path.split("/")[0].removesuffix(".py") for path in self._selection.beside.texts}
        imported |= {name.split(".")[0] for name in self._selection.beside.imported()}
        return second if stem in imported or stem in sys.stdlib_module_names else first

    def _cell_file(self, statement: Statement) -> str:
        name = next(iter(statement.names.binds))
        return f"{self._entry.removesuffix('.py')}_{name.lower()}.py"

    def _write_entry(self, components: Sequence[str]) -> Page:
        page = Page()
        said = f"Module {self._module}: {', '.join(components)}."
        page.add(f'"""{said if len(said) < WIDTH else f"Module {self._module}."}"""')
        futures = {name for each in self._taken if each not in self._cell_files for name in each.cell.futures}
        if futures:
            page.space(1)
            page.add(f"from __future__ import {', '.join(sorted(futures))}")
        at_top, in_place = self._imports()
        self._write_imports(page, at_top)
        if imported := self._imported_components():
            page.space(1)
            page.add(f"__all__ = [{', '.join(map(repr, imported))}]".replace("'", '"'))
        before: Statement | None = None
        for statement in self._taken:
            if statement in in_place:
                page.space(1 if before is None or not before.is_definition else 2)
                for alias in in_place[statement]:
                    page.add(_import_line(alias.module, [alias]), statement.cell, statement.line)
            elif isinstance(statement.node, ast.Module) or statement.aliases or statement.stars:
                continue
            elif is_for_types(statement.node):
                self._write_for_types(page, statement)
            else:
                text, line = text_of(statement.cell, statement.node)
                page.space(_space(before, statement, line))
                page.add(text, statement.cell, line)
            before = statement
        page.space(0)
        return page

    def _write_for_types(self, page: Page, statement: Statement) -> None:
        """``if TYPE_CHECKING:`` with those of its imports that something names."""
        used = {use.name for each in self._taken for use in each.names.uses}
        page.space(1)
        page.add(statement.cell.line(statement.line), statement.cell, statement.line)
        for node in getattr(statement.node, "body", []):
            aliases = [alias for alias in aliases_of(node) if alias.name in used]
            together = [aliases] if isinstance(node, ast.ImportFrom) and aliases else [[each] for each in aliases]
            for each in together:
                for line in _import_line(each[0].module, each).split("\n"):
                    page.add(f"    {line}", statement.cell, node.lineno)

    def _imported_components(self) -> list[str]:
        """Components that are imported only to be there."""
        names = {alias.name for alias in self._more}
        names |= {name for each in self._cell_files for name in each.names.binds}
        used = {use.name for each in self._taken for use in each.names.uses}
        for statement in self._taken:
            names |= {alias.name for alias in self._selection.aliases.get(statement, ()) if alias.name not in used}
        return sorted(names - used)

    def _imports(self) -> tuple[dict[Alias, tuple[Cell, int] | None], dict[Statement, list[Alias]]]:
        """The imports that can stand at the top, and those that give a name another meaning later on."""
        every: list[tuple[Alias, Statement]] = []
        for statement, path in self._cell_files.items():
            stem = path.removesuffix(".py")
            every += [(Alias(name, stem, name, None), statement) for name in statement.names.binds]
        for statement, aliases in self._selection.aliases.items():
            every += [(alias, statement) for alias in sorted(aliases, key=str)]
        meanings: dict[str, set[object]] = {}
        for alias, _ in every:
            meanings.setdefault(alias.name, set()).add(alias.target)
        for statement in self._taken:
            if not statement.aliases and statement not in self._cell_files:
                for name in statement.names.binds:
                    meanings.setdefault(name, set()).add(statement)
        at_top: dict[Alias, tuple[Cell, int] | None] = dict.fromkeys(self._more)
        in_place: dict[Statement, list[Alias]] = {}
        for alias, statement in sorted(every, key=lambda pair: pair[1].index):
            if len(meanings[alias.name]) == 1:
                at_top.setdefault(alias, (statement.cell, statement.line))
            else:
                in_place.setdefault(statement, []).append(alias)
        return at_top, in_place

    def _write_imports(self, page: Page, at_top: dict[Alias, tuple[Cell, int] | None]) -> None:
        own = {path.split("/")[0].removesuffix(".py") for path in (*self._pages, *self._selection.beside.texts)}
        own |= {path.removesuffix(".py") for path in self._cell_files.values()}
        groups: list[dict[tuple[bool, str, str], list[Alias]]] = [{}, {}, {}]  # ours come last
        for alias in at_top:
            top = alias.module.split(".")[0]
            rank = 2 if top in own else 0 if top in sys.stdlib_module_names else 1
            together = "" if alias.part is not None else f"{alias.bound}"
            groups[rank].setdefault((alias.part is not None, alias.module, together), []).append(alias)
        for group in groups:
            if group:
                page.space(1)
            for (_, module, _), aliases in sorted(group.items()):
                origin = next((at_top[alias] for alias in aliases if at_top[alias] is not None), None)
                for line in _import_line(module, aliases).split("\n"):
                    page.add(line, *(origin or ()))


def _import_line(module: str, aliases: list[Alias]) -> str:
    def renamed(name: str, alias: Alias) -> str:
        return f"{name} as {alias.bound}" if alias.bound is not None else name

    if aliases[0].part is None:
        return f"import {renamed(module, aliases[0])}"
    names = sorted({renamed(str(alias.part), alias) for alias in aliases}, key=lambda name: (not name.isupper(), name))
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _space(before: Statement | None, statement: Statement, line: int) -> int:
    if before is None:
        return 2 if statement.is_definition else 1
    if statement.is_definition or before.is_definition:
        return 2
    if before.cell is statement.cell and not isinstance(before.node, ast.Module):
        return 0 if line - (before.node.end_lineno or 0) in (0, 1) else 1
    return 1
