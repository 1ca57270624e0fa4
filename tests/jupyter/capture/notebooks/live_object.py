# %%
import threading
import tinyflow_jupyter as tf

# %%
def locked(x):
    with lock:
        return x

# %%
lock = threading.Lock()

# %%
@tf.component
def careful(x: int) -> int:
    return locked(x)
