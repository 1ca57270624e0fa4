# calls: notebook double(21) == 42
# %%
import tinyflow_jupyter as tf
import math, json, os

# %%
@tf.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x
