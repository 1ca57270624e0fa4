"""CSV reader: the rows of a file, one message each."""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port

_TURN = 64  # rows before it is the others' turn on the loop; reading so many takes less than a millisecond
_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_BIGGEST = 2**63  # whole numbers travel as 64 bits; longer ones, such as card numbers, stay text


@dataclass(frozen=True, slots=True)
class CsvReaderSettings:
    """Which file, and how it is written."""

    path: Annotated[str, Meta(min_length=1, description="The file; relative to where the program was started.")]
    delimiter: Annotated[str, Meta(min_length=1, max_length=1, description="What stands between two cells.")] = ","
    encoding: Annotated[str, Meta(description="How characters are written; utf-8 with or without a mark.")] = (
        "utf-8-sig"
    )
    numbers: Annotated[bool, Meta(description="Make numbers of what looks like one, and None of empty cells.")] = True
    a_second: (
        Annotated[float, Meta(gt=0, description="Rows a second; empty: as fast as the flow takes them.")] | None
    ) = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that does not have as many cells as the file has columns."""

    line: int
    cells: list[str]
    columns: int


class CsvReader(Component):
    """Reads a file with a header line, and sends each row as ``{column: value}``.

    It begins when the flow starts and reads no faster than the next node takes rows. At the end ``done`` tells how many
    rows there were. Rows with too few or too many cells leave through ``bad``. New settings hold from the next start.
    """

    tags = ("source", "file")
    settings: CsvReaderSettings

    def ports(self) -> list[Port]:
        return [
            Port("out", "out", dict[str, Any]),
            Port("bad", "out", BadRow),
            Port("done", "out", int, status=True),
            Port("settings", "in", CsvReaderSettings, settings=True),
        ]

    async def run(self, output: Handler) -> None:
        """Read the file once, from its header to its end."""
        settings, loop = self.settings, asyncio.get_running_loop()
        began, count = loop.time(), 0
        # Not in a thread: waiting for one would look like a pause, and a flow that pauses everywhere is done.
        for number, row in enumerate(read(settings)):
            if number % _TURN == 0:
                await asyncio.sleep(0)
            if isinstance(row, BadRow):
                await output("bad", row)
                continue
            if settings.a_second is not None:
                await asyncio.sleep(max(0.0, began + count / settings.a_second - loop.time()))
            await output("out", row)
            count += 1
        await output("done", count)


def read(settings: CsvReaderSettings) -> Iterator[dict[str, Any] | BadRow]:
    """The rows of a file, in order; blank lines are left out."""
    value = _value if settings.numbers else str
    with Path(settings.path).expanduser().open(encoding=settings.encoding, newline="") as file:
        lines = csv.reader(file, delimiter=settings.delimiter, strict=True)
        columns = next(lines, [])
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(columns):
                yield BadRow(lines.line_num, cells, len(columns))
            else:
                yield dict(zip(columns, map(value, cells), strict=True))


def _value(cell: str) -> int | float | str | None:
    cell = cell.strip()
    if not cell:
        return None
    number = _NUMBER.fullmatch(cell)
    if number is None:
        return cell  # also 007 and 1_000: a code, not a number
    if number[1] is None and number[2] is None:
        return int(cell) if -_BIGGEST <= int(cell) < _BIGGEST else cell
    return float(cell)
