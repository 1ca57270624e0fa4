# %%
import tinyflow_jupyter as tf
import sqlite3

base = sqlite3.connect(":memory:")

# %%
def make(connection):
    @tf.component
    def ask(x: int) -> int:
        return connection.execute("select ?", [x]).fetchone()[0]
    return ask

ask = make(base)
