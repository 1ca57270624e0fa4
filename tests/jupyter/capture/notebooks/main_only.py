# %%
import tinyflow_jupyter as tf
if __name__ == "__main__":
    LIMIT = 3

# %%
@tf.component
def below(x: int) -> bool:
    return x < LIMIT
