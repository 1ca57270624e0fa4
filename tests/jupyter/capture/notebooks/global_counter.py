# calls: notebook (count_up(1), count_up(1)) == (1, 2)
# calls: notebook remember(5) == [5]
# %%
import tinyflow_jupyter as tf
count = 0
_seen = []

# %%
@tf.component
def count_up(x: int) -> int:
    global count
    count += 1
    return count

# %%
@tf.component
def remember(x: int) -> list:
    _seen.append(x)
    return _seen

# %%
count_up(1), count_up(2), remember(3)
