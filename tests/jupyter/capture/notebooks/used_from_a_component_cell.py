# calls: notebook both(2) == 5
# %%
%load_ext tinyflow_jupyter
import tinyflow_jupyter as tf

# %%
%%component
def double(x: int) -> int:
    return 2 * x

# %%
@tf.component
def both(x: int) -> int:
    return double(x) + 1
