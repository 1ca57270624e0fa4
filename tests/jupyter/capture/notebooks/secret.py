# %%
import tinyflow_jupyter as tf
KEY = "AKIA" + "x"
key = "AKIAIOSFODNN7EXAMPLE"

# %%
@tf.component
def fetch(x: str) -> str:
    return key + x
