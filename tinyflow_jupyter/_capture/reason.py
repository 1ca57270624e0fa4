"""A reason is who uses a name, and where: what a refusal begins with."""

from __future__ import annotations

from dataclasses import dataclass

from tinyflow_runtime.errors import ComponentError

from .cells import Cell
from .names import Use
from .statements import Statement

__all__ = ["Reason", "cannot"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Who uses a name, and where.

    Attributes:
        component: The function or class that is to be taken.
        through: What it uses that uses the name, nearest last.
        cell: Where the name stands.
        line: Its line there.
    """

    component: str
    through: tuple[str, ...]
    cell: Cell
    line: int

    @property
    def who(self) -> str:
        """``Scorer``, or ``Scorer (by predict)``."""
        return f"{self.component} (by {self.through[-1]})" if self.through else self.component

    @property
    def where(self) -> str:
        """``cell 7, line 4``."""
        return self.cell.place(self.line)

    def then(self, made: Statement, use: Use, name: str) -> Reason:
        """The reason for what a statement uses that was taken for this one."""
        through = self.through if name == self.component else (*self.through, name)
        return Reason(self.component, through, made.cell, use.line)


def cannot(what: str, way_out: str, reason: Reason) -> ComponentError:
    """The refusal for any reason but a live object."""
    return ComponentError("TF-173", what, way_out, where=reason.where)
