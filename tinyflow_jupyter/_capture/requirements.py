"""The distributions that bring what a module imports, at the versions installed here."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
from collections.abc import Iterable

from tinyflow_runtime.errors import SourceError
from tinyflow_runtime.source.archive import Source

from .beside import OURS, packages
from .targets import is_for_types

__all__ = ["WITH_US", "canonical", "imported", "name_of", "pinned", "refuse_missing"]

# What a module's process has whatever its requirements say: our own distribution, and what the runtime and its
# components stand on. Named here and not looked up: this kernel has more of ours than an image of a module.
WITH_US = frozenset({"tinyflow-jupyter", "grpcio", "protobuf", "msgspec", "pyyaml", "aiohttp", "psutil"})

_REQUIREMENT = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*([(<>=!~][^;\n]*)?(;[^\n]*)?"
)


def imported(source: Source) -> dict[str, str]:
    """What a source imports from distributions: the name at the top of the import, and where it stands first."""
    own = {path.split("/")[0].removesuffix(".py") for path in source.files}
    found: dict[str, str] = {}
    for path, text in source.files.items():
        if not path.endswith(".py"):
            continue
        tree = ast.parse(text)
        never = {each for node in ast.walk(tree) if is_for_types(node) for each in ast.walk(node)}
        for node in ast.walk(tree):
            if node in never or not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module] if node.module and not node.level else []
            for top in [name.split(".")[0] for name in names]:
                if top not in own and top not in sys.stdlib_module_names and top not in OURS:
                    found.setdefault(top, f"{path}, line {node.lineno}")
    return found


def pinned(source: Source) -> list[str]:
    """``name==version`` of each distribution that a source imports; a name alone where it is not installed."""
    found = set()
    for top in imported(source):
        names = packages().get(top, [])
        if not names:
            found.add(top)
        for name in names[:1]:
            found.add(f"{canonical(name)}=={importlib.metadata.version(name)}")
    return sorted(found)


def refuse_missing(source: Source, locked: Iterable[str]) -> None:
    """Refuse requirements that do not bring what the text imports.

    Raises:
        SourceError: TF-170, an import would fail.
    """
    brought = {canonical(re.split(r"[\[=]", line)[0]) for line in locked} | WITH_US
    for top, where in imported(source).items():
        names = [canonical(name) for name in packages().get(top, [])]
        if names and not brought.intersection(names):
            raise SourceError(
                "TF-170",
                f"Module {source.module!r} imports {top}, which its requirements do not bring.",
                f"Add it: requirements=[…, {names[0]!r}].",
                where=where,
            )


def name_of(requirement: str) -> str:
    """The distribution that a requirement names.

    Raises:
        SourceError: TF-170, it is no requirement, or one that names an address.
    """
    found = _REQUIREMENT.fullmatch(requirement.strip())
    if found is None or "@" in requirement or "/" in requirement:
        what = f"{requirement!r} is no requirement that can be locked."
        raise SourceError("TF-170", what, "Name a distribution, and versions if you like: 'numpy>=2'.")
    return canonical(found[1])


def canonical(name: str) -> str:
    """A distribution's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()
