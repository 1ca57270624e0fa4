# calls: notebook mixed(3) == (3, 7, [0, 2, 4], "max")
# %%
import tinyflow_jupyter as tf

# %%
limit = 99
rows = object()
lock = open

def max(a, b):
    return "max"

# %%
@tf.component
def mixed(limit: int) -> tuple:
    rows = [n * 2 for n in range(3)]
    lock = lambda rows: rows + 4
    for index, value in enumerate(rows):
        pass
    return limit, lock(3), rows, max(1, 2)
