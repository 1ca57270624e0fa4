"""A notebook that nobody runs: its flows are made in this process, of the statements that define them and no others."""

from __future__ import annotations
import __future__

import ast
import asyncio
import inspect
import linecache
import sys
import types
from pathlib import Path
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.errors import DefinitionError, ManifestError, TinyFlowError
from tinyflow_runtime.flow import Flow

from tinyflow_jupyter._capture.cells import Cell, of_notebook
from tinyflow_jupyter._capture.statements import Statement, Statements
from tinyflow_jupyter._cell import load_cell

from .statements import given, of_flows


def flows_of(path: Path) -> dict[str, Flow]:
    """The flows that a notebook defines, by name, each as it is at the end; of one name, the last.

    Run is what makes and builds a flow, and what that uses: imports, components, constants. Not run is what starts,
    sends, shows or waits, nor anything that only that needs.

    Raises:
        SourceError: TF-173, it is no notebook.
        ManifestError: TF-117, it defines no flow.
        DefinitionError: TF-169, a statement could not be run; the text names cell and line.
    """
    cells = of_notebook(path)
    for unread in cells.unread:
        raise DefinitionError("TF-169", f"A cell is no Python: {unread.why}.", "Mend it.", where=unread.where)
    statements = Statements(cells).all
    wanted = of_flows([each for each in statements if each.cell.module is None])
    namespace = types.ModuleType("__main__")
    names: dict[str, Any] = vars(namespace)  # Any: whatever the notebook defines
    found = dict[str, Flow]()
    before = sys.modules["__main__"]
    sys.modules["__main__"] = namespace  # where annotations and dataclasses of cells are looked up
    try:
        for cell in cells:
            filename = _remembered(path, cell)
            if cell.module is not None:
                names.update(load_cell(cell.raw, filename, cell.module, notebook=names))
                continue
            for each in (each for each in wanted if each.cell is cell):
                _run(each, filename, names)
                made = [thing for name in given(each) if isinstance(thing := names.get(name), Flow)]
                found.update((flow.name, flow) for flow in made)
    finally:
        sys.modules["__main__"] = before
    if not found:
        what = f"{path.name} defines no flow."
        raise ManifestError("TF-117", what, 'A flow is made at the top of a cell: flow = tf.Flow("numbers").')
    return found


def _remembered(path: Path, cell: Cell) -> str:
    filename = f"<{path.name}, {cell.name}>"
    linecache.cache[filename] = (len(cell.raw), None, cell.raw.splitlines(keepends=True), filename)
    if isinstance(cell.written, int):
        place.remember(filename, cell.written)
    return filename


def _run(statement: Statement, filename: str, names: dict[str, Any]) -> None:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for future in statement.cell.futures:
        flags |= getattr(__future__, future).compiler_flag
    assert isinstance(statement.node, ast.stmt)  # others are component cells, which are loaded whole
    try:
        code: types.CodeType = compile(ast.Module([statement.node], []), filename, "exec", flags, dont_inherit=True)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, names))
        else:
            exec(code, names)
    except TinyFlowError:
        raise
    except Exception as error:  # a person's code: whatever it raises is what there is to say
        where = place.of_traceback(error.__traceback__) or place.text(filename, statement.line)
        raise DefinitionError(
            "TF-169",
            f"Without a kernel, a statement that the flow needs raised {type(error).__name__}: {error}.",
            "Only what defines flows is run, and what that uses. Define the flow without what only a kernel has.",
            where=where,
        ) from error
