# %%
import tinyflow_jupyter as tf

# %%
@tf.component
def show(x: int) -> int:
    display(x)
    return x
