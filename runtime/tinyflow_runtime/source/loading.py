"""Loading runs a source in a namespace of its own, so that errors and tracebacks name the cells it came from."""

from __future__ import annotations
import __future__

import ast
import builtins
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import json
import linecache
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tinyflow_runtime import place
from tinyflow_runtime.component import UNDECORATED, Component, prototype
from tinyflow_runtime.errors import ComponentError, TinyFlowError
from tinyflow_runtime.module import Module, kept_on_failure
from tinyflow_runtime.source.archive import CELLS, Source
from tinyflow_runtime.source.distributions import hint

__all__ = ["load"]

_FUTURES = sum({getattr(__future__, name).compiler_flag for name in __future__.all_feature_names})
_ADVICE = "Mend the cell and push again."
KEPT = 2  # loads of a module that stay importable: the one that runs, and the one a failed swap falls back to

_loads: dict[str, list[str]] = {}  # a module's name -> the namespaces loaded for it, oldest first


def load(source: Source) -> types.ModuleType:
    """See ``Source.load``."""
    name = f"{_prefix(source.module)}{source.sha256[:8]}"
    namespace = types.ModuleType(name)
    others = [path for path in source.files if path.endswith(".py") and path != source.entry]
    before = {key: found for key, found in sys.modules.items() if key == name or key.startswith(f"{name}.")}
    for key in before:
        del sys.modules[key]
    if others:
        finder = _Finder(name, source)
        namespace.__path__ = []
        vars(namespace)["__builtins__"] = finder.builtins
        sys.meta_path.append(finder)
    sys.modules[name] = namespace  # dataclasses and annotations look their namespace up by this name
    try:
        with kept_on_failure(), _told_as_ours(source):
            home = Module.all.get(source.module) or Module(source.module)
            home.components.clear()  # what the new text no longer defines is gone
            for key, kind in list(UNDECORATED.items()):
                if kind.module == source.module and kind.__module__.startswith(_prefix(home.name)):
                    del UNDECORATED[key]
            _run(source, source.entry, namespace)
            _claim(namespace, source.module)
    except BaseException:
        for key in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
            del sys.modules[key]
        sys.modules.update(before)
        if others:
            sys.meta_path.remove(finder)
        if not before:
            _hide(source.module, source.sha256[:8])
        raise
    _forget(source.module, name)
    return namespace


def _prefix(module: str) -> str:
    return f"tinyflow_module_{module.replace('-', '_')}_"


def _run(source: Source, path: str, namespace: types.ModuleType) -> None:
    """Run one file, every part of it under the name of the cell it came from."""
    text = source.files[path]
    root = f"{source.module}@{source.sha256[:8]}"
    whole = f"{root}/{path}"
    cells = _Cells(source, path, root)
    _show(whole, text.splitlines(keepends=True))
    namespace.__file__ = whole
    code = compile(text, whole, "exec", dont_inherit=True)
    flags = code.co_flags & _FUTURES
    for filename, statements in cells.parts(ast.parse(text), whole):
        part = ast.Module(body=statements, type_ignores=[])
        exec(compile(part, filename, "exec", flags=flags, dont_inherit=True), vars(namespace))


class _Cells:
    """Where the lines of a file were written."""

    def __init__(self, source: Source, path: str, root: str) -> None:
        rows = json.loads(source.files.get(CELLS, "{}")).get(path, [])
        self._rows: list[tuple[int, int, int | str, int]] = [tuple(row) for row in rows]
        self._lines = source.files[path].splitlines(keepends=True)
        self._root = root
        texts: dict[str, list[str]] = {}
        for first, count, written, line in self._rows:
            filename = self._filename(written)
            shown = texts.setdefault(filename, [])
            shown.extend(["\n"] * (line - 1 + count - len(shown)))
            shown[line - 1 : line - 1 + count] = self._lines[first - 1 : first - 1 + count]
            if isinstance(written, int):
                place.remember(filename, written)
        for filename, lines in texts.items():
            _show(filename, lines)

    def parts(self, tree: ast.Module, whole: str) -> Iterator[tuple[str, list[ast.stmt]]]:
        """The statements in order, those of one cell together, with the lines they have there."""
        filename, shift, found = "", 0, list[ast.stmt]()
        for statement in tree.body:
            name, moved = self._of(_first_line(statement), whole)
            if (name, moved) != (filename, shift) and found:
                yield filename, found
                found = []
            filename, shift = name, moved
            found.append(ast.increment_lineno(statement, moved) if moved else statement)
        if found:
            yield filename, found

    def _of(self, line: int, whole: str) -> tuple[str, int]:
        for first, count, written, there in self._rows:
            if first <= line < first + count:
                return self._filename(written), there - first
        return whole, 0

    def at(self, line: int, whole: str) -> str:
        """A line of the file as a person calls it: ``"cell 7, line 3"``."""
        filename, moved = self._of(line, whole)
        return place.text(filename, line + moved)

    def _filename(self, written: int | str) -> str:
        return f"{self._root}/{f'cell {written}' if isinstance(written, int) else written}"


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])


