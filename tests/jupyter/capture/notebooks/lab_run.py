# calls: notebook throw(3) == [int(__import__("random").Random(7).random() * 6) + 1] + THROWS_LEFT
# calls: notebook noise(2) == [round(float(x), 6) for x in __import__("numpy").random.RandomState(42).rand(2)]
# calls: notebook fibonacci(50) == 12586269025
# calls: notebook measured("abc") == {"label": "len", "result": 3, "failed": False}
# calls: notebook measured("") == {"label": "len", "result": None, "failed": True}
# %% set up, as at the top of every notebook of this lab
!pip --version > /dev/null
%matplotlib --list
import random, time
import warnings
from contextlib import contextmanager
from functools import lru_cache
from time import perf_counter as clock

import numpy as np
import tinyflow_jupyter as tf

warnings.filterwarnings("ignore", category=DeprecationWarning)
# %% always the same dice
SEED = 42
random.seed(7)
np.random.seed(SEED)
THROWS_LEFT = []
# %%
@tf.component
def throw(n: int) -> list[int]:
    return [random_face() for _ in range(n - 2)] + THROWS_LEFT
# %%
def random_face():
    return int(random.random() * 6) + 1
# %%
@tf.component
def noise(n: int) -> list[float]:
    return [round(float(x), 6) for x in np.random.rand(n)]
# %% timing cells
%%time
@lru_cache(maxsize=None)
def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)

fib(80)
# %%
%%time
@tf.component
def fibonacci(n: int) -> int:
    return fib(n)
# %% how long it takes, and what went wrong
LAST = {}

@contextmanager
def stopwatch(label):
    began = clock()
    note = {"label": label, "result": None, "failed": False}
    try:
        yield note
    except ZeroDivisionError:
        note["failed"] = True
    finally:
        LAST[label] = clock() - began
# %%
@tf.component
def measured(text: str) -> dict:
    with stopwatch("len") as note:
        1 / len(text)
        note["result"] = len(text)
    return note
# %% look
display(measured("abc"), fibonacci(10))
%timeit -n 1 -r 1 fib(20)
list(LAST)
