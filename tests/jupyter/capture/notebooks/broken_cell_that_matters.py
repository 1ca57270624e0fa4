# %%
import tinyflow_jupyter as tf

# %%
def scale(x:
    return x

# %%
@tf.component
def double(x: int) -> int:
    return scale(x)
