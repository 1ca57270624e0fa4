# %%
import pandas as pd
import tinyflow_jupyter as tf

# %%
frame = pd.DataFrame({"a": [1, 2]})

# %%
@tf.component
def lookup(x: int) -> int:
    return int(frame["a"][x])
