# calls: notebook scored(2.0) == 21.0
# calls: shared cubed(2.0) == 8.0
# %% file scoring.py
"""Scores."""
from lib.scale import by_ten

def score(x):
    return by_ten(x) + 1

# %% file lib/__init__.py
# %% file lib/scale.py
TEN = 10

def by_ten(x):
    return TEN * x

# %% file shared.py
import tinyflow_jupyter as tf

shared = tf.Module("shared")

@shared.component
def cubed(x: float) -> float:
    return x ** 3

# %%
import tinyflow_jupyter as tf
from scoring import score
import lib.scale
from shared import cubed

# %%
@tf.component
def scored(x: float) -> float:
    return score(x) if lib.scale.TEN == 10 else 0.0
