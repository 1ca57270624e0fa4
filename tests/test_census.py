"""The census is caught catching: each kind of leak, planted, fails the test that left it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")

LEAKS = {
    "thread": "def test_it():\n    threading.Thread(target=stop.wait, name='lost', daemon=True).start()\n",
    "process": "def test_it():\n    subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n",
    "file": "def test_it():\n    kept.append(open(__file__))\n",
    "socket": "def test_it():\n    kept.append(socket.socket())\n",
    "task": "async def test_it():\n    kept.append(asyncio.create_task(asyncio.sleep(60)))\n",
}
IMPORTS = "import asyncio, socket, subprocess, sys, threading\nkept, stop = [], threading.Event()\n"
CLEAN = "def test_clean():\n    pass\nasync def test_clean_too():\n    await asyncio.create_task(asyncio.sleep(0))\n"


def run(folder: Path, text: str, **environment: str) -> str:
    (folder / "test_it.py").write_text(text)
    conftest = CONFTEST.read_text().replace("GRACE = 5.0", "GRACE = 0.3")
    (folder / "conftest.py").write_text(conftest)
    options = ["-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "--rootdir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
    )
    return done.stdout


@pytest.mark.parametrize("kind", LEAKS)
def test_a_leak_fails_the_test_that_left_it(kind, tmp_path):
    output = run(tmp_path, IMPORTS + LEAKS[kind])

    assert "left behind: " in output


def test_a_clean_test_passes_the_census(tmp_path):
    output = run(tmp_path, IMPORTS + CLEAN)

    assert "2 passed" in output


def test_what_could_not_run_is_counted(tmp_path):
    output = run(tmp_path, "def test_it(need):\n    need(False, 'a cluster')\n")

    assert "NOT RUN: 1 test, for want of: a cluster" in output


def test_in_ci_it_is_a_failure_that_a_test_could_not_run(tmp_path):
    output = run(tmp_path, "def test_it(need):\n    need(False, 'a cluster')\n", CI="true")

    assert "1 failed" in output or "1 error" in output


def test_a_file_that_could_not_run_is_counted_once(tmp_path):
    skip = "import pytest\npytest.skip('a node', allow_module_level=True)\n"

    output = run(tmp_path, skip + CLEAN)

    assert "NOT RUN: 1 test, for want of: a node" in output
