"""One JupyterLab for all tests of the session, and a tab of it for each."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no packages, and these share a harness

if TYPE_CHECKING:
    from lab import Lab
    from lab_server import LabServer


@pytest.fixture(scope="session")
def jupyter(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A server with a home of its own."""
    from lab_server import lab_server  # where there is no browser, nothing of it is needed

    with lab_server(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture
async def lab(chromium: str, jupyter: LabServer) -> AsyncIterator[Lab]:
    """A tab of JupyterLab, with nothing open in it yet."""
    from lab import tab

    async with tab(chromium, jupyter) as lab:
        yield lab
