# calls: random draw(1) == 1
# %%
import random
import tinyflow_jupyter as tf
dice = tf.Module("random")

@dice.component
def draw(sides: int) -> int:
    return random.randint(1, sides)
