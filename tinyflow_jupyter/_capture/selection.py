"""A selection is what a module needs of the cells: its components, and what they use, and what that uses."""

from __future__ import annotations

import ast
import builtins
import re
import sys

from tinyflow_runtime.errors import ComponentError, SourceError, did_you_mean

from .beside import OURS, Beside, is_installed
from .names import Use
from .purity import Impurity, can_be_set, impurity
from .reason import Reason, cannot
from .refusals import OF_FILE, refuse_free, refuse_main_only, refuse_untold
from .stars import star_names
from .statements import END, Alias, Statement, Statements

__all__ = ["Selection"]

# Names that IPython gives to a notebook.
_OF_NOTEBOOK = frozenset({"display", "get_ipython", "In", "Out", "_", "__", "___", "_ih", "_oh", "_dh"})
_NOTEBOOK_PACKAGES = frozenset({"IPython", "ipykernel", "ipywidgets", "google.colab", "ipycytoscape", "anywidget"})
_OF_A_MOMENT = ("time.", "random.", "secrets.", "uuid.", "os.", "np.random.", "input(", "getpass.", "platform.")
_PLAIN = frozenset("abs all any bool bytes float format hash int len max min repr round str sum".split())
_ADVICE = "It works here but will not exist in the cluster. Load it inside the component, or pass it as a setting."


