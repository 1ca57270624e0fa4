"""The images hold what their packages import, locked by hash, and run as nobody. Building them is for tests/node."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
IMAGES = {
    "runtime": (ROOT / "runtime" / "tinyflow_runtime",),
    "operator": (ROOT / "runtime" / "tinyflow_runtime", ROOT / "operator" / "tinyflow_operator"),
}
JUPYTER = {"ipython", "ipywidgets", "anywidget", "ipycytoscape", "jupyterlab", "nbformat", "traitlets"}
LOCKED = re.compile(r"\S+==\S+( ; .*?)? (--hash=sha256:[0-9a-f]{64} ?)+")
image = pytest.mark.parametrize("image", IMAGES)


@functools.cache
def imported(packages: tuple[Path, ...]) -> set[str]:
    """The distributions that the files of some packages import, anywhere in them."""
    names = set()
    for package in packages:
        for file in package.rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Import):
                    names |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    names.add(str(node.module).partition(".")[0])
    known = importlib.metadata.packages_distributions()
    return {
        canonicalize_name(distribution)
        for name in names - set(sys.stdlib_module_names)
        if not name.startswith("tinyflow_") and name != "google"  # protobuf's; others have a share in that name
        for distribution in known.get(name, [name])
    } | ({"protobuf"} if "google" in names else set())


def declared() -> dict[str, Requirement]:
    """What the wheel depends on."""
    return {canonicalize_name(one.name): one for one in map(Requirement, PROJECT["project"]["dependencies"])}


def group(name: str) -> dict[str, Requirement]:
    found = {}
    for each in PROJECT["dependency-groups"][name]:
        if isinstance(each, dict):
            found |= group(each["include-group"])
        else:
            found[canonicalize_name(Requirement(each).name)] = Requirement(each)
    return found


def locked(image: str) -> dict[str, str]:
    """The version of each package of an image's lock."""
    text = (ROOT / "images" / image / "requirements.txt").read_text()
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.M)}


def steps(image: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, each with what follows it."""
    text = (ROOT / "images" / image / "Dockerfile").read_text()
    lines = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.M)).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


@image
def test_a_lock_holds_what_the_packages_of_its_image_import(image: str) -> None:
    wanted = imported(IMAGES[image]) & set(declared())

    assert wanted == set(group(f"{image}-image"))
    assert wanted <= set(locked(image))
    assert not JUPYTER & set(locked(image))


@image
def test_a_lock_has_versions_that_the_wheel_takes(image: str) -> None:
    wheel, versions = declared(), locked(image)

    for name, requirement in group(f"{image}-image").items():
        assert requirement == wheel[name]
        assert requirement.specifier.contains(versions[name])


@pytest.mark.parametrize("name", [*IMAGES, "wheel"])
def test_every_line_of_a_lock_has_its_hashes(name: str) -> None:
    text = re.sub(r"\\\n\s*", "", (ROOT / "images" / name / "requirements.txt").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    assert lines
    assert [line for line in lines if not LOCKED.fullmatch(line)] == []


def test_a_module_image_has_a_handful_of_packages() -> None:
    assert len(locked("runtime")) < 20


@image
def test_an_image_installs_nothing_without_a_hash_but_our_wheel(image: str) -> None:
    installs = [
        re.sub(r"^.*?\binstall ", "", part)
        for word, rest in steps(image)
        if word == "RUN"
        for part in rest.split("&&")
        if re.search(r"\bpip\b.*\binstall\b", part)
    ]

    ours = [one for one in installs if one.endswith("wheel/*.whl")]
    others = [one for one in installs if one not in ours]
    assert len(ours) == 1
    assert {"--no-deps", "--no-index"} <= set(ours[0].split())
    assert len(others) == 2
    assert all({"--require-hashes", "-r"} <= set(one.split()) for one in others)
    builds = [rest for word, rest in steps(image) if word == "RUN" and "pip wheel" in rest]
    assert all("--no-build-isolation" in rest for rest in builds)


@image
def test_an_image_ends_as_nobody_with_nothing_of_what_made_it(image: str) -> None:
    found = steps(image)
    last = max(number for number, (word, _) in enumerate(found) if word == "FROM")

    final = found[last + 1 :]
    assert [rest for word, rest in final if word == "COPY"] == ["--from=made /opt/tinyflow /opt/tinyflow"]
    assert "RUN" not in dict(final)
    assert dict(final)["USER"] == "65532:65532"
    assert dict(final)["ENTRYPOINT"] == '["tinyflow"]'
    assert not [rest for word, rest in found if word == "ARG" and rest.endswith(":latest")]
