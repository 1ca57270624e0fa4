"""A component cell: a component file of its own, loaded from a cell, that takes over in the flows that run."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.component import Component, claim, prototype
from tinyflow_runtime.embedded.flow import swap
from tinyflow_runtime.errors import ComponentError, TinyFlowError
from tinyflow_runtime.module import DEFAULT, Module, kept_on_failure

from ._names import advice, free_name

_ADVICE = "The old one keeps running. Mend the cell and run it again."
_files: dict[tuple[str, str], types.ModuleType] = {}  # by module and name: where the newest code of a component lives


def load_cell(
    text: str, filename: str, module: str = DEFAULT.name, *, notebook: Mapping[str, Any] | None = None
) -> dict[str, Any]:  # Any: functions and classes
    """Run a component file in a namespace of its own and let running flows use what it defines.

    Components are what it decorates and its ``Component`` classes; where it decorates nothing, its last function.

    Args:
        text: The file.
        filename: What errors call it; ``linecache`` should know it.
        module: The module its components belong to.
        notebook: Names of the notebook. The file does not see them; whoever thought so is told what to write.

    Returns:
        The functions and classes by name.

    Raises:
        ComponentError: TF-110, it did not load, holds no component, or does not fit a flow that runs; what ran goes on.
    """
    file = types.ModuleType(f"tinyflow_cell_{abs(hash(filename)):x}")
    file.__file__ = filename
    before = sys.modules.get(file.__name__)
    sys.modules[file.__name__] = file  # dataclasses and annotations look their namespace up by this name
    try:
        with kept_on_failure(), _told_as_ours(filename, notebook or {}):
            code = compile(text, filename, "exec", dont_inherit=True)
            exec(code, vars(file))
            _refuse_free_names(code, file, notebook or {})
            found = _components(file, Module.all.get(module) or Module(module))
            for thing in found.values():
                swap(prototype(thing))
    except BaseException:
        if before is None:
            del sys.modules[file.__name__]
        else:
            sys.modules[file.__name__] = before
        raise
    _forget_old(file, [prototype(thing) for thing in found.values()])
    return found


def _forget_old(file: types.ModuleType, components: list[Component]) -> None:
    """Files whose components have all been defined again are gone: a cell that is run all day must not fill memory."""
    old = []
    for component in components:
        identity = component.module, component.name
        old.append(_files.get(identity))
        _files[identity] = file
    for each in old:
        if each is not None and each not in _files.values() and sys.modules.get(each.__name__) is each:
            del sys.modules[each.__name__]


@contextmanager
def _told_as_ours(filename: str, notebook: Mapping[str, Any]) -> Iterator[None]:
    """Whatever goes wrong is told as one error, at the line of the cell where it did."""
    try:
        yield
    except ComponentError as error:
        if error.code == "TF-110":
            raise
        raise _refused(f"{error.code}: {error.what}", *error.way_out, where=error.where) from error
    except TinyFlowError as error:
        raise _refused(f"{error.code}: {error.what}", *error.way_out, where=error.where) from error
    except SyntaxError as error:
        where = place.text(error.filename or filename, error.lineno or 1)
        raise _refused(f"{type(error).__name__}: {error.msg}.", where=where) from error
    except Exception as error:  # a person's file may raise anything
        where = place.of_traceback(error.__traceback__)
        unknown = error.name if isinstance(error, NameError) and error.name else ""
        way_out = [advice(unknown, notebook)] if unknown else []
        raise _refused(f"{type(error).__name__}: {error}.", *way_out, where=where) from error


def _refused(what: str, *way_out: str, where: str = "") -> ComponentError:
    return ComponentError("TF-110", f"The component did not load. {what}", *way_out, _ADVICE, where=where)


def _refuse_free_names(code: types.CodeType, file: types.ModuleType, notebook: Mapping[str, Any]) -> None:
    found = free_name(code, vars(file))
    if found is not None:
        name, line = found
        where = place.text(file.__file__ or "", line)
        raise _refused(f"It uses {name!r}, which its cell does not define.", advice(name, notebook), where=where)


def _components(file: types.ModuleType, home: Module) -> dict[str, Any]:
    own = {name: thing for name, thing in vars(file).items() if getattr(thing, "__module__", "") == file.__name__}
    found = {name: thing for name, thing in own.items() if _is_component(thing)}
    if not found:
        functions = [(name, thing) for name, thing in own.items() if inspect.isfunction(thing)]
        if not functions:
            raise ComponentError(
                "TF-110",
                "The cell holds no component.",
                "Write one function, or a class of tf.Component.",
                where=place.text(file.__file__ or "", 1),
            )
        name, thing = functions[-1]
        return {name: home.component(thing)}
    for thing in found.values():
        _move(thing, home)
    return found


def _is_component(thing: Any) -> bool:  # Any: whatever a file defines
    if isinstance(thing, type):
        return issubclass(thing, Component)
    return isinstance(getattr(thing, "__tinyflow__", None), Component)


def _move(thing: Any, home: Module) -> None:
    """Give a component to the module that the cell names; what it decorated itself with was the default one's."""
    made = prototype(thing)
    if made.module == home.name or made.module != DEFAULT.name:
        return
    if DEFAULT.components.get(made.name) is made:
        del DEFAULT.components[made.name]
    if isinstance(thing, type):
        thing.module = home.name  # type: ignore[attr-defined]  # it is a class of Component
        claim(thing)
        made = prototype(thing)
    made.module = home.name
    home.components[made.name] = made
