"""Names that a component cell uses and nobody defines there: found when it is loaded, not when a message comes."""

from __future__ import annotations

import builtins
import dis
import types
from collections.abc import Iterator, Mapping
from typing import Any


def free_name(code: types.CodeType, namespace: Mapping[str, Any]) -> tuple[str, int] | None:  # Any: of a whole file
    """The first name that a function of a file would look for in vain, and its line; None when there is none.

    Args:
        code: The compiled file.
        namespace: What running it has defined.
    """
    functions = list(_functions(code))
    assigned = {
        each.argval for part in functions for each in dis.get_instructions(part) if each.opname == "STORE_GLOBAL"
    }
    for part in functions:
        for each in dis.get_instructions(part):
            if each.opname == "LOAD_GLOBAL" and not (
                each.argval in namespace or each.argval in assigned or hasattr(builtins, each.argval)
            ):
                return each.argval, (each.positions and each.positions.lineno) or part.co_firstlineno
    return None


def advice(name: str, notebook: Mapping[str, Any]) -> str:
    """What to write in the cell so that it knows a name of the notebook."""
    thing = notebook.get(name)
    if name == "tf" or isinstance(thing, types.ModuleType):
        module = thing.__name__ if isinstance(thing, types.ModuleType) else "tinyflow_jupyter"
        return f"Add to the cell: import {module}{'' if module == name else f' as {name}'}."
    known = "a name of another cell, which is" if name in notebook else "a name that is"
    return f"{name} is {known} not known here: define it in this cell, or make it a setting."


def _functions(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType) and constant.co_name != "__annotate__":
            if constant.co_flags & 0x0002:  # optimized, as functions are and bodies of classes are not
                yield constant
            yield from _functions(constant)
