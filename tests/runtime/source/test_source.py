"""A source travels as an archive: the same bytes for the same text, read back whole, and refused when it is hostile."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import linecache
import stat
import subprocess
import sys
import traceback
import zipfile
import zlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinyflow_runtime.component import prototype
from tinyflow_runtime.errors import ComponentError, SourceError
from tinyflow_runtime.module import Module, find
from tinyflow_runtime.source.archive import CELLS, MAX_ARCHIVE, Source

TEXT = '''"""Module maths."""

from __future__ import annotations

import math

import tinyflow_jupyter as tf

maths = tf.Module("maths")


@maths.component
def root(x: float) -> float:
    """The square root."""
    return math.sqrt(x)


@maths.component
def half(x: float) -> float:
    return third(x)
'''
ROWS = {"maths.py": [[5, 1, 2, 1], [9, 1, 3, 2], [12, 4, 7, 3], [18, 3, 9, 1]]}
LOCKED = "numpy==2.1.0 --hash=sha256:" + "0" * 64


@pytest.fixture
def maths() -> Source:
    return Source("maths", {"maths.py": TEXT, CELLS: json.dumps(ROWS)}, (LOCKED,))


@pytest.fixture(autouse=True)
def _modules_as_they_were(monkeypatch):
    monkeypatch.setattr(Module, "all", {"notebook": Module.all["notebook"]})


def _zip(files, *, described=None, **options) -> bytes:
    """An archive by hand: ``files`` are (name or ZipInfo, content)."""
    into = io.BytesIO()
    described = described or {"module": "maths", "entry": "maths.py", "requirements": [], "python": "3.11"}
    with zipfile.ZipFile(into, "w", **options) as archive:
        for name, content in files:
            archive.writestr(name, content)
        archive.writestr("module.json", described if isinstance(described, str) else json.dumps(described))
    return into.getvalue()


def _info(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo("x")
    made.filename = made.orig_filename = name
    made.external_attr = mode << 16
    return made


def test_an_archive_is_read_back_as_it_was(maths):
    read = Source.read(maths.archive(), sha256=maths.sha256)

    assert read == dataclasses.replace(maths, files=dict(maths.files))
    assert read.archive() == maths.archive()


def test_the_same_text_makes_the_same_bytes_in_every_process(maths):
    code = "import sys; from tinyflow_runtime.source.archive import Source; s = Source.read(sys.stdin.buffer.read());"
    turned = "print(Source(s.module, dict(reversed(s.files.items())), s.requirements, s.python).sha256)"

    done = subprocess.run([sys.executable, "-c", code + turned], input=maths.archive(), capture_output=True)

    assert done.stdout.decode().strip() == maths.sha256, done.stderr
    # Written down once: an archive that changes with a Python would roll every module out anew.
    assert dataclasses.replace(maths, python="3.11").sha256[:12] == "2ff1d34b0bb4"


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}\.(py|json)", fullmatch=True), st.text(), max_size=5))
@settings(max_examples=50, deadline=None)
def test_any_text_travels_unless_it_holds_a_nul(files):
    source = Source("maths", {"maths.py": "", **files} if "module.json" not in files else {"maths.py": ""})

    if any("\0" in text for text in source.files.values()):
        with pytest.raises(SourceError, match="TF-172"):
            Source.read(source.archive())
    else:
        assert dict(Source.read(source.archive()).files) == dict(source.files)


def test_another_hash_is_refused(maths):
    with pytest.raises(SourceError, match="TF-171 The archive hashes to"):
        Source.read(maths.archive(), sha256="0" * 64)


@pytest.mark.parametrize("at", range(0, 1200, 13))
def test_a_changed_byte_is_found_by_the_hash(maths, at):
    archive = bytearray(maths.archive())
    archive[at % len(archive)] ^= 1

    with pytest.raises(SourceError, match="TF-171"):
        Source.read(bytes(archive), sha256=maths.sha256)


@pytest.mark.parametrize("cut", range(0, 1500, 17))
def test_a_cut_archive_is_refused_even_without_a_hash(maths, cut):
    with pytest.raises(SourceError, match=r"TF-17[012]"):
        Source.read(maths.archive()[: -1 - cut])


@given(st.binary(max_size=600))
@settings(max_examples=200, deadline=None)
def test_noise_is_refused(noise):
    with pytest.raises(SourceError, match="TF-172"):
        Source.read(noise)


@given(st.integers(0, 5000), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_damaged_archive_is_read_as_text_or_refused(at, byte):
    archive = bytearray(Source("maths", {"maths.py": TEXT}).archive())
    archive[at % len(archive)] = byte

    with contextlib.suppress(SourceError):
        Source.read(bytes(archive))


HOSTILE = {
    "climbs out": _zip([("maths.py", ""), ("../evil.py", "")]),
    "climbs out later": _zip([("maths.py", ""), ("a/../../evil.py", "")]),
    "absolute": _zip([("maths.py", ""), ("/etc/passwd", "")]),
    "backslashes": _zip([("maths.py", ""), (_info("..\\evil.py"), "")]),
    "drive": _zip([("maths.py", ""), ("C:evil.py", "")]),
    "hidden name": _zip([("maths.py", ""), (_info("evil.py\0.txt"), "")]),
    "hidden file": _zip([("maths.py", ""), (".bashrc", "")]),
    "link": _zip([("maths.py", ""), (_info("etc.py", stat.S_IFLNK | 0o777), "/etc/passwd")]),
    "pipe": _zip([("maths.py", ""), (_info("pipe.py", stat.S_IFIFO | 0o777), "")]),
    "folder": _zip([("maths.py", ""), ("folder/", "")]),
    "file and folder": _zip([("maths.py", ""), ("a", ""), ("a/b.py", "")]),
    "too many files": _zip([("maths.py", ""), *((f"f{n}.py", "") for n in range(256))]),
    "bomb": _zip([("maths.py", "#" * 60_000_000)], compression=zipfile.ZIP_DEFLATED),
    "small bomb": _zip([("maths.py", "#" * 200_000)], compression=zipfile.ZIP_DEFLATED),
    "more text than archive": _zip(
        [("maths.py", ""), *((f"f{n}.py", Random(n).randbytes(200).hex() * 1500) for n in range(8))],
        compression=zipfile.ZIP_DEFLATED,
    ),
    "packed unusually": _zip([("maths.py", "#" * 1000)], compression=zipfile.ZIP_LZMA),
    "twins of another case": _zip([("maths.py", ""), ("Maths.py", "")]),
    "not text": _zip([("maths.py", b"\xff\xfe")]),
    "binary": _zip([("maths.py", b"a\0b")]),
    "too large": _zip([("maths.py", "#" * (MAX_ARCHIVE + 1))]),
    "no entry": _zip([("other.py", "")]),
    "two entries": _zip([("maths.py", ""), ("maths_module.py", "")], described='{"module": "maths", "entry": "x"}'),
    "no json": _zip([("maths.py", "")], described="{"),
    "deep json": _zip([("maths.py", "")], described="[" * 100_000),
    "not a module": _zip([("maths.py", "")], described="[]"),
    "other entry": _zip(
        [("maths.py", ""), ("other.py", "")],
        described={"module": "maths", "entry": "other.py", "requirements": [], "python": "3.11"},
    ),
    "hostile module": _zip(
        [("maths.py", "")],
        described={"module": "../maths", "entry": "maths.py", "requirements": [], "python": "3.11"},
    ),
    "empty": b"",
    "no zip": b"PK\x03\x04" + b"\0" * 100,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused(case):
    with pytest.raises(SourceError, match="TF-172"):
        Source.read(HOSTILE[case])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused():
    with pytest.raises(SourceError, match=r"two files 'maths\.py'"):
        Source.read(_zip([("maths.py", "1"), ("maths.py", "2")]))


def test_a_file_that_says_it_is_smaller_than_it_is_is_refused():
    packed = zlib.compress(b"#" * 50_000)[2:-4]
    archive = _zip([("maths.py", "#" * 50_000)], compression=zipfile.ZIP_DEFLATED)
    assert packed in archive
    size = (50_000).to_bytes(4, "little")

    with pytest.raises(SourceError, match="TF-172"):
        Source.read(archive.replace(size, (40).to_bytes(4, "little")))


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy==2.1.0",
        "numpy>=2 --hash=sha256:" + "0" * 64,
        "--index-url=http://evil",
        "-e .",
        "numpy @ http://evil/numpy.whl --hash=sha256:" + "0" * 64,
        LOCKED + "\n--index-url=http://evil",
        LOCKED + " --index-url=http://evil",
        LOCKED[:-1],
        7,
    ],
)
def test_a_requirement_without_pin_and_hash_is_refused(line):
    described = {"module": "maths", "entry": "maths.py", "requirements": [line], "python": "3.11"}

    with pytest.raises(SourceError, match="TF-170"):
        Source.read(_zip([("maths.py", "")], described=described))


def test_a_source_that_is_too_large_is_refused_before_it_is_sent():
    source = Source("maths", {"maths.py": "", "table.py": "#" * MAX_ARCHIVE})

    with pytest.raises(SourceError, match=r"900 KiB fit(.|\n)*Largest: table.py 900 KiB, maths.py 0 KiB"):
        source.archive()


def test_what_is_loaded_registers_under_the_module(maths):
    loaded = maths.load()

    assert loaded.__name__ == f"tinyflow_module_maths_{maths.sha256[:8]}"
    assert list(Module.all["maths"].components) == ["root", "half"]
    assert loaded.root(9.0) == 3.0
    assert find("maths", "root") is prototype(loaded.root)


def test_a_traceback_names_the_cell_and_shows_its_line(maths):
    loaded = maths.load()

    with pytest.raises(NameError) as caught:
        loaded.half(2.0)
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]

    assert (frame.filename.split("/")[-1], frame.lineno, frame.line) == ("cell 9", 3, "return third(x)")
    assert prototype(loaded.root).where == "cell 7, line 3"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("x = np.zeros(8)", "NameError: name 'np' is not defined.\n  cell 12, line 4\n  Define or import np"),
        (
            "import nowhere_to_be_found",
            "ModuleNotFoundError: No module named 'nowhere_to_be_found'.\n  cell 12, line 4",
        ),
        ("def (:", "SyntaxError: invalid syntax.\n  cell 12, line 4"),
        ("raise SystemExit(1)", "Its text ends the process: SystemExit.\n  cell 12, line 4"),
        ("1 / 0", "ZeroDivisionError: division by zero.\n  cell 12, line 4"),
        ("tf.component(lambda x: x)", "TF-106: '<lambda>' is no name for a component.\n  cell 12, line 4"),
    ],
)
def test_what_does_not_load_is_told_at_its_cell_and_changes_nothing(maths, line, said):
    maths.load()
    before = dict(Module.all["maths"].components)
    text = f'import tinyflow_jupyter as tf\nmaths = tf.Module("maths")\n@maths.component\ndef new(x): ...\n\n{line}\n'
    broken = Source("maths", {"maths.py": text, CELLS: '{"maths.py": [[3, 5, 12, 1]]}'})

    with pytest.raises(ComponentError, match=r"TF-110 Module 'maths' was not loaded\. ") as caught:
        broken.load()

    assert said in str(caught.value)
    assert dict(Module.all["maths"].components) == before
    assert not [name for name in sys.modules if name.endswith(broken.sha256[:8])]


def test_a_new_load_forgets_what_its_text_no_longer_defines(maths):
    maths.load()

    Source("maths", {"maths.py": TEXT[: TEXT.index("@maths.component\ndef half")]}).load()

    assert list(Module.all["maths"].components) == ["root"]


def test_undecorated_classes_are_components_of_the_notebook(monkeypatch):
    monkeypatch.setattr(Module.all["notebook"], "components", {})
    text = """
