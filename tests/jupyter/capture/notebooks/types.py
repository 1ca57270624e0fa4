# calls: notebook area(Box(2, Unit.CM, {"by": "me"})).square == 4
# %%
from __future__ import annotations
import enum
from dataclasses import dataclass, field
from typing import Annotated, NewType, TypedDict, TYPE_CHECKING
from msgspec import Meta
import tinyflow_jupyter as tf

if TYPE_CHECKING:
    import decimal

# %%
class Unit(enum.Enum):
    CM = "cm"
    MM = "mm"

class Tag(TypedDict, total=False):
    by: str

Side = Annotated[int, Meta(ge=0)]
Name = NewType("Name", str)

# %%
@dataclass
class Box:
    side: Side
    unit: "Unit" = Unit.CM
    tag: Tag = field(default_factory=dict)
    names: list[Name] = field(default_factory=list)

@dataclass
class Area:
    square: int
    inner: Area | None = None

# %%
@tf.component
def area(box: "Box") -> Area:
    found: Measured = Measured(box.side)
    return Area(found.value ** 2)

# %%
class Measured:
    def __init__(self, value):
        self.value = value
