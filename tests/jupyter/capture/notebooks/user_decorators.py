# calls: notebook twice(2) == 8
# calls: notebook CALLS == ["twice", "other"]
# %%
import functools
import tinyflow_jupyter as tf

CALLS = []

def registered(function):
    CALLS.append(function.__name__)
    return function

def doubled(function):
    @functools.wraps(function)
    def inner(x: int) -> int:
        return 2 * helper(function(x))
    return inner

# %%
@tf.component
@registered
@doubled
def twice(x: int) -> int:
    assert CALLS
    return x

# %%
@registered
def other(x):
    return x

def helper(x):
    return 2 * x
