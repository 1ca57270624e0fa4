"""An echo shows what modules print and warn of, each line once, and never more than a screen takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tinyflow_jupyter._cluster.echo import MOST_LINES, Echo


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "default").mkdir()
    log = tmp_path / "default" / "tm-my-maths-5d9c-x7k2p.log"
    log.write_text("before\n")
    return log


def test_what_was_printed_or_warned_of_since_is_shown_once(log: Path, capsys: pytest.CaptureFixture[str]):
    echo = Echo(log.parents[1])
    with log.open("a") as file:
        for level in ("info", "error"):
            file.write(json.dumps({"level": level, "message": f"{level} said\nin two lines"}) + "\n")
        file.write("E1124 13:32:33.874568   11540 legacy_channel.cc:107] channel stack builder failed\n")
        file.write("printed\nunfinish")

    echo.tell()
    echo.tell()
    with log.open("a") as file:
        file.write("ed\n")
    echo.tell()

    assert capsys.readouterr().out == "my-maths | error said\nmy-maths | printed\nmy-maths | unfinished\n"


def test_of_a_module_that_prints_without_end_a_screen_is_shown(log: Path, capsys: pytest.CaptureFixture[str]):
    echo = Echo(log.parents[1])
    log.write_text("".join(f"tick {number}\n" for number in range(50_000)))

    echo.tell()
    echo.tell()

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == MOST_LINES + 1
    assert "cluster.logs(flow)" in lines[-1]
