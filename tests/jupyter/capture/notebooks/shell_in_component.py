# %%
import tinyflow_jupyter as tf

# %%
@tf.component
def listing(path: str) -> list:
    files = !ls {path}
    return list(files)
