# calls: notebook hypotenuse(0) == 1
# calls: notebook hypotenuse(3) == sqrt(10)
# calls: notebook power(2) == 8.0
# %%
from cmath import *
from math import *
import tinyflow_jupyter as tf

# %%
@tf.component
def hypotenuse(x: float) -> float:
    return sqrt(x * x + 1)

# %% pow is that of math, not the builtin
@tf.component
def power(x: float) -> float:
    return pow(x, 3)