class Selection:
    """What is taken.

    Args:
        statements: Of all cells.
        beside: The files beside the notebook.
    """

    def __init__(self, statements: Statements, beside: Beside) -> None:
        self.statements = statements
        self.beside = beside
        self.taken: set[Statement] = set()
        self.aliases: dict[Statement, set[Alias]] = {}
        self._seen: set[tuple[Statement, int]] = set()
        self._names: set[tuple[str, int, int]] = set()

    def component(self, root: Statement, name: str) -> None:
        """Take a component.

        Raises:
            ComponentError: TF-111, it uses a live object; TF-173, it uses what cannot be taken for another reason.
        """
        reason = Reason(name, (), root.cell, root.line)
        found = impurity(root, self.statements)
        if found is not None:
            raise cannot(
                f"{name} is made together with {found.reason}, which would run again in the cluster.",
                "Write the component at the top of a cell.",
                Reason(name, (), root.cell, found.line),
            )
        for alias in root.aliases:
            self._import(root, alias, reason)
        self._take(root, name, reason, END)

    # What uses what.

    def _need(self, use: Use, before: int, reason: Reason, until: int = 0) -> None:
        """Take what a name is before a place in the order, and what changes that object before another place."""
        key = (use.name, before, until)
        if key in self._names:
            return
        made = self.statements.binding(use.name, before)
        if made is None and before != END:
            made = self.statements.binding(use.name)
        if made is None:
            if not self._brought_by_star(use, reason) and not use.soft:
                self._refuse_unknown(use, reason)
            return
        if use.soft and not self._may_be_named(made, use.name):
            return
        if use.name in made.names.deletes:
            if hasattr(builtins, use.name) and use.name not in _OF_NOTEBOOK:
                return
            raise cannot(f"{reason.who} uses {use.name!r}, which {made.cell.name} deletes.", "Define it again.", reason)
        self._names.add(key)
        self._make(made, use.name, before, reason)
        for other in self.statements.also(use.name, made, max(before, until)):
            self._make(other, use.name, before, reason, changing=True)

    def _make(self, made: Statement, name: str, before: int, reason: Reason, *, changing: bool = False) -> None:
        for alias in made.aliases:
            if alias.name == name:
                self._import(made, alias, reason)
        if made not in self.taken:
            refuse_main_only(made, name, reason)
            found = impurity(made, self.statements)
            if found is not None:
                raise self._impure(found, made, name, reason, changing=changing)
            self._refuse_changed(made, name, reason)
        self._take(made, name, reason, before)

    def _take(self, made: Statement, name: str, reason: Reason, before: int) -> None:
        self.taken.add(made)
        if (made, before) in self._seen:
            return
        self._seen.add((made, before))
        if isinstance(made.node, ast.Module):
            refuse_free(made.node, name, made.cell)
        block = not made.is_definition
        for use in made.names.uses:
            inner = reason.then(made, use, name)
            if use.name in made.names.guarded and self.statements.binding(use.name) is None:
                continue
            if use.later:
                self._need(use, before, inner)
                if before != END:
                    self._need(use, END, inner)
            elif block and use.name in made.names.binds and self._bound_within(made, use):
                continue
            elif use.name in made.names.binds and self.statements.binding(use.name, made.index) is None:
                continue  # a class that names itself, a block that binds it first
            else:
                self._need(use, made.index, inner, made.index if _forgets(made.node) else before)

    def _bound_within(self, made: Statement, use: Use) -> bool:
        """Whether a block has bound a name before the line that uses it."""
        if isinstance(made.node, (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)):
            return False
        return made.names.binds[use.name] < use.line

    def _may_be_named(self, made: Statement, name: str) -> bool:
        """Whether an annotation that nobody evaluates brings something along: types do, live objects do not."""
        return made.is_definition or bool(made.aliases) or impurity(made, self.statements) is None

    def bring(self, alias: Alias, where: str) -> None:
        """See to it that an import will find its file: it is installed, or goes along.

        Raises:
            SourceError: TF-173, it is somewhere else.
        """
        top = alias.module.split(".")[0]
        if self.beside.has(alias.module):
            self.beside.take(alias.module)
            return
        file = getattr(sys.modules.get(top), "__file__", None)
        known = top in sys.stdlib_module_names or is_installed(top) or top in OURS
        if self.statements.cells.live is not None and file is not None and not known:
            raise SourceError(
                "TF-173",
                f"{alias.module} comes from {file}, which is neither installed nor beside the notebook.",
                "Copy it beside the notebook, or install it as a package.",
                where=where,
            )

    def _import(self, made: Statement, alias: Alias, reason: Reason) -> None:
        if alias.module.split(".")[0] in _NOTEBOOK_PACKAGES:
            raise cannot(
                f"{reason.who} uses {alias.name!r} of {alias.module}, which only a notebook has.",
                "Leave it out.",
                reason,
            )
        self.aliases.setdefault(made, set()).add(alias)
        if alias.module.startswith("."):
            raise SourceError(
                "TF-173",
                f"{alias.name!r} is imported from {alias.module!r}, and a notebook is in no package.",
                "Import it by its full name.",
                where=made.place,
            )
        self.bring(alias, made.place)
        for other in self.statements.settings(alias):
            if other not in self.taken and can_be_set(other, self.statements):
                self._take(other, alias.name, reason, END)

    def _brought_by_star(self, use: Use, reason: Reason) -> bool:
        """Import by its name what a ``from module import *`` brings."""
        for star in reversed(self.statements.stars()):
            names = star_names(star.stars, self.beside)
            if names is None:
                return False
            if use.name in names:
                self.taken.add(star)
                self._import(star, Alias(use.name, star.stars, use.name, None), reason)
                return True
        return False

    # What is refused.

    def _refuse_unknown(self, use: Use, reason: Reason) -> None:
        name = use.name
        if name == "globals":
            refuse_untold(reason)
        if name in OF_FILE or (hasattr(builtins, name) and name not in _OF_NOTEBOOK):
            return
        if any(name in each.names.writes for each in self.statements.all):  # `global name` in a function makes it
            return
        if name == "get_ipython":
            text = reason.cell.line(reason.line)
            what = f"{reason.who} uses a magic or a shell command, which only a notebook has: {text}"
            raise cannot(what, "Write it in Python, for example with subprocess.run.", reason)
        if name in _OF_NOTEBOOK:
            raise cannot(f"{reason.who} uses {name!r}, which only a notebook has.", "Leave it out.", reason)
        if name == "__file__":
            raise cannot(
                f"{reason.who} uses '__file__', and a module of cells is in no file.",
                "Make the path a setting.",
                reason,
            )
        stars = self.statements.stars()
        if stars:
            said = f"from {stars[-1].stars} import *"
            raise cannot(
                f"{reason.who} uses {name!r}, which may come from `{said}` ({stars[-1].place}).",
                f"Import it by name: from {stars[-1].stars} import {name}",
                reason,
            )
        live = self.statements.cells.live
        if live is not None and name in live:
            raise cannot(
                f"{reason.who} uses {name!r}, which no cell defines: %run, exec or another program made it.",
                "Define or import it in a cell.",
                reason,
            )
        known = {bound for each in self.statements.all for bound in each.names.binds}
        if unread := [each for each in self.statements.cells.unread if each.names(name)]:
            what = f"{reason.who} uses {name!r}, which no cell defines that can be read."
            raise cannot(what, f"Mend {unread[-1].where}: {unread[-1].why}.", reason)
        raise cannot(
            f"{reason.who} uses {name!r}, which no cell defines.",
            f"{did_you_mean(name, known)} Define or import {name} in a cell.".lstrip(),
            reason,
        )

    def _refuse_changed(self, made: Statement, name: str, reason: Reason) -> None:
        """In a kernel, whether a plain value is still what its cell wrote: a call may have changed it since."""
        live = self.statements.cells.live
        node = made.node
        if live is None or not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
            return
        if any(name in each.names.writes or name in each.names.changes for each in self.statements.all):
            return  # what changes it is known, and goes along or is a component's own doing
        try:
            written = ast.literal_eval(node.value)
        except (ValueError, TypeError, SyntaxError, RecursionError):
            return
        value = live.get(name, written)
        if self.statements.binding(name) is made and type(value) is type(written) and value != written:
            what = f"{reason.who} uses {name!r}, which is no longer what {made.place} made it."
            raise cannot(what, "Run the cell again, or write down what it is now.", reason)

    def _impure(self, found: Impurity, made: Statement, name: str, reason: Reason, *, changing: bool) -> ComponentError:
        place = f"{made.cell.name}, line {found.line}"
        if changing:
            what = f"{reason.who} uses {name!r}, which {place} changes with {found.reason}."
            return cannot(what, "Change it where it is made, in plain Python, or inside the component.", reason)
        if found.kind == "command":
            text = made.cell.line(found.line)
            return cannot(
                f"{reason.who} uses {name!r}, made by a magic or a shell command in {place}: {text}",
                "It works here but will not exist in the cluster. Write its value down, or pass it as a setting.",
                reason,
            )
        kind = self._kind(name, found)
        what = f"{reason.who} uses {name!r}, {kind} made in {place}: {found.reason}."
        moment = kind.startswith("a value")
        if re.match(r"(\w+\.)*(Flow|Project|Cluster)\b", found.reason):
            way_out = "A component knows no flow: let it send from a port, and an edge carry it on."
            return ComponentError("TF-111", what, way_out, where=reason.where)
        way_out = "It will be another in the cluster. Write it down, or pass it as a setting." if moment else _ADVICE
        return ComponentError("TF-111", what, way_out, where=reason.where)

    def _kind(self, name: str, found: Impurity) -> str:
        if found.kind == "iterator":
            return "an iterator"
        if found.kind == "moment" or found.reason.startswith(_OF_A_MOMENT) or ".now(" in found.reason:
            return "a value of its moment,"
        live = self.statements.cells.live
        value = live.get(name) if live is not None else None
        return f"a live object ({type(value).__name__})" if value is not None else "a live object"


def _forgets(node: ast.AST) -> bool:
    """Whether a value keeps nothing of what it is made from, as ``n = len(rows)``: later changes are none of it."""
    value = getattr(node, "value", None)
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _PLAIN
