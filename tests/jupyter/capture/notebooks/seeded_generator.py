# calls: notebook drawn(3) == [int(x) for x in __import__("numpy").random.default_rng(42).integers(0, 100, 3)]
# calls: notebook tossed(0) == __import__("random").Random(7).choice("HT")
# %% random numbers, the same each time
import random

import numpy as np
import tinyflow_jupyter as tf

SEED = 42
rng = np.random.default_rng(seed=SEED)
coin = random.Random(7)
# %%
@tf.component
def drawn(n: int) -> list[int]:
    return [int(x) for x in rng.integers(0, 100, n)]

@tf.component
def tossed(x: int) -> str:
    return coin.choice("HT")
