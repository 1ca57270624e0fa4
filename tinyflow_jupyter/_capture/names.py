"""The names of a statement: those it binds, those it uses, those whose object it changes."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Names", "Use"]


@dataclass(frozen=True, slots=True)
class Use:
    """A global name that is looked up.

    Attributes:
        name: What is looked up.
        line: Where.
        later: When a function is called, not when the statement runs.
        soft: It may be missing: an annotation that nobody evaluates when the statement runs.
    """

    name: str
    line: int
    later: bool = False
    soft: bool = False


@dataclass(slots=True)
class Names:
    """What running a statement does to global names.

    Attributes:
        binds: Names it gives a value, or takes it from, and the line.
        deletes: Those it takes it from.
        uses: Global names it looks up.
        changes: Names whose object it changes, as ``x[0] = 1`` and ``x.append(1)`` do.
        guarded: Names it asks for before it uses them, as ``"x" in globals()`` does: they may be missing.
        writes: Names that its functions bind with ``global``, or whose object they change, when they are called.
    """

    binds: dict[str, int] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)
    uses: list[Use] = field(default_factory=list)
    changes: set[str] = field(default_factory=set)
    guarded: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
