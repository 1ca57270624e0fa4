# calls: notebook total([Point(1, 2), Point(3, 4)]) == 10
# calls: notebook Shade.DARK.value == 1
# %%
import abc
import typing as t
from enum import Enum, auto
import tinyflow_jupyter as tf
import msgspec

T = t.TypeVar("T")
Number = t.Union[int, float]
Shade = Enum("Shade", "DARK LIGHT")

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> "Number": ...

class Point(t.NamedTuple):
    x: int
    y: int

    @property
    def total(self) -> int:
        return self.x + self.y

class Line(msgspec.Struct, tag="line"):
    ends: list[Point]
    shade: Shade = Shade.DARK

class Level(Enum):
    LOW = auto()

class Box(Shape, t.Generic[T]):
    def area(self):
        return 0

# %%
@tf.component(outputs={"line": Line, "level": Level})
async def drawn(line: Line, output: tf.Handler) -> None:
    await output("line", line)

@tf.component
def total(points: list[Point]) -> int:
    box: Box[int] = Box()
    match points:
        case [Point(x=1), *rest]:
            return sum(point.total for point in (points[0], *rest)) + box.area()
    return 0
