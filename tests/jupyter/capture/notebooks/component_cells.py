# calls: notebook double(2) == 4
# calls: notebook Echo().ports()[0].name == "in"
# calls: maths half(3.0) == 1.5
# calls: maths third(3.0) == 1.0
# %%
%load_ext tinyflow_jupyter
import tinyflow_jupyter as tf

# %% undecorated
%%component
FACTOR = 2

def helper(x):
    return x * FACTOR

def double(x: int) -> int:
    """Twice."""
    return helper(x)

# %% with a helper of the same name
%%component
import tinyflow_jupyter as tf
def helper(x):
    return -x

class Echo(tf.Component):
    def ports(self):
        return [tf.Port("in", "in", int)]

# %% of a module
%%component maths
"""Halves."""
from tinyflow_jupyter import component

@component(tags=["half"])
def half(x: float) -> float:
    return x / 2

# %% of a module, undecorated
%%component maths
def third(x: float) -> float:
    return x / 3
