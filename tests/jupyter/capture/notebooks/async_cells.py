# calls: notebook asyncio.run(later(2)) == 4
# %%
import asyncio
import tinyflow_jupyter as tf

async def doubled(x):
    await asyncio.sleep(0)
    return 2 * x

# %%
print(await doubled(4))
async with asyncio.timeout(1):
    seen = await doubled(1)

# %%
@tf.component
async def later(x: int) -> int:
    return await doubled(x)
