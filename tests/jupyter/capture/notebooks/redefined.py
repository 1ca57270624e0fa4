# calls: notebook total(2) == 220
# calls: notebook label(1) == "old 1"
# %%
import tinyflow_jupyter as tf

# %%
FACTOR = 10
PREFIX = "old"

def scale(x):
    return x * FACTOR

# %%
@tf.component
def label(x: int, *, prefix: str = PREFIX) -> str:
    return f"{prefix} {x}"

@tf.component
def total(x: int) -> int:
    return 1

# %% The names mean something else from here on.
FACTOR = 100
PREFIX = "new"

def scale(x):
    return x * FACTOR + EXTRA

EXTRA = 20

# %%
@tf.component
def total(x: int) -> int:
    return scale(x)
