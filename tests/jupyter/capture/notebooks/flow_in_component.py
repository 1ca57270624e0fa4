# %%
import tinyflow_jupyter as tf

# %%
flow = tf.Flow("numbers")

@tf.component
def forward(x: int) -> None:
    flow.send("next:in", x)
