# %%
import tinyflow_jupyter as tf
threshold = 3

# %%
@tf.component
def above(x: int) -> bool:
    return x > treshold
