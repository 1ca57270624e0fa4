# %% the name is put together
import tinyflow_jupyter as tf

RATE_EUR, RATE_USD = 1.0, 2.0
# %%
@tf.component
def rate(currency: str) -> float:
    return globals()[f"RATE_{currency.upper()}"]
