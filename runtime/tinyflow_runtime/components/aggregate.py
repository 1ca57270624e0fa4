"""Aggregate: a list of messages in, its sum, mean, extremes and quantile out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from msgspec import Meta

from tinyflow_runtime.component import Component, Handler, Port
from tinyflow_runtime.components.formula import formula


@dataclass(frozen=True, slots=True)
class AggregateSettings:
    """Which number of each message, which groups, which quantile."""

    of: Annotated[str, Meta(min_length=1, description="The number: an expression over msg, such as msg.percent.")] = (
        "msg"
    )
    by: Annotated[str, Meta(description="The group: an expression over msg, such as msg.kind; empty: one group.")] = ""
    q: Annotated[float, Meta(ge=0, le=1, description="Which quantile: 0.5 is the median.")] = 0.5


@dataclass(frozen=True, slots=True)
class Summary:
    """What the numbers of a group have in common.

    Attributes:
        group: What ``by`` said; None without ``by``.
        count: How many numbers.
        quantile: The ``q``-quantile, between two numbers in proportion (as in numpy, Hyndman and Fan's type 7).
    """

    count: int
    sum: float
    mean: float
    min: float
    max: float
    quantile: float
    group: Any = None  # whatever a person's expression makes of a payload


class Aggregate(Component):
    """Sends one `Summary` for each group of a list: count, sum, mean, min, max, quantile.

    Groups come in the order in which they first appear. An empty list has no summary, and nothing is sent.
    """

    tags = ("numbers",)
    settings: AggregateSettings = AggregateSettings()

    def ports(self) -> list[Port]:
        formula(self.settings.of, "of")
        formula(self.settings.by or "msg", "by")
        return [
            Port("in", "in", list),
            Port("out", "out", Summary),
            Port("settings", "in", AggregateSettings, settings=True),
        ]

    async def handle(self, output: Handler, port: str, payload: Any) -> None:
        if port == "settings":
            return
        number = formula(self.settings.of, "of")
        group = formula(self.settings.by, "by") if self.settings.by else lambda item: None
        groups: dict[Any, list[float]] = {}
        for place, item in enumerate(payload):
            groups.setdefault(group(item), []).append(_checked(number(item), place))
        for name, numbers in groups.items():
            await output("out", summary(numbers, q=self.settings.q, group=name))


def summary(numbers: Sequence[float], *, q: float = 0.5, group: Any = None) -> Summary:
    """Summarise at least one number."""
    ordered = sorted(numbers)
    total = math.fsum(ordered) if any(isinstance(number, float) for number in ordered) else sum(ordered)
    place = q * (len(ordered) - 1)
    below = ordered[math.floor(place)]
    quantile = below + (ordered[math.ceil(place)] - below) * (place % 1)
    return Summary(len(ordered), total, total / len(ordered), ordered[0], ordered[-1], quantile, group)


def _checked(number: Any, place: int) -> float:
    # A bool is an int to Python, and hardly ever what a person wants to add up.
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise TypeError(f"Item {place} of the list gives {number!r}, which is no number.")
    if math.isnan(number):
        raise ValueError(f"Item {place} of the list gives nan: leave such items out before.")
    return number
