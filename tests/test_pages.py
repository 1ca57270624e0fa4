"""The pages hold together: a link leads somewhere, and every page is reached from the README."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The file and the heading that each link of a page leads to."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            file, _, heading = link.partition("#")
            yield (page.parent / file).resolve() if file else page, heading


def headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page):
    dead = [(file, heading) for file, heading in links(page) if not file.exists()]
    lost = [(file, heading) for file, heading in links(page) if heading and heading not in headings(file)]

    assert (dead, lost) == ([], [])


def test_every_page_is_reached_from_the_readme():
    reached, due = set[Path](), [ROOT / "README.md"]
    while due:
        page = due.pop()
        reached.add(page)
        for file, _ in links(page):
            due += [each for each in (file.glob("*.md") if file.is_dir() else [file]) if each.suffix == ".md"]
        due = [each for each in due if each not in reached]

    assert {page for page in PAGES if (ROOT / "docs") in page.parents} - reached == set()
