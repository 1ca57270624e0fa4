# kernel: {
# %%
import tinyflow_jupyter as tf
modules = {"a": tf.Module("a")}

# %%
@modules["a"].component
def plus(x: int) -> int:
    return x + 1

@tf.component
def minus(x: int) -> int:
    return x - 1
