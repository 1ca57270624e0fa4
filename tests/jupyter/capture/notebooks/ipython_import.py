# %%
import tinyflow_jupyter as tf
from IPython.display import HTML

# %%
@tf.component
def shown(x: str) -> str:
    return HTML(x).data
