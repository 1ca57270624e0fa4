# calls: notebook zscores([1.0, 3.0]) == [-1.0, 1.0]
# calls: notebook temperatures({"c": 100.0}) == {"f": 212.0, "k": 373.15}
# calls: notebook dumped({"at": __import__("datetime").date(2024, 1, 2)}) == '{"at": "2024-01-02"}'
# calls: notebook greeted("Ada") == "<b>Hello Ada</b>"
# calls: notebook stepped(1) == [1, 11, 22]
# calls: notebook old_and_new(10) == (11, 20)
# calls: notebook Route("x").path == "/v2/x" and routed("x") == "/v2/x"
# %%
import functools as ft
import json
from datetime import date

import pandas as pd
import tinyflow_jupyter as tf
# %% a method of our own on their class
def zscore(self):
    return (self - self.mean()) / self.std(ddof=0)

pd.Series.zscore = zscore
# %%
@tf.component
def zscores(values: list[float]) -> list[float]:
    return pd.Series(values).zscore().tolist()
# %% factories of functions
def converter(slope, offset, digits=2):
    def convert(x):
        return round(x * slope + offset, digits)
    return convert

to_fahrenheit = converter(9 / 5, 32)
to_kelvin = converter(1, 273.15)
CONVERT = {"f": to_fahrenheit, "k": to_kelvin}

@tf.component
def temperatures(raw: dict[str, float]) -> dict[str, float]:
    return {unit: convert(raw["c"]) for unit, convert in CONVERT.items()}
# %% an encoder that learns a type later
class Encoder(json.JSONEncoder):
    known = {}

    def default(self, o):
        if (way := self.known.get(type(o))) is not None:
            return way(o)
        return super().default(o)

dumps = ft.partial(json.dumps, cls=Encoder)
# %%
Encoder.known[date] = date.isoformat

@tf.component
def dumped(thing: dict) -> str:
    return dumps(thing)
# %% decorators, stacked, from a factory, one applied by hand
def tagged(tag):
    def around(function):
        @ft.wraps(function)
        def inner(*args, **kwargs):
            return f"<{tag}>{function(*args, **kwargs)}</{tag}>"
        return inner
    return around

def greeting(name):
    return f"Hello {name}"
# %%
greeting = tagged("b")(greeting)

@tf.component
def greeted(name: str) -> str:
    return greeting(name)
# %% default arguments of a loop's functions, collected in a list
STEPS = []
for add, by in [(0, 1), (10, 1), (0, 2)]:
    STEPS.append(lambda x, *, add=add, by=by: (x + add) * by)

@tf.component
def stepped(x: int) -> list[int]:
    seen = [x]
    for step in STEPS[1:]:
        seen.append(step(seen[-1]))
    return seen
# %% the old one is kept, then it is written anew
def change(x):
    return x + 1

change_before = change
# %%
def change(x):
    return x * 2

@tf.component
def old_and_new(x: int) -> tuple[int, int]:
    return change_before(x), change(x)
# %% a class attribute and a method set from outside
class Route:
    prefix = "/v1"

    def __init__(self, name):
        self.name = name

    path = property(lambda self: f"{self.prefix}/{self.name}")
# %%
Route.prefix = "/v2"
setattr(Route, "shown", lambda self: self.path)

@tf.component
def routed(name: str) -> str:
    return Route(name).shown()
