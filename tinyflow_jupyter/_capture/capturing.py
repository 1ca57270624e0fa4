"""Capture takes the components of a module out of the cells, with what they use, as the text of a program."""

from __future__ import annotations

import ast
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tinyflow_runtime.component import UNDECORATED, Component, prototype
from tinyflow_runtime.errors import SourceError, TinyFlowError, did_you_mean
from tinyflow_runtime.flow import Flow
from tinyflow_runtime.module import DEFAULT, Module
from tinyflow_runtime.source.archive import CELLS, Source

from .beside import OURS, Beside, is_installed
from .cells import Cells, file_of, of_kernel, of_notebook, of_script
from .locking import lock
from .members import Member, Members
from .requirements import refuse_missing
from .selection import Selection
from .statements import Alias, Statements
from .writing import write

__all__ = ["capture", "capture_cells", "capture_notebook", "held_by"]

_log = logging.getLogger(__name__)
_OF_CELLS = ("__main__", "tinyflow_cell_")  # where classes of cells, and of %%component cells, say they are from
_newest: dict[tuple[str, bool], Source] = {}  # by module: text that did not change keeps its hash
_left_out: set[tuple[str, str]] = set()  # what was told to be left out of a module, and why


def capture(module: Module | str, *, shell: Any = None, flow: Flow | None = None) -> Source:  # Any: IPython's shell
    """The source of a module: its components with what they use.

    Args:
        module: It, or its name.
        shell: The notebook's; found by itself where there is one. Without one, the text is that of the script.
        flow: Only its components have to be capturable; others of the module are left out where they are not.

    Raises:
        ComponentError: TF-111, a component uses a live object; TF-173, it cannot be captured for another reason.
        SourceError: TF-170, its requirements cannot be locked; TF-172, it is too large; TF-180, a line looks like a
            secret.
    """
    home = module if isinstance(module, Module) else Module.all.get(module)
    if home is None:
        way_out = did_you_mean(str(module), Module.all) or f"Modules: {', '.join(Module.all)}."
        raise SourceError("TF-173", f"There is no module {module!r}.", way_out)
    components = held_by(home.name, flow)
    cells = _cells(components, shell)
    wanted = (
        {node.component.name for node in flow.nodes.values() if node.component.module == home.name} if flow else None
    )
    found = capture_cells(cells, home.name, live=components, wanted=wanted)
    requirements = home.requirements
    return _kept(_locked(found, requirements), flow is not None)


def capture_notebook(path: str | Path) -> dict[str, Source]:
    """The source of every module that a notebook defines components of; no kernel is needed and nothing is run.

    Raises:
        ComponentError: As ``capture``.
        SourceError: As ``capture``.
    """
    cells = of_notebook(Path(path))
    members = Members(Statements(cells), Beside(cells.folder))
    for statement, said in members.untold:
        raise SourceError(
            "TF-173",
            f"Which module {said} is, the text does not tell.",
            'Write its name where it is made, at the top of a cell: maths = tf.Module("maths").',
            where=statement.place,
        )
    return {name: _locked(capture_cells(cells, name), requirements_in(cells, name)) for name in members.modules()}


def capture_cells(
    cells: Cells, module: str, *, live: dict[str, Component] | None = None, wanted: set[str] | None = None
) -> Source:
    """The source of one module of some cells.

    Args:
        cells: What was run.
        module: The module's name.
        live: The components it has in this process; without, it has those that the text makes.
        wanted: The components that have to be in it; all of them when None.
    """
    statements = Statements(cells)
    beside = Beside(cells.folder)
    members = Members(statements, beside).of(module)
    more: list[Alias] = []
    if live is not None:
        members, more = _alive(module, members, live, statements, wanted)
    selection = Selection(statements, beside)
    names: list[str] = []
    for member in members:
        if wanted is not None and member.names and not member.labels & wanted:
            try:
                Selection(statements, Beside(cells.folder)).component(member.statement, member.names[0])
            except TinyFlowError as error:
                if (module, str(error)) not in _left_out:  # once is enough: every push captures it again
                    _left_out.add((module, str(error)))
                    _log.warning("Left out of module %s: %s", module, error)
                continue
        selection.component(member.statement, member.names[0] if member.names else module)
        names += member.names
    for alias in more:
        selection.bring(alias, "")
    if not selection.taken and not more:
        raise SourceError("TF-173", f"Module {module!r} has no components.", "Decorate a function with its decorator.")
    files = write(module, selection, [*dict.fromkeys([*names, *(alias.name for alias in more)])], more)
    return Source(module, files)


def requirements_in(cells: Cells, module: str) -> tuple[str, ...]:
    """What ``tf.Module(name, requirements=[…])`` says in some cells."""
    found: tuple[str, ...] = ()
    for cell in cells:
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Module" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and first.value == module:
                    given = [*node.args[1:2], *(each.value for each in node.keywords if each.arg == "requirements")]
                    found = _strings(given[0]) if given else ()
    return found


def _strings(node: ast.expr) -> tuple[str, ...]:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value)


def _locked(source: Source, requirements: tuple[str, ...]) -> Source:
    if requirements:
        locked = lock(requirements, module=source.module)
        refuse_missing(source, locked)
        source = Source(source.module, source.files, locked)
    source.archive()  # too large is told before anything is sent
    return source


def _kept(source: Source, partly: bool) -> Source:
    """The source before, when only the numbers of its cells are others: running a cell again changes no program."""
    before = _newest.get((source.module, partly))
    if before is not None and _program(before) == _program(source):
        return before
    _newest[source.module, partly] = source
    return source


