# calls: notebook kept(1) == 7
# %%
import tinyflow_jupyter as tf; ONE = 1; TWO = 2  # two of them
# about three
THREE = (
    3  # three
)
"""A text that is nobody's."""

# not about kept

# about kept
@tf.component  # the decorator

# between
def kept(x: int) -> int:
    # inside

    return ONE + TWO + THREE + x  # last
# after
