# calls: maths scored(3.0) == 10.5
# calls: maths scored(0.0) == 1.5
# %%
import math
import tinyflow_jupyter as tf
from statistics import mean, median

# %%
OFFSET = 1.5  # from the paper

# %%
def shifted(x):
    return x + OFFSET

# %%
maths = tf.Module("maths")

# %%
# Square, then shift.
#
# Twice, in fact.
@maths.component
def scored(x: float) -> float:
    return squared(x)

# %%
def squared(x):
    return shifted(math.fabs(x) ** 2)

# %%
def never_used():
    return median([1])
