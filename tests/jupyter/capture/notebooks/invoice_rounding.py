# calls: notebook invoice([{"item": "tea", "price": "3.333333", "on": "2024-02-29"}]) == "1 item: 3.97 EUR (standard), due 2024-03-14"
# calls: notebook invoice([{"item": "book", "price": "10", "on": "2024-12-24"}, {"item": "pen", "price": "1.005", "on": "2024-12-27"}]) == "2 items: 13.10 EUR (standard), due 2025-01-10"
# calls: notebook opening("2024-07-01") == "2024-07-01T09:00:00+02:00"
# calls: notebook colours(Colour.RED) == Colour.RED | Colour.BLUE
# %% money is Decimal
import datetime as dt
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal as D
from enum import Enum, Flag, auto
from typing import TypedDict
from zoneinfo import ZoneInfo

import tinyflow_jupyter as tf

# %% rates of this year; the ministry changed them in July
VAT = D("0.19")
CENT = D("0.01")
DUE = timedelta(days=14)
BERLIN = ZoneInfo("Europe/Berlin")
OPENS = dt.time(9, 0, tzinfo=BERLIN)
HOLIDAYS = frozenset({dt.date(2024, 12, 25), dt.date(2024, 12, 26)})


class Rate(Enum):
    STANDARD = VAT
    REDUCED = D("0.07")

    @property
    def label(self) -> str:
        return self.name.lower()
# %%
class Colour(Flag):
    RED = auto()
    BLUE = auto()


class Line(TypedDict):
    item: str
    price: str
    on: str
# %%
def no_lines() -> list["Position"]:
    return []

@dataclass
class Invoice:
    rate: Rate = Rate.STANDARD
    positions: list["Position"] = field(default_factory=no_lines)

    @property
    def total(self):
        net = sum((p.net for p in self.positions), start=D())
        return (net * (1 + self.rate.value)).quantize(CENT, rounding=ROUND_HALF_UP)

    def __str__(self):
        n = len(self.positions)
        return f"{n} item{'' if n == 1 else 's'}: {self.total:.2f} {CURRENCY} ({self.rate.label}), due {self.due:%Y-%m-%d}"
# %% added next morning
@dataclass(frozen=True, order=True)
class Position:
    on: dt.date
    net: D

def due(self):
    return max(p.on for p in self.positions) + DUE

Invoice.due = property(due)
CURRENCY = "EUR"
# %% the rate has moved, the enum was made before
VAT = D("0.16")
# %%
@tf.component
def invoice(lines: list[Line]) -> str:
    positions = [Position(dt.date.fromisoformat(line["on"]), +D(line["price"])) for line in lines]
    return str(Invoice(positions=[p for p in positions if p.on not in HOLIDAYS]))

@tf.component
def opening(day: str) -> str:
    return dt.datetime.combine(dt.date.fromisoformat(day), OPENS).isoformat()

@tf.component
def colours(colour: Colour) -> Colour:
    return colour | Colour.BLUE
