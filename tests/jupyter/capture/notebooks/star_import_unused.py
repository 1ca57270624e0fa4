# calls: notebook same(1) == 1
# %%
from math import *
import tinyflow_jupyter as tf

# %%
@tf.component
def same(x: float) -> float:
    return x
