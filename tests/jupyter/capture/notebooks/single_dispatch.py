# calls: notebook described(3) == "a number"
# calls: notebook described("x") == "something"
# %%
import functools
import tinyflow_jupyter as tf

@functools.singledispatch
def kind(x):
    return "something"

# %%
@kind.register
def _(x: int):
    return "a number"

# %%
@tf.component
def described(x: object) -> str:
    return kind(x)
