# %% the second draw hangs on the first
import numpy as np
import tinyflow_jupyter as tf

rng = np.random.default_rng(42)
first = rng.normal(size=3)
# %%
second = rng.normal(size=3)

@tf.component
def shifted(x: float) -> float:
    return x + float(second[0])
