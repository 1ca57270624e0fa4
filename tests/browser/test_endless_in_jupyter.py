"""Whoever wrote a loop without end sees where it is, below the cell that ran last, and mends it in its cell."""

from __future__ import annotations

import pytest
from lab import Lab
from playwright.async_api import expect

pytestmark = [
    pytest.mark.timeout(120),  # five seconds of it are what is looked at
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

IMPORTS = """
import asyncio, threading
from collections.abc import AsyncIterator
import tinyflow_jupyter as tf
"""
SLOW = """
@tf.component
def slow(x: int) -> int:
    n = 0
    while x == 3:
        n += 1
    return 2 * x
"""
FLOW = """
@tf.component
async def ticks() -> AsyncIterator[int]:
    n = 0
    while True:
        yield n
        n += 1
        await asyncio.sleep(0.3)

flow = tf.Flow("endless")
flow.node("ticks", ticks)
flow.node("slow", slow)
flow.edge("ticks:out", "slow:in")
flow.start()
flow
"""


async def test_a_loop_without_end_is_named_below_the_last_cell_and_ended_by_its_mended_cell(lab: Lab) -> None:
    cells = [IMPORTS, SLOW, FLOW, "1 + 1", "flow.counts()", SLOW.replace("while x == 3", "while False"), "flow.stop()"]
    await lab.open("endless", cells)
    for cell in range(4):
        await lab.run(cell)
    cell = lab.page.locator(".jp-CodeCell")

    await expect(cell.nth(3)).to_contain_text("TF-131 slow blocked all 2 nodes of this module for 5.", timeout=20_000)
    await lab.begin(4)
    await lab.idle()
    await expect(cell.nth(4)).to_contain_text("TF-131 slow has blocked this flow for ")
    await lab.begin(5)
    await lab.idle()
    await expect(cell.nth(5)).to_contain_text("The new slow runs in endless:slow.")
    await lab.begin(6)
    await lab.idle()

    assert lab.said == []
