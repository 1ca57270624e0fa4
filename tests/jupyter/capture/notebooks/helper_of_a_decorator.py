# calls: notebook show(1) == "new 1"
# %%
import functools
import tinyflow_jupyter as tf

def shown(x):
    return f"old {x}"

def logged(function):
    @functools.wraps(function)
    def inner(x: int) -> str:
        return shown(function(x))
    return inner

# %%
@tf.component
@logged
def show(x: int) -> str:
    return x

# %%
def shown(x):
    return f"new {x}"
