# calls: warehouse stock("tea") == "tea: 3 on shelf A [eu]"
# calls: warehouse stock("cocoa") == "cocoa: none on shelf A [eu]"
# calls: till total([("tea", 2), ("cocoa", 1)]) == 6.0
# calls: till receipt(["tea", "tea"]) == "tea ×2"
# calls: notebook both("tea") == ("TEA", 3)
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
from dataclasses import dataclass

import tinyflow_jupyter as tf
from shelves import shelf as shelf_of

warehouse = tf.Module("warehouse", requirements=[])
till = tf.Module("till", requirements=[])
REGION = os.environ.get("TF_TEST_REGION_NOBODY_SETS", "eu")
# %% shared by both
@dataclass
class Item:
    """A thing in the shop; both modules speak of it."""

    name: str
    stock: int
    price: float


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
