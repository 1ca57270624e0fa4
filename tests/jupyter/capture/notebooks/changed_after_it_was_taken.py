# calls: notebook ask("a") == "1 a"
# calls: notebook ask("later") == "2 later"
# calls: notebook limit(0) == 9
# calls: notebook kinds("x") == ["Csv", "Json"]
# calls: notebook many(0) == 2
# %% what a default, a partial and a base class hold is changed in later cells
from functools import partial

import tinyflow_jupyter as tf

ANSWERS = {"a": 1}
ROWS = [1, 2]
N = len(ROWS)

def look(table, key):
    return f"{table[key]} {key}"

answer = partial(look, ANSWERS)

class Base:
    limit = 1

class Sub(Base):
    pass
# %%
class Known(type):
    all = []

    def __init__(cls, name, bases, body):
        super().__init__(name, bases, body)
        if bases:
            Known.all.append(name)

class Format(metaclass=Known):
    pass
# %% the components
@tf.component
def ask(key: str) -> str:
    return answer(key)

@tf.component
def limit(x: int) -> int:
    return Sub.limit

@tf.component
def kinds(x: str) -> list[str]:
    return sorted(Format.all)

@tf.component
def many(x: int) -> int:
    return N
# %%
ANSWERS["later"] = 2
ROWS.append(input)
setattr(Base, "limit", 9)
# %%
class Csv(Format):
    pass

class Json(Csv):
    pass
