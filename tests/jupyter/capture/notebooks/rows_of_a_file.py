# %% file prices.csv
item,price
tea,2.5
# %% the table of prices is read at the top
import csv

import tinyflow_jupyter as tf

with open("prices.csv", newline="") as file:
    PRICES = {row["item"]: float(row["price"]) for row in csv.DictReader(file)}
# %%
@tf.component
def price(item: str) -> float:
    return PRICES[item]
