# calls: notebook summary([{"x": 1.0}, {"x": 3.0}]) == {"mean": 2.0, "rows": 2}
# calls: notebook total([1, 2, 3]) == 6
# calls: notebook scored({"model": "linear", "x": 3}) == "linear 6"
# calls: notebook squares(3) == [0, 1, 4]
# calls: notebook kept("abc") == ["c", "b", "a"]
# calls: notebook caught("x") == "ValueError x"
# calls: notebook typed(3) == "int"
# %% the usual exploration first
import pandas as pd
import tinyflow_jupyter as tf

df = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
model = df.groupby("x")
f = open(__import__("os").devnull)
f.close()
client = object()
e = iter([1, 2])
# %% a component that has a df of its own
@tf.component
def summary(rows: list[dict]) -> dict:
    df = pd.DataFrame(rows)
    client: int
    return dict(mean=float(df["x"].mean()), rows=len(df))
# %% beginners shadow builtins, and some come back
list_ = list
list = [1, 2, 3]
sum = 0
for x in list:
    sum += x
del sum
# %%
@tf.component
def total(numbers: "list_[int]") -> int:
    return sum(numbers)
# %% the names of live things as keys, attributes, keywords, parameters
class Settings:
    model = "unused"

    def __init__(self, *, model, f=None):
        self.model = model
        self.f = f

def score(model, x, /, f=lambda e: e * 2):
    return f"{model} {f(x)}"

@tf.component
def scored(asked: dict) -> str:
    settings = Settings(model=asked["model"])
    return score(settings.model, asked["x"])
# %%
@tf.component
def squares(n: int) -> "list_[int]":
    return [df * df for df in range(n)]
# %% a name that is a builtin's again in the component's eyes
def reversed(things):
    return [*things][::-1]

@tf.component
def kept(text: str) -> "list_[str]":
    return reversed(text)
# %%
@tf.component
def caught(text: str) -> str:
    try:
        with open(__import__("os").devnull) as f:
            return str(int(f.read() or text))
    except ValueError as e:
        return f"{type(e).__name__} {text}"
# %%
def type_name(thing):
    import pandas as client

    def inner(model):
        return type(model).__name__
    return inner(thing) if client else ""

@tf.component
def typed(thing: int) -> str:
    return type_name(thing)
# %% tidy up
del df, f
