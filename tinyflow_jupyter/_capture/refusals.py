"""What is refused though its text is there: it would run here, and not as a program of its own."""

from __future__ import annotations

import ast
import builtins

from .cells import Cell
from .reason import Reason, cannot
from .scopes import names_of
from .statements import Statement
from .targets import named_in_globals

__all__ = ["OF_FILE", "refuse_free", "refuse_main_only", "refuse_untold"]

OF_FILE = frozenset({"__name__", "__doc__", "__debug__", "__builtins__", "__spec__", "__package__"})


def refuse_main_only(made: Statement, name: str, reason: Reason) -> None:
    node = made.node
    if isinstance(node, ast.If) and any(
        isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test)
    ):
        what = f"{reason.who} uses {name!r}, which is made only where __name__ is '__main__' ({made.place})."
        raise cannot(what, "Move it out of the if.", reason)


def refuse_free(tree: ast.Module, name: str, cell: Cell) -> None:
    """A ``%%component`` cell knows its own names only."""
    every = [names_of(node) for node in tree.body]
    own = {bound for names in every for bound in (*names.binds, *names.writes)} | OF_FILE
    for use in (use for names in every for use in names.uses if not use.soft):
        if use.name not in own and not hasattr(builtins, use.name):
            raise cannot(
                f"{name} uses {use.name!r}, which its cell does not define.",
                f"A component cell is a file of its own: define {use.name} in it, or make it a setting.",
                Reason(name, (), cell, use.line),
            )


def refuse_untold(reason: Reason) -> None:
    """``globals()[name]``: only running it tells which name is meant."""
    told = {id(call) for node in ast.walk(reason.cell.tree) for call, _ in named_in_globals(node)}
    for node in ast.walk(reason.cell.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "globals":
            if node.lineno == reason.line and id(node) not in told:
                what = f"{reason.who} uses globals(), and the text does not tell which names it is asked for."
                raise cannot(what, "Put what it looks up into a dict, and look it up there.", reason)
