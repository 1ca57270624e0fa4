# calls: notebook depth([[1], [[2]]]) == 3
# calls: notebook even(4) is True
# %%
import tinyflow_jupyter as tf
from functools import lru_cache

# %%
@tf.component
def depth(x: list) -> int:
    return 1 + max([depth(y) for y in x if isinstance(y, list)], default=0)

@lru_cache(maxsize=None)
def odd(n):
    return n != 0 and even(n - 1)

@tf.component
def even(n: int) -> bool:
    return n == 0 or odd(n - 1)
