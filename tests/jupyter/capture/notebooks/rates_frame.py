# %% exchange rates
import io

import pandas as pd
import tinyflow_jupyter as tf

TEXT = """\
code,rate
USD,1.08
CHF,0.95
"""
# %%
rates = (
    pd.read_csv(io.StringIO(TEXT))
    .assign(rate=lambda d: d.rate.round(2))
    .set_index("code")
)
rates.head()
# %%
MARGIN = 0.01

def rate(code):
    return rates.loc[code, "rate"] * (1 + MARGIN)
# %%
def converted(amount, code):
    return amount * rate(code)
# %%
@tf.component
def to_foreign(amount: float, *, code: str = "USD") -> float:
    """What it is worth abroad."""
    return round(converted(amount, code), 2)
# %%
to_foreign(100.0)
