# calls: notebook pair(0) == (2, 1, 6)
# %%
import tinyflow_jupyter as tf
a, b = 1, 2
a, b = b, a
total = 0
for n in range(4):
    total += n

# %%
@tf.component
def pair(x: int) -> tuple:
    return a, b, total
