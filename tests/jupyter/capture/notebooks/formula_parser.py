# calls: notebook calculate("2*(3+4)-1") == 13.0
# calls: notebook calculate("9~2") == 81.0
# calls: notebook calculate("2+(") == "TypeError"
# calls: notebook times(5) == {"x2": 10, "x3": 15, "x4": 20}
# calls: notebook evenness([0, 3, 8]) == [True, False, True]
# calls: notebook classify({"kind": "circle", "r": 2}) == "round 2"
# calls: notebook classify([1, 2, 3]) == "starts with 1, 2 more"
# calls: notebook longest(["a", "bbb", "cc"]) == ("bbb", [3, 2])
# %%
import operator as op
import re
from functools import partial, reduce as fold
from typing import Any

import tinyflow_jupyter as tf
# %% the signs; power came in later
SIGNS = {"+": op.add, "-": op.sub, "*": lambda a, b: a * b}
TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\s\d]")
# %% grammar: the functions call each other
def expression(tokens):
    left = term(tokens)
    while tokens and tokens[0] in "+-":
        sign = tokens.pop(0)
        left = SIGNS[sign](left, term(tokens))
    return left

def term(tokens):
    left = factor(tokens)
    while tokens and tokens[0] in SIGNS and tokens[0] not in "+-":
        sign = tokens.pop(0)
        left = SIGNS[sign](left, factor(tokens))
    return left

def factor(tokens):
    match tokens:
        case ["(", *_]:
            tokens.pop(0)
            inside = expression(tokens)
            tokens.pop(0)
            return inside
        case [number, *_]:
            return float(tokens.pop(0))
        case _:
            raise TypeError("nothing left")
# %%
SIGNS["~"] = pow
# %%
@tf.component
def calculate(formula: str) -> Any:
    try:
        return expression(TOKEN.findall(formula))
    except TypeError as problem:
        return type(problem).__name__
# %% functions made in a loop
TABLE = {}
for factor_ in (2, 3, 4):
    def times_table(x, by=factor_):
        return x * by
    TABLE[f"x{factor_}"] = times_table
del times_table, factor_

@tf.component
def times(x: int) -> dict[str, int]:
    return {name: function(x) for name, function in TABLE.items()}
# %% as far apart as can be
def even(n):
    return n == 0 or odd(n - 1)
# %%
@tf.component
def evenness(numbers: list[int]) -> list[bool]:
    return list(map(even, numbers))
# %%
def odd(n):
    return n != 0 and even(n - 1)
# %% match on shapes
@tf.component
def classify(thing: Any) -> str:
    match thing:
        case {"kind": "circle", "r": r}:
            return f"round {r}"
        case [first, *rest]:
            return f"starts with {first}, {len(rest)} more"
        case _:
            return "?"
# %% a walrus in a comprehension, and a fold
@tf.component
def longest(words: list[str]) -> tuple[str, list[int]]:
    sizes = [size for word in words if (size := len(word)) > LEAST]
    return fold(longer, words), sizes

longer = partial(max, key=len)
if (LEAST := 1) > 0:
    print("words of one letter do not count")
