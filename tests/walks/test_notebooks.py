"""The notebooks run from their first cell to their last, in a kernel of their own, and are kept without outputs."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import nbformat
import pytest
from nbclient import NotebookClient

from tinyflow_jupyter._demo import ON_A_POCKET_CLUSTER, rewrite

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
FOUND = sorted(path.name for path in NOTEBOOKS.glob("0[12]*.ipynb"))
pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.census(keeps="what the kernel's client leaves of its sockets until its process ends"),
    pytest.mark.filterwarnings("default"),  # the kernel's client and its loops have warnings of their own
]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port for the demo, which stops by itself after some seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    monkeypatch.setenv("TINYFLOW_DEMO_PORT", str(number))
    monkeypatch.setenv("TINYFLOW_DEMO_SECONDS", "3")
    root = NOTEBOOKS.parent
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (root, root / "runtime", root / "operator"))))
    return number


def client(name: str, changes: Mapping[str, str] | None = None) -> NotebookClient:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    rewrite(notebook, changes or {})
    return NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(NOTEBOOKS)}})


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return "".join(output.text for output in outputs if output.output_type == "stream")


@pytest.mark.parametrize("name", FOUND)
def test_a_notebook_is_kept_without_outputs(name: str) -> None:
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)

    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.source for cell in code if cell.outputs or cell.execution_count] == []


@pytest.mark.parametrize("changes", [{}, ON_A_POCKET_CLUSTER], ids=["kernel", "pocket"])
async def test_the_demo_answers_real_requests_while_it_runs(port: int, changes: Mapping[str, str]) -> None:
    demo = client("01_this_computer.ipynb", changes)
    running = asyncio.create_task(demo.async_execute())

    pictures = await asyncio.gather(*(ask(f"http://127.0.0.1:{port}/", running) for _ in range(20)))
    notebook = await running

    assert all(0 <= picture["memory"] <= 100 and "alerts" in picture for picture in pictures)
    report = printed(notebook).splitlines()[-1]
    answered, handled, _, dead = (int(part.split()[0].replace(",", "")) for part in report.split(", "))
    assert answered >= 20 + 2  # ours, and those of its own cells
    assert handled > answered
    assert dead == 0


async def ask(url: str, running: asyncio.Task[nbformat.NotebookNode]) -> dict[str, object]:
    """Ask until the demo has begun to answer, and knows its memory."""
    async with aiohttp.ClientSession() as session:
        while True:
            if running.done():
                raise AssertionError("the demo ended before it answered") from running.exception()
            try:
                async with session.get(url) as response:
                    picture: dict[str, object] = await response.json()
                    if "memory" in picture:
                        return picture
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)


async def test_the_weather_of_four_years_is_summed_up_rightly(port: int) -> None:
    notebook = await client("02_seattle_weather.ipynb").async_execute()

    said = printed(notebook)
    assert "1461 days, 49 windows, 4,4" in said
    assert "show: 2012-" in said
    assert "kind: TinyFlow" in said
