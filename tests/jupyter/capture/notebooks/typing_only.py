# calls: notebook first(["a", "b"]) == "a"
# calls: notebook longest({"a": [1.0], "b": [1.0, 2.0]}) == "b"
# calls: notebook sizes([(1, 2), (3, 4)]) == 14
# calls: notebook named(User(7)) == "user 7"
# calls: notebook cheapest([Fruit("fig", 2), Fruit("kiwi", 1)]) == "kiwi"
# %%
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, NewType, Protocol, TypeVar

import tinyflow_jupyter as tf

if TYPE_CHECKING:
    import pandas as pd
    from collections.abc import Iterable, Sequence
# %% aliases and generics
T = TypeVar("T")
K = TypeVar("K", bound="HasCost")
Samples = dict[str, list[float]]
Pair = tuple[int, int]
User = NewType("User", int)


class HasCost(Protocol):
    cost: int
# %%
class Box(Generic[T]):
    def __init__(self, items: Sequence[T]) -> None:
        self._items: list[T] = list(items)

    @property
    def first(self) -> T:
        return self._items[0]

    def each(self) -> Iterable[T]:
        yield from self._items
# %%
def least(things: Iterable[K]) -> K:
    best: K | None = None
    for thing in things:
        if best is None or thing.cost < best.cost:
            best = thing
    assert best is not None
    return best

def as_frame(samples: Samples) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(samples)
# %%
@dataclass
class Fruit:
    name: str
    cost: int
# %%
@tf.component
def first(words: list[str]) -> str:
    box: Box[str] = Box(words)
    return box.first

@tf.component
def longest(samples: Samples) -> str:
    return max(samples, key=lambda name: len(samples[name]))

@tf.component
def sizes(pairs: list[Pair]) -> int:
    return sum(a * b for a, b in Box[Pair](pairs).each())

@tf.component
def named(user: User) -> str:
    return f"user {user}"

@tf.component
def cheapest(fruits: list[Fruit]) -> str:
    return least(fruits).name
