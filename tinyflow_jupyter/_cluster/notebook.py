"""A notebook that nobody runs: its flows are made in this process, of the statements that define them and no others."""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.errors import DefinitionError, ManifestError, TinyFlowError
from tinyflow_runtime.flow import Flow

from tinyflow_jupyter._cell import load_cell

from .statements import compiled, of_flows, read

COMPONENT = "%%component"


def flows_of(path: Path) -> dict[str, Flow]:
    """The flows that a notebook defines, by name, each as it is at the end; of one name, the last.

    Run is what makes and builds a flow, and what that uses: imports, components, constants. Not run is what starts,
    sends, shows or waits, nor anything that only that needs.

    Raises:
        ManifestError: TF-117, it is no notebook, or it defines no flow.
        DefinitionError: TF-169, a statement could not be run; the text names cell and line.
    """
    cells = list(_cells(path))
    namespace = types.ModuleType("__main__")
    names: dict[str, Any] = vars(namespace)  # Any: whatever the notebook defines
    parsed = [(number, _parsed(path, number, text)) for number, text in cells if not text.startswith(COMPONENT)]
    statements = of_flows(read(parsed))
    found = dict[str, Flow]()
    before = sys.modules["__main__"]
    sys.modules["__main__"] = namespace  # where annotations and dataclasses of cells are looked up
    try:
        for number, text in cells:
            filename = _remembered(path, number, text)
            if text.startswith(COMPONENT):
                line, _, body = text.partition("\n")
                words = line.removeprefix(COMPONENT).split("#")[0].split()
                names.update(load_cell("\n" + body, filename, *words[:1], notebook=names))
                continue
            for each in (each for each in statements if each.cell == number):
                _run(each.node, filename, names)
                made = [thing for name in each.binds if isinstance(thing := names.get(name), Flow)]
                found.update((flow.name, flow) for flow in made)
    finally:
        sys.modules["__main__"] = before
    if not found:
        what = f"{path.name} defines no flow."
        raise ManifestError("TF-117", what, 'A flow is made at the top of a cell: flow = tf.Flow("numbers").')
    return found


def _cells(path: Path) -> Iterator[tuple[int, str]]:
    """The code cells by their number among them, as a kernel that runs them all would count."""
    import nbformat

    try:
        document = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat has no types
    except OSError as error:
        raise ManifestError("TF-117", f"{path} cannot be read: {error.strerror}.", "Look at its path.") from None
    except Exception as error:  # nbformat's own, and those of the parsers it uses
        what = f"{path.name} is no notebook: {str(error).splitlines()[0][:100]}."
        raise ManifestError("TF-117", what, "Give the path of an .ipynb file.") from None
    codes = [cell.source for cell in document.cells if cell.cell_type == "code"]
    yield from enumerate(codes, start=1)


def _parsed(path: Path, number: int, text: str) -> ast.Module:
    from IPython.core.inputtransformer2 import TransformerManager

    if text.startswith("%%"):
        return ast.Module([], [])  # another language, or something about the cell
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells that nobody runs here
            return ast.parse(TransformerManager().transform_cell(text))  # type: ignore[no-untyped-call]  # IPython's
    except SyntaxError as error:
        where = place.text(_remembered(path, number, text), error.lineno or 1)
        raise DefinitionError("TF-169", f"A cell is no Python: {error.msg}.", "Mend it.", where=where) from None


def _remembered(path: Path, number: int, text: str) -> str:
    filename = f"<{path.name}, cell {number}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    place.remember(filename, number)
    return filename


def _run(statement: ast.stmt, filename: str, names: dict[str, Any]) -> None:
    try:
        code = compiled(statement, filename)
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, names))
        else:
            exec(code, names)
    except TinyFlowError:
        raise
    except Exception as error:  # a person's code: whatever it raises is what there is to say
        where = place.of_traceback(error.__traceback__) or place.text(filename, statement.lineno)
        raise DefinitionError(
            "TF-169",
            f"Without a kernel, a statement that the flow needs raised {type(error).__name__}: {error}.",
            "Only what defines flows is run, and what that uses. Define the flow without what only a kernel has.",
            where=where,
        ) from error
