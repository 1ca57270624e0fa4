"""The index of errors says each code that the sources raise, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
INDEX = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (TF-\d{3}) \| (.*?) \| (.*?) \|$", INDEX, flags=re.MULTILINE)
RAISED = {
    code
    for package in ("runtime", "operator", "tinyflow_jupyter")
    for path in (ROOT / package).rglob("*.py")
    for code in re.findall(r"""f?["'](TF-\d{3})""", path.read_text(encoding="utf-8"))
}


def test_every_code_that_is_raised_stands_in_the_index_once():
    assert sorted(RAISED) == sorted(code for code, _, _ in ROWS)


def test_every_code_has_a_meaning_and_a_way_out():
    assert [code for code, what, way_out in ROWS if len(what) < 10 or len(way_out) < 5] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_speaks_of_no_code_that_is_not_in_the_index(page):
    spoken = set(re.findall(r"TF-\d{3}", page.read_text(encoding="utf-8")))

    assert spoken - {code for code, _, _ in ROWS} == set()
