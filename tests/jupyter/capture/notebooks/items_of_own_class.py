# kernel: TF-111 both (by look_up) uses 'CATALOGUE', a live object (dict) made in cell 3, line 1: Item('tea', 3, 2.5).
# %% file shelves.py
"""The shop's shelves, also used by the warehouse's own programs."""
from shelf_names import NAMES as names


def shelf(item):
    return names.get(item[0], "A")
# %% file shelf_names.py
NAMES = {"z": "Z"}
# %%
import os
from collections import Counter as Bag

import tinyflow_jupyter as tf
from shelves import shelf as shelf_of

warehouse = tf.Module("warehouse", requirements=[])
till = tf.Module("till", requirements=[])
REGION = os.environ.get("TF_TEST_REGION_NOBODY_SETS", "eu")
# %% shared by both
class Item:
    """A thing in the shop; both modules speak of it."""

    known = {}

    def __init__(self, name, stock, price):
        self.name, self.stock, self.price = name, stock, price
        self.known[name] = self

    def __repr__(self):
        return f"Item({self.name!r})"


def look_up(name):
    return CATALOGUE.get(name) or Item(name, 0, 0.0)
# %%
CATALOGUE = {item.name: item for item in [Item("tea", 3, 2.5), Item("coffee", 0, 4.0)]}
# %%
@warehouse.component
def stock(name: str) -> str:
    item = look_up(name)
    return f"{item.name}: {item.stock or 'none'} on shelf {shelf_of(name)} [{REGION}]"
# %%
FEE = 1.0

@till.component
def total(basket: list[tuple[str, int]]) -> float:
    return sum(look_up(name).price * n for name, n in basket) + FEE

@till.component
def receipt(names: list[str]) -> str:
    return ", ".join(f"{name} ×{n}" for name, n in Bag(map(clean, names)).items())
# %%
def clean(name):
    return name.strip().lower()

@tf.component
def both(name: str) -> tuple[str, int]:
    return clean(name).upper(), look_up(name).stock
