"""The command ``tinyflow module``: a process that holds one module's components and runs the nodes it is told to."""

from __future__ import annotations

import argparse
import asyncio
import linecache
import sys
import types
from collections.abc import Iterable, Sequence
from pathlib import Path

from tinyflow_runtime import place
from tinyflow_runtime.errors import ComponentError, TinyFlowError
from tinyflow_runtime.host import Host
from tinyflow_runtime.lifeline import until_ended
from tinyflow_runtime.wire import serve


def main(arguments: Sequence[str]) -> None:
    """Serve one module: load its cells, and run the nodes the operator tells it to."""
    parser = argparse.ArgumentParser(prog="tinyflow module", description=main.__doc__)
    parser.add_argument("name", help="the module's name")
    parser.add_argument("cells", nargs="+", type=Path, metavar="FILE", help="the text of its cells, in order")
    parser.add_argument("--listen", default="127.0.0.1:0", help="unix:/path or 127.0.0.1:PORT; 0 finds a free port")
    parser.add_argument("--leash", action="store_true", help="end when standard input does, so with whoever started it")
    options = parser.parse_args(arguments)
    load(options.name, options.cells)
    asyncio.run(until_ended(_serve(options.name, options.listen), leash=options.leash))


async def _serve(name: str, address: str) -> None:
    async with Host(name) as host, serve(host, address) as bound:
        print(f"listening at {bound}", flush=True)  # whoever started us waits for this line
        await asyncio.Event().wait()


def load(module: str, cells: Iterable[Path]) -> None:
    """Run the text of cells, one namespace for all, as the notebook had it.

    Raises:
        ComponentError: A cell raised; the file and the line are named.
    """
    namespace = types.ModuleType(f"tinyflow_module_{module.replace('-', '_')}")
    sys.modules[namespace.__name__] = namespace  # annotations are looked up there
    for cell in cells:
        text = cell.read_text(encoding="utf-8")
        linecache.cache[str(cell)] = (len(text), None, text.splitlines(keepends=True), str(cell))
        try:
            exec(compile(text, str(cell), "exec"), vars(namespace))
        except TinyFlowError:
            raise
        except Exception as error:  # whatever a person's text raises
            what = f"Module {module!r} failed to load: {type(error).__name__}: {error}"
            where = place.of_traceback(error.__traceback__)
            raise ComponentError("TF-110", what, "Mend the cell.", where=where) from error
