# %%
import tinyflow_jupyter as tf

# %%
def another(x:
    return x

# %%
@tf.component
def double(x: int) -> int:
    return scale(x)
