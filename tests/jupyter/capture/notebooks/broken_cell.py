# calls: notebook double(2) == 4
# %%
import tinyflow_jupyter as tf

# %%
this is no python at all

# %%
@tf.component
def double(x: int) -> int:
    return 2 * x
