# calls: maths root(9.0) == 3.0
# calls: text-tools lower("A") == "a"
# calls: notebook both(9.0) == 3.0
# %%
import math
import tinyflow_jupyter as tf
maths = tf.Module("maths")
text = tf.Module("text-tools")

# %%
@maths.component
def root(x: float) -> float:
    return math.sqrt(x)

@text.component(tags=["text"])
def lower(x: str) -> str:
    return x.lower()

# %%
@tf.component
def both(x: float) -> float:
    return root(x)
