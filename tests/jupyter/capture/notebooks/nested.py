# calls: notebook outer(3) == [3, 13, 23, 33]
# calls: notebook sorted_words("b a") == ["a", "b"]
# %%
import tinyflow_jupyter as tf
from operator import itemgetter as by

STEP = 10
pick = lambda row: by(0)(row)
key = lambda word: word

# %%
@tf.component
def outer(x: int) -> list:
    def inner(n, *, step=STEP):
        nonlocal total
        total = [*total, x + n * step]
        class Local:
            width = STEP
        return Local.width
    total = [x]
    while (n := len(total)) <= 3:
        inner(n)
    return total

# %%
@tf.component
def sorted_words(text: str) -> list:
    rows = [(word,) for word in text.split()]
    return sorted([pick(row) for row in rows], key=lambda word: key(word))
