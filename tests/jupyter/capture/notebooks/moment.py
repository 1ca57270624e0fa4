# %%
import time
import tinyflow_jupyter as tf
STARTED = time.time()

# %%
@tf.component
def age(x: float) -> float:
    return x - STARTED
