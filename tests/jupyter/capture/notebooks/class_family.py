# calls: notebook (lambda said: (__import__("asyncio").run(Threshold.fresh().handle(lambda port, x: __import__("asyncio").sleep(0, said.append((port, x))), "in", 7)), said)[1])([]) == [("out", "7 > 5"), ("count", 1)]
# calls: notebook (lambda said: (__import__("asyncio").run(Threshold.fresh().handle(lambda port, x: __import__("asyncio").sleep(0, said.append((port, x))), "in", 1)), said)[1])([]) == [("count", 0)]
# calls: notebook Threshold().info().description == "Lets through what is above its limit."
# calls: notebook [port.name for port in Threshold().ports()] == ["in", "out", "count", "settings"]
# calls: notebook (lambda said: (__import__("asyncio").run(Shouting.fresh().handle(lambda port, x: __import__("asyncio").sleep(0, said.append((port, x))), "in", 9)), said)[1])([]) == [("out", "9 > 3!"), ("count", 1)]
# calls: notebook (lambda said: (__import__("asyncio").run(Silent.fresh().handle(lambda port, x: __import__("asyncio").sleep(0, said.append((port, x))), "in", 9)), said)[1])([]) == []
# %%
from dataclasses import dataclass
from typing import ClassVar

import tinyflow_jupyter as tf

NAMES = ("in", "out", "count")
# %% mixins first
class Counting:
    """Counts what passed."""

    seen: int = 0

    def passed(self) -> int:
        self.seen += 1
        return self.seen


class Formatting:
    template: ClassVar[str] = "{x} over {limit}"

    def text(self, x):
        return self.template.format(x=x, limit=self.limit)
# %% an abstract family member
@dataclass
class Limits:
    limit: int = 3


class Family(tf.Component):
    """What the family has in common."""

    DIRECTIONS = {"in": "in", "out": "out", "count": "out"}

    def ports(self):
        yes = self.DIRECTIONS
        listed = [tf.Port(name, yes[name], TYPES[name]) for name in NAMES]
        return [*listed, tf.Port("settings", "in", Limits, settings=True)]

    @property
    def limit(self) -> int:
        return (self.settings or Limits()).limit

    @classmethod
    def fresh(cls):
        return cls()
# %% types of the ports
TYPES = dict(zip(NAMES, [int, str, int]))
# %% the component
class Threshold(Counting, Formatting, Family):
    """Lets through what is above its limit."""

    template = "{x} > {limit}"
    settings = None

    @property
    def limit(self) -> int:
        return super().limit + EXTRA

    async def handle(self, output, port, payload):
        if port == "in":
            if payload > self.limit:
                await output("out", self.text(payload))
                self.passed()
            await output("count", self.seen)

EXTRA = 2
# %% one more generation
class Shouting(Threshold):
    """Louder."""

    limit = 3

    def text(self, x):
        return super().text(x) + SIGN
# %%
class Silent(Shouting):
    async def handle(self, output, port, payload):
        if self.limit is None:
            await super().handle(output, port, payload)
# %% how the class tries it
def ran(kind, x):
    said = []
    async def note(port, payload):
        said.append((port, payload))
    return said, kind.fresh().handle(note, "in", x)
# %%
SIGN = "!"
said, going = ran(Shouting, 9)
await going
said
