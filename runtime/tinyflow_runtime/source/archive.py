"""A source is the text of a module: what its cells became, as an archive that is named by its hash."""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import sys
import types
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tinyflow_runtime.errors import SourceError
from tinyflow_runtime.ports import is_label
from tinyflow_runtime.source.unpacking import MAX_ARCHIVE, unpack

__all__ = ["CELLS", "MAX_ARCHIVE", "Source", "entries"]

CELLS = "cells.json"  # where each line of a file was written: {"maths.py": [[line, lines, cell or file, its line], …]}
_MODULE = "module.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time a zip can tell; a real one would change the hash with every push
_LOCKED = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]+\])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*( ; [^\n\\]+?)?"
    r"( --hash=sha256:[0-9a-f]{64})+"
)
_PYTHON = re.compile(r"3\.\d{1,3}")


def _here() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a module: what its cells became. Travels as a deterministic zip, named by its sha256.

    Attributes:
        module: The module's name.
        files: Path in the archive and text. The entry defines the components; further files are imported by it, and
            ``cells.json`` tells where each line was written.
        requirements: Locked lines, ``name==1.2 --hash=sha256:…``; none: what is installed where it runs.
        python: The version it was captured with, such as ``"3.12"``.
    """

    module: str
    files: Mapping[str, str]
    requirements: tuple[str, ...] = ()
    python: str = field(default_factory=_here)

    def __post_init__(self) -> None:
        if not is_label(self.module):
            raise _hostile(f"{self.module!r} is no name for a module.")
        if self.entry not in self.files:
            raise _hostile(f"The source of module {self.module!r} has no file {self.entry!r}.")

    @property
    def entry(self) -> str:
        """The file that defines the components."""
        return next((name for name in entries(self.module) if name in self.files), entries(self.module)[0])

    @property
    def text(self) -> str:
        """The text of the entry."""
        return self.files[self.entry]

    @property
    def sha256(self) -> str:
        """The hash of the archive, 64 hex digits."""
        return hashlib.sha256(self.archive()).hexdigest()

    def archive(self) -> bytes:
        """A zip. The same source makes the same bytes, on every machine.

        Raises:
            SourceError: TF-172, it holds more than a cluster takes.
        """
        described = {
            "module": self.module,
            "entry": self.entry,
            "requirements": list(self.requirements),
            "python": self.python,
        }
        files = dict(self.files) | {_MODULE: json.dumps(described, ensure_ascii=False, indent=1) + "\n"}
        into = io.BytesIO()
        # Stored, not deflated: implementations of deflate differ, and with them the bytes and their hash would.
        with zipfile.ZipFile(into, "w", zipfile.ZIP_STORED) as archive:
            for name in sorted(files):
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.create_system = 3  # Unix, also where it is made on Windows
                entry.external_attr = 0o100644 << 16
                archive.writestr(entry, files[name].encode())
        made = into.getvalue()
        if len(made) > MAX_ARCHIVE:
            largest = sorted(self.files, key=lambda name: -len(files[name]))[:3]
            sizes = ", ".join(f"{name} {_kib(len(files[name].encode()))}" for name in largest)
            raise _hostile(
                f"The source of module {self.module!r} is {_kib(len(made))}; {_kib(MAX_ARCHIVE)} fit.",
                f"Largest: {sizes}.",
                "Install what is large as a package, or give the module an image.",
            )
        return made

    @classmethod
    def read(cls, archive: bytes, *, sha256: str | None = None) -> Source:
        """The source in an archive that anybody may have made.

        Args:
            archive: The bytes.
            sha256: What they must hash to.

        Raises:
            SourceError: TF-171, the hash is another; TF-172, it is no archive of a source, or a hostile one.
        """
        found = hashlib.sha256(archive).hexdigest()
        if sha256 is not None and sha256.lower() != found:
            raise SourceError(
                "TF-171",
                f"The archive hashes to {found[:12]}…, and {sha256[:12]}… was announced.",
                "It was changed on its way, or another one was stored under this name. Push it again.",
            )
        files = unpack(archive)
        described = _described(files.pop(_MODULE, None))
        made = cls(described["module"], files, tuple(described["requirements"]), described["python"])
        if made.entry != described["entry"]:
            raise _hostile(f"The archive calls {described['entry']!r} its entry; that of the module is {made.entry!r}.")
        return made

    def load(self) -> types.ModuleType:
        """Run the entry in a namespace of its own; what it defines are then the module's components.

        Raises:
            ComponentError: TF-110, it did not load; the components are those that were there before.
        """
        from tinyflow_runtime.source.loading import load  # a session that only pushes loads nothing

        return load(self)


def _kib(size: int) -> str:
    return f"{math.ceil(size / 1024)} KiB"


def entries(module: str) -> tuple[str, str]:
    """What the entry of a module is called; the second where the first would hide what it imports, as random.py."""
    name = module.replace("-", "_")
    return f"{name}.py", f"{name}_module.py"


def _described(text: str | None) -> dict[str, Any]:  # Any: a document; its fields are checked here
    if text is None:
        raise _hostile(f"The archive has no {_MODULE}.", "Make it with tinyflow push or tinyflow export.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _hostile(f"The archive's {_MODULE} is no JSON: {error}.") from None
    kinds = {"module": str, "entry": str, "requirements": list, "python": str}
    if not isinstance(found, dict) or found.keys() != kinds.keys():
        raise _hostile(f"The archive's {_MODULE} does not hold exactly {', '.join(kinds)}.")
    for name, kind in kinds.items():
        if not isinstance(found[name], kind):
            raise _hostile(f"The archive's {_MODULE} says {name} = {str(found[name])[:60]!r}.")
    if not _PYTHON.fullmatch(found["python"]):
        raise _hostile(f"The archive is for Python {found['python'][:20]!r}.")
    for line in found["requirements"]:
        # A line is given to an installer: nothing that it would take for an option or an address may pass.
        if not (isinstance(line, str) and _LOCKED.fullmatch(line)):
            what = f"The archive requires {str(line)[:80]!r}, which is not pinned with a hash."
            raise SourceError("TF-170", what, "Make it with tinyflow push or tinyflow export.")
    return found


def _hostile(what: str, *way_out: str) -> SourceError:
    return SourceError("TF-172", what, *way_out)
