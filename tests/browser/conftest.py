"""One browser and one JupyterLab for all tests of the session, and a tab for each."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # tests are no packages, and these share a harness

if TYPE_CHECKING:
    from lab import Lab
    from lab_server import LabServer
    from playwright.async_api import BrowserContext, Page


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)  # that of their browser


@pytest.fixture(scope="session")
def jupyter(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """A server with a home of its own."""
    from lab_server import lab_server  # where there is no browser, nothing of it is needed

    with ThreadPoolExecutor(2) as aside, lab_server(tmp_path_factory.mktemp("jupyter"), aside) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrowserContext]:
    """A browser that nobody has used before."""
    from lab import browser_in

    async with browser_in(tmp_path_factory.mktemp("browser"), chromium) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def bare(browser: BrowserContext) -> AsyncIterator[Page]:
    """A tab with nothing in it, not even Jupyter."""
    page = await browser.new_page()
    yield page
    await page.close()


@pytest_asyncio.fixture(loop_scope="session")
async def lab(request: pytest.FixtureRequest, browser: BrowserContext, jupyter: LabServer) -> AsyncIterator[Lab]:
    """A tab of JupyterLab with nothing open in it; others may have worked in it before."""
    from lab import tab

    failed = request.session.testsfailed
    async with tab(browser, jupyter) as lab:
        yield lab
        lab.own = lab.own or request.session.testsfailed > failed  # who knows what a test left that broke off
