"""A place is where a person's code stands: a notebook cell and line, or a file and line."""

from __future__ import annotations

import linecache
import os
import sys
from pathlib import Path
from types import FrameType, TracebackType

# Frames of these packages are ours: a person is never sent to one of them.
_OURS = tuple(
    str(Path(__file__).parents[depth] / package) + os.sep
    for depth, package in ((1, "tinyflow_runtime"), (2, "tinyflow_jupyter"), (1, "tinyflow_jupyter"))
)

# A loop calls what somebody else asked for: in a module's process, nobody stands behind it.
_PASSED_OVER = (
    "<frozen",
    *(str(Path(os.__file__).parent / part) for part in (f"asyncio{os.sep}", f"concurrent{os.sep}", "threading.py")),
)

_MAGIC = f"{os.sep}IPython{os.sep}"  # it calls a magic on behalf of the cell

_cells: dict[str, int] = {}  # file name of a compiled cell -> the number in its In[…]
# Every node and every edge asks for its place, so what a file name alone decides is found out once.
_passed_over: dict[str, bool] = {}
_names: dict[str, str] = {}
_texts: dict[str, dict[int, str]] = {}  # of the files whose name is known, by line: a loop asks for few lines often


def is_ours(filename: str) -> bool:
    """Whether a file belongs to TinyFlow itself; the first components count as a person's code."""
    return filename.startswith(_OURS) and f"{os.sep}components{os.sep}" not in filename


def caller() -> str:
    """The place of the innermost frame that is not ours, such as ``"cell 7, line 3"``; empty when there is none."""
    frame: FrameType | None = sys._getframe(2)  # who asks is ours
    while frame is not None:
        filename = frame.f_code.co_filename
        passed_over = _passed_over.get(filename)
        if passed_over is None:
            passed_over = _passed_over[filename] = (
                is_ours(filename) or filename.startswith(_PASSED_OVER) or _MAGIC in filename
            )
        # What dataclasses write for themselves has no file, as what people give to python -c has none.
        if not passed_over and (filename != "<string>" or frame.f_code.co_name != "__init__"):
            texts = _texts.get(filename)
            return texts.get(frame.f_lineno) or of_frame(frame) if texts is not None else of_frame(frame)
        frame = frame.f_back
    return ""


def of_frame(frame: FrameType) -> str:
    """The place of a running frame; remembers the number of the cell it belongs to."""
    remember_cell(frame)
    return text(frame.f_code.co_filename, frame.f_lineno)


def remember_cell(frame: FrameType) -> None:
    """Note which cell a frame's file name stands for: later, in a handler, the notebook can no longer tell."""
    filename = frame.f_code.co_filename
    cells = frame.f_globals.get("In")
    if isinstance(cells, list) and filename not in _cells and _is_cell(filename):
        _cells[filename] = len(cells) - 1


def remember(filename: str, number: int) -> None:
    """Note which cell a file name stands for, where there is no frame of it yet."""
    _cells[filename] = number


def known_cells() -> dict[str, int]:
    """The number of each cell that is known, by its file name."""
    return dict(_cells)


def of_traceback(traceback: TracebackType | None) -> str:
    """The deepest place in a person's code that a traceback goes through; empty when there is none."""
    return text(*found) if (found := _raised_at(traceback)) else ""


def of_stack(frame: FrameType | None) -> str:
    """The deepest place in a person's code that a frame was called from; empty when there is none."""
    return text(*found) if (found := _stands_at(frame)) else ""


def waiting(traceback: TracebackType | None) -> str:
    """The same as ``of_traceback``, and the line itself."""
    return _with_line(*found) if (found := _raised_at(traceback)) else ""


def standing(frame: FrameType | None) -> str:
    """The same as ``of_stack``, and the line itself."""
    return _with_line(*found) if (found := _stands_at(frame)) else ""


def _raised_at(traceback: TracebackType | None) -> tuple[str, int] | None:
    found = None
    while traceback is not None:
        if is_a_persons(traceback.tb_frame.f_code.co_filename):
            found = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
    return found


def _stands_at(frame: FrameType | None) -> tuple[str, int] | None:
    while frame is not None:
        if is_a_persons(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def text(filename: str, line: int) -> str:
    """``"cell 7, line 3"`` for a cell, ``"scores.py, line 3"`` for a file."""
    name = _names.get(filename)
    if name is None:
        if _is_cell(filename) and filename not in _cells:
            return f"a cell, line {line}"  # its number may become known
        known = f"cell {_cells[filename]}" if filename in _cells else Path(filename).name
        name = _names[filename] = known
        _texts[filename] = {}
    said = _texts[filename][line] = f"{name}, line {line}"
    return said


def _with_line(filename: str, number: int) -> str:
    line = linecache.getline(filename, number).strip().removesuffix(":")  # the sentence goes on behind it
    return text(filename, number) + (f": {line}" if line else "")


def is_a_persons(filename: str) -> bool:
    """Whether a file is neither ours nor a library's: a cell, a script, a component's file."""
    return filename in _cells or not (is_ours(filename) or _is_library(filename))


def _is_cell(filename: str) -> bool:
    return "ipykernel_" in filename or filename.startswith("<ipython-input")


def _is_library(filename: str) -> bool:
    return filename.startswith(("<frozen", sys.prefix + os.sep, sys.base_prefix + os.sep))
