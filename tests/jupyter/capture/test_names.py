"""The names that statements use and bind are told from their syntax as Python's own compiler tells them."""

from __future__ import annotations

import ast
import builtins
import dis
import sysconfig
import types
from pathlib import Path

import pytest

from tinyflow_jupyter._capture.scopes import names_of

STDLIB = Path(sysconfig.get_path("stdlib"))
FILES = ["_pydecimal.py", "ast.py", "asyncio/base_events.py", "dataclasses.py", "inspect.py", "pathlib.py", "pydoc.py"]
FILES += ["shutil.py", "statistics.py", "test/test_generators.py", "test/test_named_expressions.py", "typing.py"]
OF_PYTHON = {"__annotations__", "__doc__", "__module__", "__name__", "__build_class__", "__class__", "__debug__"}


@pytest.mark.parametrize("file", FILES)
def test_names_are_those_that_the_compiler_sees(file):
    path = STDLIB / file
    if not path.exists():
        pytest.skip(f"this Python has no {file}")
    wrong = []
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            continue
        looked_up, bound, of_classes = _compiled(statement)

        names = names_of(statement)

        used = {use.name for use in names.uses if not use.soft}
        missing = looked_up - used - of_classes - set(dir(builtins)) - OF_PYTHON
        extra = used - looked_up - of_classes - OF_PYTHON
        other = bound ^ set(names.binds)
        if missing or extra or other - OF_PYTHON - names.writes:
            wrong.append((statement.lineno, missing, extra, other))
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "now", "later", "binds", "writes"),
    [
        ("def f():\n    x = 1\n    def g():\n        global x\n        x = y\n        return x", "", "xy", "f", "x"),
        ("def f(a=b, *, c=d):\n    return a + c + e", "bd", "e", "f", ""),
        ("class A(B):\n    c = d\n    def f(self):\n        return c", "Bd", "c", "A", ""),
        ("x = [a for a in b if (c := a)]", "b", "", "xc", ""),
        ("x += 1", "x", "", "x", ""),
        ("f = lambda a, b=c: a + d", "c", "d", "f", ""),
        ("for a in b:\n    c[a] = d", "abcd", "", "a", ""),
        ("def f(a: 'T', b: 'Literal[\"U\"]' = 1): ...", "T", "", "f", ""),
        ("def f():\n    x: T = 1\n    return x", "", "T", "f", ""),
        ("match a:\n    case B(x=d):\n        pass\n    case {'k': c, **e}:\n        pass", "aB", "", "dce", ""),
        ("try:\n    a\nexcept B as c:\n    c", "aB", "", "", ""),
        ("def f():\n    x.append(y)", "", "xy", "f", "x"),
    ],
)
def test_names_are_looked_up_at_once_or_later(text, now, later, binds, writes):
    names = names_of(ast.parse(text).body[0])

    short = {use for use in names.uses if len(use.name) == 1}
    assert {use.name for use in short if not use.later} == set(now)
    assert {use.name for use in short if use.later} == set(later)
    assert (set(names.binds), names.writes) == (set(binds), set(writes))


def _compiled(statement: ast.stmt) -> tuple[set[str], set[str], set[str]]:
    """The global names that the compiled statement looks up, those it binds, and those that a class body may mean."""
    looked_up: set[str] = set()
    bound: set[str] = set()
    of_classes: set[str] = set()

    def look(code: types.CodeType, *, at_top: bool) -> None:
        in_function = code.co_flags & 0x2
        for each in dis.get_instructions(code):
            if each.opname == "STORE_NAME" and not in_function:
                (bound if at_top else of_classes).add(each.argval)
            if each.opname in ("STORE_GLOBAL", "DELETE_NAME") and at_top:
                bound.add(each.argval)
            if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                looked_up.add(each.argval)
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                look(constant, at_top=False)

    look(compile(ast.unparse(statement), "x", "exec", dont_inherit=True), at_top=True)
    return looked_up, bound, of_classes
