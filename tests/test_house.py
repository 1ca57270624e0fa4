"""The house stands as it was drawn: its homes are no packages, its fences hold, its generated files are fresh."""

from __future__ import annotations

import importlib
import operator
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = [ROOT / "runtime/tinyflow_runtime", ROOT / "operator/tinyflow_operator", ROOT / "tinyflow_jupyter"]
SOURCES = [path for package in PACKAGES for path in sorted(package.rglob("*.py")) if "_pb2" not in path.name]
LONGEST = 300  # lines; past that a file has a second noun
# Whose second noun is still looked for; the list may only become shorter.
LONG_STILL: set[str] = set()

# A foreign library meets a package in one file, so that it can be replaced in one file.
ONE_FILE_EACH = ["grpc", "kubernetes", "ipycytoscape", "anywidget", "nbformat"]
WORDS_NOT_USED = [
    "graph",
    "pipeline",
    "task",
    "step",
    "vertex",
    "link",
    "queue",
    "manager",
    "helper",
    "helpers",
    "utils",
]


def test_home_folders_are_not_packages():
    strays = [
        *ROOT.glob("operator/*.py"),
        *ROOT.glob("runtime/*.py"),
        *ROOT.glob("tests/**/__init__.py"),
        *ROOT.glob("operator/tests"),
        *ROOT.glob("runtime/tests"),
    ]

    assert strays == []


def test_the_standard_operator_module_is_the_one_imported():
    assert Path(operator.__file__).parent == Path(sysconfig.get_path("stdlib"))


def test_a_fresh_interpreter_at_the_root_imports_the_standard_operator_and_ours():
    code = "import operator, tinyflow_operator; print(operator.__file__)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == Path(sysconfig.get_path("stdlib"))


@pytest.mark.parametrize("library", ONE_FILE_EACH)
@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_foreign_library_is_known_to_one_file(library, package):
    imports = re.compile(rf"^\s*(import|from) {library}\b", re.MULTILINE)
    sources = [path for path in SOURCES if path.is_relative_to(package)]

    files = [str(path.relative_to(ROOT)) for path in sources if imports.search(path.read_text(encoding="utf-8"))]

    assert len(files) <= 1, files


def test_a_file_has_one_noun():
    long = {path.name: lines for path in SOURCES if (lines := _lines(path)) > LONGEST}

    assert [name for name in long if name not in LONG_STILL] == [], long


def test_a_file_is_named_by_a_word_of_ours():
    named = [path.name for path in SOURCES if path.stem.strip("_") in WORDS_NOT_USED]

    assert named == []


def test_a_file_opens_with_a_sentence():
    silent = [
        str(path.relative_to(ROOT)) for path in SOURCES if not re.match(r'"""\S', path.read_text(encoding="utf-8"))
    ]

    assert silent == []


def test_an_exception_to_a_rule_stands_next_to_its_reason():
    exception = re.compile(r"# (noqa\b|type: ignore\b)")
    bare = re.compile(r"# (noqa(: [A-Z]+\d+(, ?[A-Z]+\d+)*)?|type: ignore(\[[a-z-]+(, ?[a-z-]+)*\])?)\s*$")
    found = []

    for path in SOURCES:
        before = ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if bare.search(line) and not exception.search(before):  # one reason may serve lines that follow each other
                found.append(f"{path.relative_to(ROOT)}:{number}")
            before = line

    assert found == []


def test_nothing_is_left_to_do_in_the_sources():
    found = [
        str(path.relative_to(ROOT)) for path in SOURCES if re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text("utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize("package", ["tinyflow_runtime", "tinyflow_operator", "tinyflow_jupyter"])
def test_what_a_package_offers_is_sorted_and_there(package):
    module = importlib.import_module(package)

    offered = list(getattr(module, "__all__", []))

    assert offered == sorted(offered)
    assert [name for name in offered if not hasattr(module, name)] == []


@pytest.mark.parametrize("package", ["tinyflow_runtime", "tinyflow_operator", "tinyflow_jupyter"])
def test_a_package_says_that_it_is_typed(package):
    assert any((path / "py.typed").exists() for path in PACKAGES if path.name == package)


@pytest.mark.parametrize("package", ["tinyflow_runtime", "tinyflow_jupyter"])
def test_importing_starts_nothing(package):
    code = (
        f"import sys, threading, {package}; "
        "heavy = {'IPython', 'ipywidgets', 'kubernetes', 'grpc', 'pandas', 'numpy'} & set(sys.modules); "
        "print(threading.active_count(), sorted(heavy))"
    )

    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.strip() == "1 []", done.stderr


def test_what_the_runtime_knows_from_above_it_knows_for_types_alone():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    excepted = [line for contract in settings["contracts"] for line in contract.get("ignore_imports", [])]

    at_work = grimp.build_graph("tinyflow_runtime", exclude_type_checking_imports=True)

    assert [found for line in excepted for found in at_work.find_matching_direct_imports(line)] == []


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())
