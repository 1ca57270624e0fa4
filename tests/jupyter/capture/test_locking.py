"""Requirements are locked by pip from a folder of wheels: exact versions, hashes, or a refusal that says why."""

from __future__ import annotations

import hashlib
import tomllib
import zipfile
from pathlib import Path

import pytest
from tinyflow_runtime.errors import SourceError
from tinyflow_runtime.source.archive import Source

from tinyflow_jupyter._capture import locking
from tinyflow_jupyter._capture.beside import packages
from tinyflow_jupyter._capture.requirements import WITH_US, canonical, imported, name_of, pinned, refuse_missing

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that is the only index there is: ``ink`` 1.0 and 2.0, which needs ``paper``."""
    made = {}
    for name, version, needs in (("ink", "1.0", ""), ("ink", "2.0", "paper"), ("paper", "1.5", "")):
        path = tmp_path / f"{name}-{version}-py3-none-any.whl"
        home = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{name}.py", "")
            metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            wheel.writestr(f"{home}/METADATA", metadata + (f"Requires-Dist: {needs}\n" if needs else ""))
            wheel.writestr(f"{home}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{home}/RECORD", "")
        made[f"{name}=={version}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setattr(locking.shutil, "which", lambda name: None)
    locking._lock.cache_clear()
    yield made
    locking._lock.cache_clear()


def test_everything_that_is_needed_is_locked_with_its_hash(wheels):
    lines = locking.lock(["ink"])

    assert lines == tuple(f"{name} --hash=sha256:{wheels[name]}" for name in ("ink==2.0", "paper==1.5"))
    assert Source("maths", {"maths.py": ""}, lines).archive()
    Source.read(Source("maths", {"maths.py": ""}, lines).archive())


def test_a_version_of_ones_own_is_kept(wheels):
    assert locking.lock(["ink<2"]) == (f"ink==1.0 --hash=sha256:{wheels['ink==1.0']}",)


def test_what_is_installed_keeps_its_version_unless_one_is_asked_for():
    assert any(line.startswith("numpy==") for line in locking._installed(("numpy",)))
    assert not any(line.startswith("numpy==") for line in locking._installed(("numpy>=2",)))


def test_what_has_no_hash_is_refused(wheels, monkeypatch):
    monkeypatch.setattr(locking, "_hash", lambda download: "")

    with pytest.raises(SourceError, match=r"TF-170 .*cannot be locked: (ink==2\.0|paper==1\.5) has no hash"):
        locking.lock(["ink"])


def test_what_no_index_has_is_refused(wheels):
    with pytest.raises(SourceError, match=r"TF-170 Module 'vision' requires stone, which cannot be locked: .*stone"):
        locking.lock(["stone"], module="vision")


@pytest.mark.parametrize(
    "requirement", ["", "-e .", "--index-url=x", "ink @ https://x/ink.whl", "./ink", "ink 2", "a\nb"]
)
def test_what_is_no_plain_requirement_is_refused(requirement):
    with pytest.raises(SourceError, match="TF-170"):
        locking.lock([requirement])


@pytest.mark.parametrize(
    ("requirement", "name"),
    [
        ("numpy", "numpy"),
        ("Ruff_X>=1,<2", "ruff-x"),
        ("a[b,c]==1", "a"),
        ("x; python_version<'4'", "x"),
        ("y ~= 1.0", "y"),
    ],
)
def test_a_requirement_names_a_distribution(requirement, name):
    assert name_of(requirement) == name


def test_imports_are_mapped_to_installed_distributions():
    source = Source(
        "maths", {"maths.py": "import os, yaml\nimport numpy.linalg\nfrom nowhere import x\nimport lib", "lib.py": ""}
    )

    found = pinned(source)

    assert [line.split("==")[0] for line in found] == ["nowhere", "numpy", "pyyaml"]
    refuse_missing(source, ["numpy==2"])
    with pytest.raises(SourceError, match=r"imports numpy, which .*\n  maths.py, line 2"):
        refuse_missing(source, ["pandas==2"])


def test_what_every_module_has_is_what_the_runtime_imports_of_our_dependencies():
    root = Path(__file__).parents[3]
    files = {str(path.relative_to(root / "runtime")): path.read_text() for path in root.glob("runtime/**/*.py")}
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    ours = {canonical(name_of(each)) for each in project["dependencies"]}

    needed = {
        canonical(name)
        for top in imported(Source("runtime", {"runtime.py": "", **files}))
        for name in packages().get(top, [])
    }

    assert WITH_US == {project["name"]} | (needed & ours)
