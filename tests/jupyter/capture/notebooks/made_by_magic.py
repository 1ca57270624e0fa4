# %%
import tinyflow_jupyter as tf
files = !echo a b

# %%
@tf.component
def first(x: int) -> str:
    return files[0]
