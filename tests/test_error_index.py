"""The index of errors says each code that the sources raise, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
INDEX = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (TF-\d{3}) \| (.*?) \| (.*?) \|$", INDEX, flags=re.MULTILINE)
SOURCES = [path for package in ("runtime", "operator", "tinyflow_jupyter") for path in (ROOT / package).rglob("*.py")]
RAISED = {code for path in SOURCES for code in re.findall(r"""["'](TF-\d{3})""", path.read_text(encoding="utf-8"))}
# Where another one has said all there is to say: a module of its dead letter, a cluster's API of a request.
TOLD_BY_OTHERS = {"letters.py", "kube.py", "signals.py"}


def test_every_code_that_is_raised_stands_in_the_index_once():
    assert sorted(RAISED) == sorted(code for code, _, _ in ROWS)


def test_every_code_has_a_meaning_and_a_way_out():
    assert [code for code, what, way_out in ROWS if len(what) < 10 or len(way_out) < 5] == []


def test_every_error_says_a_way_out():
    silent = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in SOURCES
        if path.name not in TOLD_BY_OTHERS
        for call in _made(path)
        if len(call.args) < 3
    ]

    assert silent == []


def _made(path: Path) -> Iterator[ast.Call]:
    """Where an error with a code is made: the code, what, and then the way out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        first = node.args[0] if isinstance(node, ast.Call) and node.args else None
        if isinstance(first, ast.Constant) and re.fullmatch(r"TF-\d{3}", str(first.value)):
            yield node


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_speaks_of_no_code_that_is_not_in_the_index(page):
    spoken = set(re.findall(r"TF-\d{3}", page.read_text(encoding="utf-8")))

    assert spoken - {code for code, _, _ in ROWS} == set()
