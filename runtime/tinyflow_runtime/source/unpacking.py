"""An archive from anywhere is unpacked into texts, or refused: nothing large is made of little, nothing is written."""

from __future__ import annotations

import io
import re
import stat
import unicodedata
import zipfile

from tinyflow_runtime.errors import SourceError

__all__ = ["MAX_ARCHIVE", "unpack"]

MAX_ARCHIVE = 900 * 1024  # bytes; a ConfigMap holds 1 MiB, in base64 and with what stands around it less
MAX_FILES = 256  # a notebook has fewer cells
MAX_TEXT = 4 * 1024 * 1024  # bytes of all files; text is rarely deflated to less than a quarter of MAX_ARCHIVE
MAX_RATIO = 100  # text deflates to a tenth; what deflates to a hundredth is made to explode
MAX_NAME = 200  # letters of a path
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*")


def unpack(archive: bytes) -> dict[str, str]:
    """The files of an archive by name.

    Raises:
        SourceError: TF-172, with what is wrong.
    """
    if len(archive) > MAX_ARCHIVE:
        raise _refused(f"It has {len(archive) / 1024:.0f} KiB; {MAX_ARCHIVE // 1024} KiB are allowed.")
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            _refuse_whole(entries)
            files: dict[str, str] = {}
            rest = MAX_TEXT
            for entry in entries:
                text = _text(opened, entry, rest)
                rest -= len(text)
                files[entry.filename] = _decoded(entry.filename, text)
            return files
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise _refused(f"It is no zip that can be read: {error}.") from None
    except Exception as error:  # zlib.error, struct.error, RuntimeError: zipfile lets all of them through
        if isinstance(error, SourceError):
            raise
        raise _refused(f"It is no zip that can be read: {type(error).__name__}: {error}.") from None


def _refuse_whole(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_FILES:
        raise _refused(f"It has {len(entries)} files; {MAX_FILES} are allowed.")
    seen: set[str] = set()
    for entry in entries:
        _refuse_name(entry)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _refused(f"{entry.filename!r} is no plain file but a {_KINDS.get(kind, 'special file')}.")
        if entry.flag_bits & 0x1:
            raise _refused(f"{entry.filename!r} is encrypted.")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _refused(f"{entry.filename!r} is packed in an unusual way ({entry.compress_type}).")
        # Two names that are one on some file systems: which of the two would be meant?
        folded = unicodedata.normalize("NFKC", entry.filename).casefold()
        if folded in seen:
            raise _refused(f"It has two files {entry.filename!r}.")
        seen.add(folded)
        if entry.file_size > MAX_RATIO * max(entry.compress_size, 64):
            raise _refused(
                f"{entry.filename!r} would become {entry.file_size / max(entry.compress_size, 1):.0f} times as large."
            )
    for name in seen:
        if any(other.startswith(name + "/") for other in seen):
            raise _refused(f"It has a file {name!r} that is a folder too.")
    if sum(entry.file_size for entry in entries) > MAX_TEXT:
        raise _refused(f"Its files are more than {MAX_TEXT // 1024 // 1024} MiB.")


_KINDS = {stat.S_IFLNK: "link", stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


def _refuse_name(entry: zipfile.ZipInfo) -> None:
    # orig_filename, too: ZipInfo cuts a name at a NUL and turns backslashes into slashes on Windows.
    for name in (entry.filename, entry.orig_filename):
        parts = name.split("/")
        if len(name) > MAX_NAME or not all(_PART.fullmatch(part) and not part.endswith((".", " ")) for part in parts):
            raise _refused(f"{name[:80]!r} is no name for a file of a module.")


def _text(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, rest: int) -> bytes:
    """What a file holds: what it says of its size is not believed."""
    with opened.open(entry) as reader:
        text = reader.read(rest + 1)
    if len(text) > rest or len(text) != entry.file_size:
        raise _refused(f"{entry.filename!r} holds more than it says.")
    return text


def _decoded(name: str, text: bytes) -> str:
    try:
        decoded = text.decode()
    except UnicodeDecodeError as error:
        raise _refused(f"{name!r} is not text: byte {error.start} is no UTF-8.") from None
    if "\0" in decoded:
        raise _refused(f"{name!r} is not text: it holds a NUL.")
    return decoded


def _refused(what: str) -> SourceError:
    return SourceError("TF-172", f"The archive is refused. {what}", "Make it with tinyflow push or tinyflow export.")
