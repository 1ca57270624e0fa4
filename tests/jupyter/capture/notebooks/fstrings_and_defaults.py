# calls: notebook shown(3.14159) == "   3.14|[0]|A"
# %%
import tinyflow_jupyter as tf
WIDTH = 7
DIGITS = 2
EMPTY = [0]
LETTERS = "abc"

def upper(text=LETTERS):
    return text[:1].upper()

# %%
@tf.component
def shown(x: float, *, empty: list = EMPTY) -> str:
    return f"{x:{WIDTH}.{DIGITS}f}|{empty!r}|{upper()}"
