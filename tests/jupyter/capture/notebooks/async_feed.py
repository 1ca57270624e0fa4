# calls: notebook __import__("asyncio").run(listed("feed")) == [{"n": 0, "who": "feed"}, {"n": 2, "who": "feed"}, {"n": 4, "who": "feed"}]
# calls: notebook __import__("asyncio").run(listed("echo")) == ["a", "b", "c"]
# calls: notebook __import__("asyncio").run(listed("merged")) == [0, 0, 1, 10]
# calls: notebook __import__("asyncio").run(slow(4)) == ("slow", 4)
# calls: notebook __import__("asyncio").run(slow(5)) == ("slow", 9)
# calls: notebook __import__("asyncio").run(safe(0)) is None
# %%
import asyncio as aio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager as acm, suppress
from functools import partial

import tinyflow_jupyter as tf

logging.getLogger("asyncio").setLevel(logging.WARNING)
log = logging.getLogger("class.feed")
log.addHandler(logging.NullHandler())
# %% a running total, made by a closure
def totals():
    total = 0
    def add(x):
        nonlocal total
        total += x
        return total
    return add

add_up = totals()
# %% async helpers
@acm
async def opened(name):
    log.info("open %s", name)
    try:
        yield {"who": name}
    finally:
        log.info("close %s", name)

async def numbers(n: int, *, step: int = 1) -> AsyncIterator[int]:
    for i in range(0, n * step, step):
        yield i
        await aio.sleep(0)
# %%
await aio.sleep(0)
async for i in numbers(2):
    print(i)
# %%
@tf.component
async def feed(*, count: int = 10) -> AsyncIterator[dict]:
    async with opened("feed") as note:
        async for n in numbers(count, step=STEP):
            yield {"n": n, **note}
# %%
STEP = 2
seen = [n async for n in numbers(3)]
display(seen)
# %%
@tf.component
async def echo(text: str) -> AsyncIterator[str]:
    for letter in text:
        yield letter

@tf.component
async def slow(x: int) -> tuple[str, int]:
    await aio.wait_for(aio.sleep(0), timeout=1)
    return slow.__name__, add_up(x)

@tf.component
async def merged(n: int) -> AsyncIterator[int]:
    left, right = (numbers(n, step=s) for s in (1, TENS))
    async for x in left:
        yield x
        with suppress(StopAsyncIteration):
            yield await anext(right)
            continue

TENS = 10

@tf.component
async def safe(x: float) -> float | None:
    try:
        return 1 / x
    except ZeroDivisionError:
        log.warning("nothing comes of %r", x)
    return None
# %% components are values, too
KINDS = {"feed": partial(feed, count=3), "echo": partial(echo, text="abc"), "merged": lambda: merged(2)}

@tf.component
async def listed(kind: str) -> list:
    return [each async for each in KINDS[kind]()]
# %%
await listed("echo")
