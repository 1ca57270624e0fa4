# %%
import asyncio
import tinyflow_jupyter as tf

async def load():
    return 3

limit = await load()

# %%
@tf.component
def above(x: int) -> bool:
    return x > limit
