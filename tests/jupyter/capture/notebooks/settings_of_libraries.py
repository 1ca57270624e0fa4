# calls: notebook picked(0) == __import__("random").Random(3).choice("abc")
# calls: notebook depth(0) == 4321
# calls: notebook kept(0) == "eu"
# calls: notebook added([1]) == 2
# %% what is set in a library goes along where a component uses it
import os
import sys
from random import choice, seed

import numpy as np
import pandas as pd
import tinyflow_jupyter as tf

seed(3)
np.random.seed(5)
pd.set_option("display.width", 60)
sys.setrecursionlimit(4321)
sys.path.append("..")
os.environ["TF_TEST_REGION_OF_A_CELL"] = "eu"
os.environ["TF_TEST_KEY_OF_A_CELL"] = input if os.name == "nt" else str(os.getpid())
# %% nobody reads it: it does not go along, nor does the model
model = open(os.devnull)
pd.DataFrame.forecast = model.read
pd.DataFrame.first_of_all = lambda self: self.iloc[0, 0]
# %%
@tf.component
def picked(x: int) -> str:
    return choice("abc")

@tf.component
def depth(x: int) -> int:
    return sys.getrecursionlimit()

@tf.component
def kept(x: int) -> str:
    return os.environ["TF_TEST_REGION_OF_A_CELL"]

@tf.component
def added(numbers: list[int]) -> int:
    return int(pd.DataFrame({"n": numbers}).first_of_all()) + 1
# %%
model.close()