def _program(source: Source) -> object:
    files = {path: text for path, text in source.files.items() if path != CELLS}
    return files, source.requirements, source.python


def held_by(module: str, flow: Flow | None) -> dict[str, Component]:
    """The components of a module by name: decorated, used by a flow, or undecorated beside these."""
    home = Module.all.get(module)
    found = dict(home.components) if home is not None else {}
    nodes = flow.nodes.values() if flow is not None else ()
    used = {node.component.name: node.component for node in nodes if node.component.module == module}
    files = {_thing(each).__module__ for each in (*found.values(), *used.values())}
    own = {name for name in files if not is_installed(top := name.split(".")[0]) and top not in OURS}
    for kind in UNDECORATED.values() if module == DEFAULT.name else ():
        beside = kind.__module__ in own and "<locals>" not in kind.__qualname__
        ours = beside or kind.__module__.startswith(_OF_CELLS)
        if ours and kind.module == module and kind.ports is not Component.ports:
            with suppress(TinyFlowError):  # one that no node can be made of is told where somebody uses it
                made = prototype(kind)
                found.setdefault(made.name, made)
    # The newest of a name is meant, unless it is one of another file that only happens to be called so.
    meant = {name: each for name, each in used.items() if name not in found or _elsewhere(each, found[name])}
    return {**{name: meant.get(name) or found[name] for name in used}, **found, **meant}


def _elsewhere(one: Component, other: Component) -> bool:
    homes = {_thing(each).__module__ for each in (one, other)}
    return len(homes) == 2 and not any(home.startswith(_OF_CELLS) for home in homes)


def _cells(components: dict[str, Component], shell: Any) -> Cells:  # Any: IPython's shell
    if shell is None and "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
    if shell is not None:
        return of_kernel(shell)
    for home in dict.fromkeys(_thing(each).__module__ for each in components.values()):
        module: Any = sys.modules.get(home)  # Any: a module has whatever it has
        path = getattr(module, "__file__", None)
        if (
            path is not None
            and Path(path).is_file()
            and not is_installed(home.split(".")[0])
            and home.split(".")[0] not in OURS
        ):
            return of_script(Path(path), vars(module))
    return Cells([], Path.cwd())


def _alive(
    module: str, members: list[Member], live: dict[str, Component], statements: Statements, wanted: set[str] | None
) -> tuple[list[Member], list[Alias]]:
    """Those of the text that are there, and imports for those that come from elsewhere."""
    cells = statements.cells
    covered: set[str] = set()
    kept: list[Member] = []
    for member in members:
        labels = member.labels | {
            _name(thing)
            for name in member.statement.names.binds
            if cells.live is not None and _is_component(thing := cells.live.get(name))
        }
        there = {label for label in labels & live.keys() if not _only_called_so(member, live[label], cells)}
        if there:
            kept.append(member)
            covered |= there
    more = []
    for name, component in live.items():
        if name in covered:
            continue
        if alias := _importable(component):
            more.append(alias)
        elif found := _written(component, module, statements):
            kept.append(found)
        elif wanted is None or name in wanted:
            thing = _thing(component)
            inside = "<locals>" in thing.__qualname__
            raise SourceError(
                "TF-173",
                f"Component {name!r} of module {module!r} is made inside a function, and no cell gives it a name."
                if inside
                else f"The text of component {name!r} of module {module!r} was not found.",
                f"Give it a name at the top of a cell: {thing.__name__} = make(…)."
                if inside
                else "Write it in a cell, or in a file beside the notebook.",
                where=component.where,
            )
    return kept, more


def _only_called_so(member: Member, component: Component, cells: Cells) -> bool:
    """Whether a component is of another file, and has only the name of one of the text's own."""
    here, home = (cells.live or {}).get("__name__"), _thing(component).__module__
    if here is None or home == here or home.startswith(_OF_CELLS):
        return False
    bound = [(cells.live or {}).get(name) for name in member.statement.names.binds]
    return any(_is_component(thing) and thing.__module__ == here for thing in bound)


def _written(component: Component, module: str, statements: Statements) -> Member | None:
    """The definition of a component, found by the cell that its code is from."""
    thing = _thing(component)
    number = statements.cells.numbers.get(file_of(thing))
    made = [
        each
        for each in statements.all
        if number is not None and each.cell.written == number and each.is_definition
        if thing.__qualname__ in each.names.binds
    ]
    return Member(module, made[-1], (thing.__qualname__,), thing.__qualname__) if made else None


def _name(thing: Any) -> str:  # Any: a component's function or class
    """Of the component; empty for a class that is a base of others only, which no node can be made of."""
    try:
        return prototype(thing).name
    except TinyFlowError:
        return ""


def _is_component(thing: Any) -> bool:  # Any: whatever a notebook holds
    if isinstance(thing, type):
        return issubclass(thing, Component) and thing is not Component
    return isinstance(getattr(thing, "__tinyflow__", None), Component)


def _thing(component: Component) -> Any:  # Any: a function or a class
    return getattr(component, "function", type(component))


def _importable(component: Component) -> Alias | None:
    """Where another process imports a component from, when it is neither a cell's nor a function's own."""
    thing = _thing(component)
    home = sys.modules.get(thing.__module__)
    if thing.__module__ in ("__main__", "__mp_main__") or getattr(home, "__spec__", None) is None:
        return None
    name = str(thing.__qualname__)
    if vars(home).get(name) is not thing:
        return None
    return Alias(name, str(thing.__module__), name, None)
