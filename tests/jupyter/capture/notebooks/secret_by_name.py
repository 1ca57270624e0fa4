# %%
import tinyflow_jupyter as tf
DB_PASSWORD = "hunter2isBetter9"

# %%
@tf.component
def login(x: str) -> bool:
    return x == DB_PASSWORD
