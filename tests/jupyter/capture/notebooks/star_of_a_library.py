# %%
from numpy import *
import tinyflow_jupyter as tf

# %%
@tf.component
def hypotenuse(x: float) -> float:
    return sqrt(x * x + 1)
