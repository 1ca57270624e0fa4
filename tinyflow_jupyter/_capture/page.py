"""A page is a file being written: every line knows the cell it was written in, or that it is ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .cells import Cell
from .targets import begins

__all__ = ["Page"]


class Page:
    """Lines, each with its place in a cell; None where there is none."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, tuple[Cell, int] | None]] = []

    @property
    def text(self) -> str:
        """The whole file."""
        return "\n".join(line for line, _ in self.lines) + "\n"

    def add(self, text: str, cell: Cell | None = None, line: int = 1) -> None:
        """Add lines that follow each other in a cell."""
        for offset, each in enumerate(text.split("\n")):
            self.lines.append((each.rstrip("\r"), (cell, line + offset) if cell is not None else None))

    def space(self, lines: int) -> None:
        """See to it that so many empty lines come before what follows."""
        while self.lines and not self.lines[-1][0].strip():
            self.lines.pop()
        if self.lines:
            self.lines += [("", None)] * lines

    def rows(self) -> list[list[int | str]]:
        """For ``cells.json``: first line, how many, the cell, its line."""
        rows: list[list[int | str]] = []
        last: tuple[Cell, int] | None = None
        for number, (_, origin) in enumerate(self.lines, 1):
            if origin is not None:
                if last is not None and last[0] is origin[0] and origin[1] == last[1] + 1:
                    rows[-1][1] = int(rows[-1][1]) + 1
                else:
                    rows.append([number, 1, origin[0].written, origin[1]])
            last = origin
        return rows

    def places(self, path: str) -> Iterator[tuple[str, str]]:
        """Each line, and where a person finds it."""
        for number, (line, origin) in enumerate(self.lines, 1):
            yield line, origin[0].place(origin[1]) if origin is not None else f"{path}, line {number}"


def text_of(cell: Cell, node: ast.stmt) -> tuple[str, int]:
    """A statement as it stands in its cell, with the comments right above it; and its first line."""
    lines = cell.text.split("\n")
    first = begins(node)
    last = node.end_lineno or node.lineno
    others = [each for each in cell.tree.body if each is not node]
    if not any(each is node for each in cell.tree.body):  # it stood behind a %time
        return ast.unparse(node), first
    before = max((each.end_lineno or each.lineno for each in others if begins(each) <= begins(node)), default=0)
    if any(begins(each) <= last and (each.end_lineno or each.lineno) >= first for each in others):  # behind a semicolon
        return ast.get_source_segment(cell.text, node) or ast.unparse(node), first
    while first - 1 > before and lines[first - 2].startswith("#") and not lines[first - 2].startswith("# %%"):
        first -= 1
    return "\n".join(lines[first - 1 : last]).rstrip().rstrip(";"), first
