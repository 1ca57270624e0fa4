"""Folders among the temporary files go with the process that made them, or with the next one when it was killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile

import pytest

from tinyflow_jupyter._cluster.bridge import Bridge
from tinyflow_jupyter._folders import own_folder

OPENS = """
import asyncio
from tinyflow_jupyter._cluster.bridge import Bridge

async def main():
    print(await Bridge(None).open(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="there are no socket files")
def test_the_next_one_removes_what_a_notebook_that_was_ended_left_and_nothing_of_one_that_lives(temporary):
    foreign = temporary / "tinyflow-of-somebody"
    foreign.mkdir()
    ended = subprocess.Popen([sys.executable, "-c", OPENS], stdout=subprocess.PIPE, text=True)
    socket = ended.stdout.readline().strip().removeprefix("unix:")
    living = own_folder()
    before = set(temporary.iterdir())

    ended.send_signal(signal.SIGTERM)
    ended.communicate()
    newest = own_folder("gateway-")

    assert socket.startswith(f"{temporary}/tinyflow-gateway-")
    assert len(before) == 3
    assert set(temporary.iterdir()) == {foreign, living, newest}


async def test_a_bridge_leaves_nothing_behind_neither_ended_nor_one_that_did_not_open(temporary, monkeypatch):
    bridge, failed = Bridge(None), Bridge(None)
    await bridge.open()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / ("long" * 50)))
    (temporary / ("long" * 50)).mkdir()
    for _ in range(2):
        with pytest.raises(OSError, match="too long"):
            await failed.open()

    await bridge.close()
    await failed.close()

    assert [each.name for each in temporary.iterdir()] == ["long" * 50]
    assert list((temporary / ("long" * 50)).iterdir()) == []