import tinyflow_jupyter as tf

class Base(tf.Component):
    pass

class Echo(Base):
    def ports(self):
        return [tf.Port("in", "in", int)]
"""

    Source("notebook", {"notebook.py": text}).load()

    assert list(Module.all["notebook"].components) == ["echo"]


def test_each_revision_imports_its_own_files():
    entry = 'import tinyflow_jupyter as tf\nfrom lib import scale\nm = tf.Module("maths")\n@m.component\ndef f(x):\n'
    entry += "    from lib.deep import more\n    return scale.by(x) + more()\n"
    files = {
        "maths.py": entry,
        "lib/__init__.py": "",
        "lib/deep.py": "from .scale import N\ndef more(): return N * 100",
    }
    one, two = (
        Source("maths", files | {"lib/scale.py": f"N = {n}\ndef by(x): return x * N"}, python="3.11") for n in (2, 3)
    )

    first, second = one.load(), two.load()

    assert (first.f(10), second.f(10)) == (220, 330)
    assert "lib" not in sys.modules


def test_loading_all_day_fills_nothing(maths):
    meta = len(sys.meta_path)

    for n in range(20):
        Source("maths", {"maths.py": TEXT + f"# {n}\n", "other.py": ""}).load()

    assert len([name for name in sys.modules if name.startswith("tinyflow_module_maths_")]) == 2
    assert len(sys.meta_path) <= meta + 2
    assert len([name for name in linecache.cache if str(name).startswith("maths@")]) <= 4


def test_future_features_of_the_file_hold_in_every_cell(maths):
    loaded = maths.load()

    assert loaded.root.__annotations__ == {"x": "float", "return": "float"}
