# %%
import tinyflow_jupyter as tf
numbers = (n * n for n in range(10))

# %%
@tf.component
def following(x: int) -> int:
    return next(numbers)
