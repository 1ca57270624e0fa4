# calls: notebook triple(2) == 6
# calls: notebook shout("a") == "A!"
# %%
import functools
import tinyflow_jupyter as tf

MARK = "!"

def times(n):
    def wrapped(function):
        @functools.wraps(function)
        def inner(x: int) -> int:
            return function(x) * n
        return inner
    return wrapped

# %%
@tf.component
@times(3)
def triple(x: int) -> int:
    return x

# %%
def make(mark):
    @tf.component
    def shout(text: str) -> str:
        return text.upper() + mark
    return shout

shout = make(MARK)
