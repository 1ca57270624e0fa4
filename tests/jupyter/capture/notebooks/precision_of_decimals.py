# calls: notebook third("10") == "3.33333"
# %%
import decimal

import tinyflow_jupyter as tf

decimal.getcontext().prec = 6
# %%
@tf.component
def third(amount: str) -> str:
    return str(decimal.Decimal(amount) / 3)
