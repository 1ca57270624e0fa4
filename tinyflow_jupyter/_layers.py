"""Layers: which column each box stands in, and in which order from top to bottom.

The layered drawing of Sugiyama, Tagawa and Toda (1981): sources left, one column per layer; an edge that spans several
columns gets a bend in each column between, so that it has a place of its own there; then the order in every column is
improved until few edges cross.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

SWEEPS = 12  # after about eight, a sweep hardly ever finds a better order
SWAPS_UNTIL = 600  # above so many items, trying neighbours in turn costs more than it shows


@dataclass(frozen=True, slots=True)
class Run:
    """One edge in the abstract: two boxes by number, the heights at which it leaves and enters them (0 to 1)."""

    source: int
    target: int
    start: float = 0.5
    end: float = 0.5
    loop: bool = False


@dataclass(slots=True)
class Layers:
    """The result: columns of items, and every run as a chain of items.

    Items below the number of boxes are boxes; the others are bends. ``chains[i]`` is None for a run that goes back.
    """

    columns: list[list[int]]
    column_of: list[int]
    chains: list[list[int] | None]
    pieces: list[tuple[int, int, float, float]] = field(default_factory=list)  # item, next item, heights of both ends


def layer(count: int, runs: Sequence[Run]) -> Layers:
    """Give every box a column and an order in it.

    Args:
        count: How many boxes there are.
        runs: The edges. One that says ``loop`` does not order its ends; neither does one that would close a cycle.
    """
    forward = [not run.loop and run.source != run.target for run in runs]
    _open_cycles(count, runs, forward)
    column_of = _columns(count, [run for run, keep in zip(runs, forward, strict=True) if keep])
    layers = Layers([[] for _ in range(max(column_of, default=-1) + 1)], column_of, [])
    for run in runs:
        layers.chains.append(_chain(layers, run))
    _initial_order(layers, count)
    _reduce_crossings(layers)
    return layers


def _open_cycles(count: int, runs: Sequence[Run], forward: list[bool]) -> None:
    """Turn off each run that would close a cycle, in the order of a walk in depth from the first box."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    for number, run in enumerate(runs):
        if forward[number]:
            leaving[run.source].append(number)
    seen, open_ = [False] * count, [False] * count
    for root in range(count):
        if seen[root]:
            continue
        seen[root] = open_[root] = True
        walk = [(root, iter(leaving[root]))]
        while walk:
            box, rest = walk[-1]
            number = next(rest, -1)
            if number < 0:
                open_[box] = False
                walk.pop()
            elif open_[target := runs[number].target]:
                forward[number] = False
            elif not seen[target]:
                seen[target] = open_[target] = True
                walk.append((target, iter(leaving[target])))


def _columns(count: int, runs: Sequence[Run]) -> list[int]:
    """The longest way from a source; then boxes with more to say than to hear move next to whom they speak to."""
    after: list[list[int]] = [[] for _ in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    for run in runs:
        after[run.source].append(run.target)
        before[run.target].append(run.source)
    column, waiting = [0] * count, [len(sources) for sources in before]
    order = [box for box in range(count) if not waiting[box]]
    for box in order:  # grows while it is walked
        for target in after[box]:
            column[target] = max(column[target], column[box] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    for box in reversed(order):
        if after[box] and len(after[box]) >= len(before[box]):
            column[box] = min(column[target] for target in after[box]) - 1
    return column


def _chain(layers: Layers, run: Run) -> list[int] | None:
    first, last = layers.column_of[run.source], layers.column_of[run.target]
    if last <= first:
        return None
    chain = [run.source]
    for column in range(first + 1, last):
        layers.column_of.append(column)
        chain.append(len(layers.column_of) - 1)
    chain.append(run.target)
    for place, (item, following) in enumerate(itertools.pairwise(chain)):
        start = run.start if place == 0 else 0.5
        end = run.end if place == len(chain) - 2 else 0.5
        layers.pieces.append((item, following, start, end))
    return chain


def _initial_order(layers: Layers, count: int) -> None:
    """Boxes as they were defined, each followed by what it leads to: what a person wrote together stays together."""
    leading: dict[int, list[tuple[float, int]]] = {}
    for item, following, start, _ in layers.pieces:
        leading.setdefault(item, []).append((start, following))
    seen = [False] * len(layers.column_of)
    for root in range(count):
        waiting = [root]
        while waiting:
            item = waiting.pop()
            if seen[item]:
                continue
            seen[item] = True
            layers.columns[layers.column_of[item]].append(item)
            waiting.extend(target for _, target in sorted(leading.get(item, ()), reverse=True))


def _reduce_crossings(layers: Layers) -> None:
    left: list[list[tuple[int, float, float]]] = [[] for _ in layers.column_of]  # neighbour, its height, my height
    right: list[list[tuple[int, float, float]]] = [[] for _ in layers.column_of]
    for item, following, start, end in layers.pieces:
        right[item].append((following, end, start))
        left[following].append((item, start, end))
    best, fewest = [list(column) for column in layers.columns], _crossings(layers)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        to_the_right = sweep % 2 == 0
        columns = layers.columns if to_the_right else layers.columns[::-1]
        _sweep(columns, left if to_the_right else right)
        if len(layers.column_of) < SWAPS_UNTIL:
            for column in columns:
                _swap_neighbours(column, _places(layers.columns), left, right)
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(column) for column in layers.columns], crossings
    layers.columns[:] = best


def _places(columns: Sequence[Sequence[int]]) -> dict[int, int]:
    return {item: place for column in columns for place, item in enumerate(column)}


def _sweep(columns: Sequence[list[int]], neighbours: Sequence[list[tuple[int, float, float]]]) -> None:
    """Sort each column by the mean height of what its items hang on in the column before."""
    places = _places(columns)
    for column in columns[1:]:
        wish = {
            item: sum(places[other] + height for other, height, _ in near) / len(near) if near else float(places[item])
            for item in column
            for near in (neighbours[item],)
        }
        column.sort(key=wish.__getitem__)
        places.update((item, place) for place, item in enumerate(column))


def _swap_neighbours(
    column: list[int],
    places: dict[int, int],
    left: Sequence[list[tuple[int, float, float]]],
    right: Sequence[list[tuple[int, float, float]]],
) -> None:
    for place in range(len(column) - 1):
        upper, lower = column[place], column[place + 1]
        now = changed = 0
        for side in (left, right):
            for other, height, _ in side[upper]:
                mine = places[other] + height
                for their, their_height, _ in side[lower]:
                    now += mine > places[their] + their_height
                    changed += mine < places[their] + their_height
        if changed < now:
            column[place], column[place + 1] = lower, upper
            places[upper], places[lower] = place + 1, place


def _crossings(layers: Layers) -> int:
    """How many pairs of pieces cross: inversions between neighbouring columns."""
    places = _places(layers.columns)
    between: dict[int, list[tuple[float, float]]] = {}
    for item, following, start, end in layers.pieces:
        ends = (places[item] + start, places[following] + end)
        between.setdefault(layers.column_of[item], []).append(ends)
    total = 0
    for ends_of in between.values():
        reached: list[float] = []
        for _, end in sorted(ends_of):
            total += len(reached) - bisect_right(reached, end)
            insort(reached, end)
    return total
