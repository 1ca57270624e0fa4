# calls: notebook grade(Answer("Ada", 41)) == "Ada: passed with 44 (+5)"
# calls: notebook grade(Answer("Bob", 20), bonus=0) == "Bob: failed with 20 (+5)"
# calls: notebook weigh([1, 2, 3]) == 2.0
# %% [markdown]
# Grading, autumn term. The rules were changed twice while the class was running.
# %% imports
import math
from statistics import fmean as average
from typing import NamedTuple

import tinyflow_jupyter as tf
# %% the rules of the first week
PASS, TOP = 50, 100
BONUS = 2
WEIGHTS = {"exam": 0.5, "lab": 0.5}
# %%
def rounded(x, step=BONUS):
    """To the nearest step; the step is what the bonus was when this cell ran."""
    return step * round(x / step)
# %%
class Answer(NamedTuple):
    name: str
    points: float
# %% the component uses a function that comes two cells later
@tf.component
def grade(answer: Answer, *, bonus: int = BONUS) -> str:
    points = min(TOP, rounded(answer.points + bonus))
    return f"{answer.name}: {label(points)} (+{BONUS})"


@tf.component
def weigh(points: list[float]) -> float:
    return average(points) * sum(WEIGHTS.values())
# %% the class complained
BONUS = 5
PASS -= 10
# %%
def label(points):
    return "pass" if points >= PASS else "fail"
# %% try
grade(Answer("Eve", 50))
# %% the head of the school wants whole words
def label(points):
    word = "passed" if points >= PASS else "failed"
    return f"{word} with {points}"
