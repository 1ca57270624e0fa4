# calls: notebook where("x").endswith("x")
# %%
import os
import tinyflow_jupyter as tf
HOME = os.environ.get("HOME", "")
PATH = os.environ["PATH"]

# %%
@tf.component
def where(x: str) -> str:
    return HOME + PATH + x
