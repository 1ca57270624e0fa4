from __future__ import annotations

from typing import Any

import pytest
from tinyflow_runtime.component import Component, Port, prototype
from tinyflow_runtime.errors import NodeError
from tinyflow_runtime.module import DEFAULT, Module, component, find
from tinyflow_runtime.source.revisions import same_code


def _cell(code: str, module: Module = DEFAULT) -> Any:
    """Run a cell and give what it decorates."""
    names: dict[str, Any] = {"component": module.component, "Component": Component, "Port": Port}
    exec(code, names)
    return prototype(names["double"])


def test_a_component_is_found_by_module_and_name_and_redefining_replaces_it():
    maths = Module("maths", requirements=["numpy"])

    first = _cell("@component\ndef double(x: int) -> int: return 2 * x", maths)
    second = _cell("@component\ndef double(x: int) -> int: return x + x", maths)

    assert first is not second
    assert find("maths", "double") is second
    assert find("maths", "triple") is None
    assert (second.module, maths.requirements) == ("maths", ("numpy",))


def test_an_undecorated_class_is_found_in_the_notebook_until_a_module_claims_it():
    class Lonely(Component):
        def ports(self):
            return [Port("in", "in")]

    assert type(find("notebook", "lonely")) is Lonely

    Module("claiming").component(Lonely)

    assert find("notebook", "lonely") is None
    assert type(find("claiming", "lonely")) is Lonely


def test_a_module_made_again_keeps_its_components():
    before = _cell("@component\ndef double(x: int) -> int: return 2 * x", Module("again"))

    Module("again")

    assert find("again", "double") is before


def test_a_module_needs_a_name():
    with pytest.raises(NodeError, match="TF-106 'My Module' is no name"):
        Module("My Module")


def test_a_decorated_function_stays_what_it_was():
    def double(x: int) -> int:
        return 2 * x

    assert component(double) is double
    assert double(4) == 8


BASE = "@component\ndef double(x: int, *, by: int = 2) -> int:\n    return by * x"


@pytest.mark.parametrize(
    ("code", "same"),
    [
        (BASE, True),
        ("\n\n# a comment\n" + BASE, True),
        (BASE.replace("by * x", "by + x"), False),
        (BASE.replace("= 2", "= 3"), False),
        (BASE.replace("x: int", "x: float"), False),
        (BASE.replace("@component", "@component(retry=2)"), False),
        (BASE.replace("by * x", "(lambda y: by * y)(x)"), False),
    ],
)
def test_a_function_is_the_same_code_unless_what_it_does_has_changed(code, same):
    assert same_code(_cell(BASE), _cell(code)) is same


FILE = """
LIMIT = 3
def times(x): return 2 * x if x < LIMIT else fewer(x)
def fewer(x): return times(x - 1)
@component
def double(x: int) -> int: return times(x)
class Kept: size = 1
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("", "", True),
        ("2 * x if", "3 * x if", False),
        ("LIMIT = 3", "LIMIT = 4", False),
        ("times(x - 1)", "times(x - 2)", False),
        ("size = 1", "size = 2", True),
    ],
)
def test_a_function_of_a_file_of_its_own_is_the_same_if_what_it_uses_of_that_file_is(old, new, same):
    assert same_code(_cell(FILE), _cell(FILE.replace(old, new) if old else FILE)) is same


def test_what_a_function_uses_of_its_notebook_is_looked_up_when_it_is_used():
    names = {"component": component}
    exec(FILE, names)
    first = prototype(names["double"])
    exec(FILE.replace("2 * x if", "3 * x if"), names)

    assert same_code(first, prototype(names["double"]))
    assert first.function(1) == 3


CLASS = """
class double(Component):
    step = 2
    def ports(self): return [Port("in", "in", int), Port("out", "out", int)]
    async def handle(self, output, port, payload): await output("out", self.step * payload)
"""


@pytest.mark.parametrize(
    ("code", "same"),
    [
        (CLASS, True),
        (CLASS.replace("step = 2", "step = 3"), False),
        (CLASS.replace("* payload", "+ payload"), False),
        (CLASS.replace('"out", int)', '"out", float)'), False),
        (CLASS + "    def more(self): pass\n", False),
    ],
)
def test_a_class_is_the_same_code_unless_what_it_does_has_changed(code, same):
    assert same_code(_cell(CLASS), _cell(code)) is same
