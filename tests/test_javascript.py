"""The JavaScript of each widget, as a page loads it: every name in it is known, and none is there for nothing."""

from __future__ import annotations

import collections
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyflow_jupyter._view.dashboard import Dashboard
from tinyflow_jupyter._view.flow_view import FlowView
from tinyflow_jupyter._view.port_view import PortView
from tinyflow_jupyter._view.widget import HOME

RULES = {
    "recommended": False,
    "correctness": {"recommended": True, "noUnusedVariables": "error", "noUndeclaredVariables": "error"},
}
FOUND = re.compile(r"^::error title=(?P<rule>[\w/]+),file=(?P<file>[^,]+),line=(?P<line>\d+)", re.MULTILINE)


@pytest.fixture
def biome(need: Callable[[bool, str], None]) -> str:
    """The path of the linter, made for few kinds of computers; without one the test is skipped and counted."""
    found = shutil.which("biome", path=Path(sys.executable).parent)
    need(found is not None, "no biome for this kind of computer")
    return str(found)


def lint(biome: str, folder: Path, modules: dict[str, str]) -> set[str]:
    """What is wrong, as its rule and line; a name that another module uses has its use there."""
    (folder / "biome.json").write_text(json.dumps({"linter": {"rules": RULES}}))
    for name, text in modules.items():
        (folder / f"{name}.js").write_text(text, encoding="utf-8")
    command = [biome, "lint", "--reporter=github", "--max-diagnostics=none", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    found: collections.Counter[tuple[str, str]] = collections.Counter()
    for one in FOUND.finditer(done.stdout):
        line = modules[Path(one["file"]).stem].splitlines()[int(one["line"]) - 1]
        found[one["rule"], line.strip()] += 1
    there = {line: sum(line in text for text in modules.values()) for _, line in found}
    return {
        f"{rule}: {line}"
        for (rule, line), times in found.items()
        if not rule.endswith("noUnusedVariables") or times >= there[line]
    }


def modules() -> dict[str, str]:
    return {kind.__name__: str(kind.module.default_value) for kind in (FlowView, PortView, Dashboard)}


def test_every_name_in_the_javascript_is_known_and_used(biome: str, tmp_path: Path) -> None:
    assert lint(biome, tmp_path, modules()) == set()


def test_a_name_that_nobody_uses_and_one_that_nobody_knows_are_found(biome: str, tmp_path: Path) -> None:
    planted = {**modules(), "planted": "const NOBODY = 1;\nexport default () => unheard;\n"}

    found = lint(biome, tmp_path, planted)

    assert found == {
        "lint/correctness/noUnusedVariables: const NOBODY = 1;",
        "lint/correctness/noUndeclaredVariables: export default () => unheard;",
    }


def test_an_error_is_put_into_words_in_one_place() -> None:
    telling = [path.name for path in sorted(HOME.glob("*.js")) if re.search(r"\.(wayOut|what)\b", path.read_text())]

    assert telling == ["text.js"]
