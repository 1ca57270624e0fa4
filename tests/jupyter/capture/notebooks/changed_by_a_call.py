# %%
import random
import tinyflow_jupyter as tf
weights = [1.0, 2.0]
weights.append(random.random())

# %%
@tf.component
def weigh(x: float) -> float:
    return sum(weights) * x