def _show(filename: str, lines: list[str]) -> None:
    """Let tracebacks and ``inspect.getsource`` show the lines; no file of that name is looked for."""
    linecache.cache[filename] = (sum(map(len, lines)), None, lines, filename)


def _claim(namespace: types.ModuleType, module: str) -> None:
    """Components are what the namespace holds of this module, imported ones and undecorated classes included."""
    home = Module.all[module]
    for name, thing in vars(namespace).items():
        if name.startswith("__") or name == "Component":
            continue
        made = getattr(thing, "__tinyflow__", None)
        if made is None and isinstance(thing, type) and issubclass(thing, Component) and thing.module == module:
            if thing.ports is Component.ports:  # a base of others
                continue
            try:
                made = prototype(thing)
            except ComponentError:
                if not thing.__subclasses__() and not inspect.isabstract(thing):
                    raise
                continue  # a base of others, which no node can be made of
        if isinstance(made, Component) and made.module == module:
            home.components.setdefault(made.name, made)


def _forget(module: str, name: str) -> None:
    """Loads that are older than the last but one are no longer importable: hot reloads all day must not fill memory."""
    loads = _loads.setdefault(module, [])
    if name in loads:
        loads.remove(name)
    loads.append(name)
    while len(loads) > KEPT:
        old = loads.pop(0)
        for key in [key for key in sys.modules if key == old or key.startswith(f"{old}.")]:
            del sys.modules[key]
        sys.meta_path[:] = [each for each in sys.meta_path if not (isinstance(each, _Finder) and each.name == old)]
        _hide(module, old[-8:])


def _hide(module: str, revision: str) -> None:
    root = f"{module}@{revision}/"
    for filename in [filename for filename in linecache.cache if filename.startswith(root)]:
        del linecache.cache[filename]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets the files of a source import each other, without their names being anybody else's.

    Two revisions of a module, and two modules, may each have a ``scores.py``: each imports its own.
    """

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self._source = source
        paths = [path for path in source.files if path.endswith(".py") and path != source.entry]
        self._own = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in paths}
        self._tops = {own.split(".")[0] for own in self._own}
        self.builtins = vars(builtins) | {"__import__": self._import}

    def _import(
        self,
        name: str,
        globals: Any = None,  # noqa: A002  # as Python calls them, here and below  # Any: whatever the frame has
        locals: Any = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        if level or name.split(".")[0] not in self._tops:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = importlib.import_module(f"{self.name}.{name}")
        if not fromlist:
            return sys.modules[f"{self.name}.{name.split('.')[0]}"]
        for each in fromlist:
            if f"{name}.{each}" in self._own and not hasattr(found, each):
                importlib.import_module(f"{self.name}.{name}.{each}")
        return found

    def find_spec(
        self, fullname: str, path: Any, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:  # Any: unused
        own = fullname.removeprefix(f"{self.name}.")
        if own == fullname or (own not in self._own and own not in self._tops):
            return None
        package = own not in self._own or self._own[own].endswith("/__init__.py")
        return importlib.util.spec_from_loader(fullname, self, is_package=package)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        vars(module)["__builtins__"] = self.builtins
        own = module.__name__.removeprefix(f"{self.name}.")
        if own in self._own:
            _run(self._source, self._own[own], module)


@contextmanager
def _told_as_ours(source: Source) -> Iterator[None]:
    """Whatever goes wrong is told as one error, at the line of the cell where it did."""
    try:
        yield
    except TinyFlowError as error:
        if error.code == "TF-110":
            raise
        raise _refused(source, f"{error.code}: {error.what}", *error.way_out, where=error.where) from error
    except SyntaxError as error:
        raise _refused(source, f"SyntaxError: {error.msg}.", where=_at(source, error)) from error
    except (Exception, SystemExit) as error:  # a person's text may raise anything, and exit
        where = place.of_traceback(error.__traceback__)
        raise _refused(source, _said(error), hint(error, source.module) or _way_out(error), where=where) from error


def _refused(source: Source, what: str, *way_out: str, where: str = "") -> ComponentError:
    return ComponentError("TF-110", f"Module {source.module!r} was not loaded. {what}", *way_out, _ADVICE, where=where)


def _said(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return "Its text ends the process: SystemExit."
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else 'without a text'}."


def _way_out(error: BaseException) -> str:
    if isinstance(error, NameError) and error.name:
        return f"Define or import {error.name} in the cell that uses it."
    return ""


def _at(source: Source, error: SyntaxError) -> str:
    root = f"{source.module}@{source.sha256[:8]}"
    path = (error.filename or "").removeprefix(f"{root}/")
    if path not in source.files:  # a file that it imports, from elsewhere
        return place.text(error.filename or "", error.lineno or 1)
    return _Cells(source, path, root).at(error.lineno or 1, f"{root}/{path}")
