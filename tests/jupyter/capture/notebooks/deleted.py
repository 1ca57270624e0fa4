# %%
import tinyflow_jupyter as tf
unit = 3

# %%
@tf.component
def scale(x: int) -> int:
    return x * unit

# %%
del unit
