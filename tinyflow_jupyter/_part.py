"""A part of a drawing that is connected: its columns, the heights in them, and the ways of its wires.

Columns come from `_layers`. Within a column each box goes to the median of the heights its wires wish for (so that most
wires are straight), keeping its order and its distance: an isotonic regression, solved exactly by pooling neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence

from ._boxes import Anchor, Box, Point, Way, Wire, at
from ._layers import Layers, Run, layer

ROW_GAP = 26.0  # between two boxes of a column
BEND = 12.0  # the height a wire needs where it passes through a column
COLUMN_GAP = 56.0
LANE = 13.0  # between two wires that go back, side by side
OVER = 20.0  # how far above or below a box a wire runs that ends on top of it or beneath it
ROUNDS = 10  # from left and from right in turn; the picture stands still after six or so


class Part:
    """One connected part, laid out with its own corner at 0, 0."""

    def __init__(self, boxes: Sequence[Box], wires: Sequence[tuple[int, Wire]]) -> None:
        self.boxes, self.wires = boxes, wires
        number = {box.name: place for place, box in enumerate(boxes)}
        self.runs = [
            Run(
                number[wire.source],
                number[wire.target],
                _share(wire.start, boxes[number[wire.source]]),
                _share(wire.end, boxes[number[wire.target]]),
                wire.loop,
            )
            for _, wire in wires
        ]
        self.layers: Layers = layer(len(boxes), self.runs)
        self.heights = [box.height for box in boxes] + [BEND] * (len(self.layers.column_of) - len(boxes))
        self.tops = self._heights_of_all()
        self.lefts, self.rights = self._columns_in_x()
        self.ways: dict[int, Way] = {}
        self._route()
        self._move_into_view()

    def _heights_of_all(self) -> list[float]:
        wishes: list[list[tuple[int, float, float]]] = [[] for _ in self.heights]  # other, shift of my top, weight
        count = len(self.boxes)
        for (_, wire), chain in zip(self.wires, self.layers.chains, strict=True):
            for place, (item, following) in enumerate(zip(chain or (), (chain or ())[1:], strict=False)):
                start = _level(wire.start) if place == 0 else BEND / 2
                end = _level(wire.end) if chain and place == len(chain) - 2 else BEND / 2
                # A long wire should be straight before a short one is: bends to bends weigh most.
                weight = 8.0 if item >= count and following >= count else 2.0 if max(item, following) >= count else 1.0
                wishes[item].append((following, end - start, weight))
                wishes[following].append((item, start - end, weight))
        tops = [0.0] * len(self.heights)
        columns = self.layers.columns
        for column in columns:
            y = 0.0
            for item in column:
                tops[item] = y
                y += self.heights[item] + ROW_GAP
        for turn in range(ROUNDS):
            to_the_right, last = turn % 2 == 0, turn >= ROUNDS - 2
            for column in columns if to_the_right else reversed(columns):
                self._settle(column, tops, wishes, None if last else -1 if to_the_right else 1)
        return tops

    def _settle(
        self,
        column: Sequence[int],
        tops: list[float],
        wishes: Sequence[Sequence[tuple[int, float, float]]],
        side: int | None,
    ) -> None:
        """Move the items of a column to where their neighbours on one side (None: on both) want them."""
        pools: list[tuple[list[tuple[float, float]], float, list[int]]] = []
        offset, offsets = 0.0, list[float]()
        for place, item in enumerate(column):
            if place:
                offset += self.heights[column[place - 1]] + self._gap(column[place - 1], item)
            offsets.append(offset)
            here = self.layers.column_of[item]
            near = [
                (tops[other] + shift - offset, weight)
                for other, shift, weight in wishes[item]
                if side is None or (self.layers.column_of[other] - here) * side > 0
            ]
            # Nothing to hang on: stay, but give way.
            wish = near or [(tops[item] - offset, 0.01)]
            pools.append((wish, _median(wish), [place]))
            while len(pools) > 1 and pools[-2][1] > pools[-1][1]:
                wish, _, places = pools.pop()
                above, _, places_above = pools.pop()
                pools.append((above + wish, _median(above + wish), places_above + places))
        for _, median, places in pools:
            for place in places:
                tops[column[place]] = median + offsets[place]

    def _gap(self, upper: int, lower: int) -> float:
        count = len(self.boxes)
        return ROW_GAP if upper < count and lower < count else ROW_GAP * 0.5

    def _columns_in_x(self) -> tuple[list[float], list[float]]:
        """The left and right border of each column; gaps are wide enough for the texts and returning wires in them."""
        count, columns = len(self.boxes), self.layers.columns
        widths = [max((self.boxes[item].width for item in column if item < count), default=0.0) for column in columns]
        rooms, crossing, backs = [0.0] * len(columns), [0] * len(columns), [0] * (len(columns) + 1)
        for (_, wire), run, chain in zip(self.wires, self.runs, self.layers.chains, strict=True):
            first = self.layers.column_of[run.source]
            if chain is None:
                backs[first + 1] += 1
                backs[self.layers.column_of[run.target]] += 1
            elif wire.room:
                rooms[first] = max(rooms[first], wire.room + 44)
        for item, _, _, _ in self.layers.pieces:
            crossing[self.layers.column_of[item]] += 1
        x, lefts, rights = backs[0] * LANE, list[float](), list[float]()
        for place, width in enumerate(widths):
            lefts.append(x)
            rights.append(x + width)
            spread = min(60.0, 3.0 * crossing[place])  # many wires need a longer way to stay tellable apart
            x += width + max(COLUMN_GAP + spread, rooms[place]) + backs[place + 1] * LANE
        return lefts, rights

    def _route(self) -> None:
        count = len(self.boxes)
        self.corners: dict[str, Point] = {}
        for item, box in enumerate(self.boxes):
            column = self.layers.column_of[item]
            middle = (self.lefts[column] + self.rights[column]) / 2
            self.corners[box.name] = (middle - box.width / 2, self.tops[item])
        back: list[tuple[int, int, int]] = []  # span, place among the wires, number
        for place, ((number, wire), chain) in enumerate(zip(self.wires, self.layers.chains, strict=True)):
            if chain is None:
                run = self.runs[place]
                back.append((self.layers.column_of[run.source] - self.layers.column_of[run.target], place, number))
                continue
            points = _leaving(wire.start, self.corners[wire.source], self.boxes[self.runs[place].source])
            for item in chain[1:-1]:
                y = self.tops[item] + BEND / 2
                points += [(self.lefts[self.layers.column_of[item]], y), (self.rights[self.layers.column_of[item]], y)]
            points += _entering(wire.end, self.corners[wire.target])
            self.ways[number] = Way(tuple(points), wire.start.side, wire.end.side)
        lowest = [
            max((self.tops[item] + self.heights[item] for item in column), default=0.0)
            for column in self.layers.columns
        ]
        used = [0] * (count + 1)
        for _, place, number in sorted(back):  # short ones lie inside long ones
            self.ways[number] = self._street(place, lowest, used)

    def _street(self, place: int, lowest: list[float], used: list[int]) -> Way:
        """The way of a wire that goes back: down behind its source, left below everything between, up to its target."""
        _, wire = self.wires[place]
        run = self.runs[place]
        last, first = self.layers.column_of[run.source], self.layers.column_of[run.target]
        lane = max(lowest[first : last + 1]) + LANE + 5
        for column in range(first, last + 1):
            lowest[column] = lane
        start, end = at(self.corners[wire.source], wire.start), at(self.corners[wire.target], wire.end)
        behind = self.rights[last] + 16 + LANE * used[last + 1]
        before = self.lefts[first] - 26 - LANE * used[first]
        used[last + 1] += 1
        used[first] += 1
        points = [start]
        if wire.start.side == "top":
            points += [(start[0], start[1] - 16), (behind, start[1] - 16), (behind, lane)]
        elif wire.start.side == "bottom":
            points += [(start[0], lane)]
        elif wire.start.side == "right":
            points += [(behind, start[1]), (behind, lane)]
        else:
            points += [(self.lefts[last] - 16, start[1]), (self.lefts[last] - 16, lane)]
        if wire.end.side == "top":
            points += [(before, lane), (before, end[1] - 22), (end[0], end[1] - 22)]
        elif wire.end.side == "bottom":
            points += [(end[0], lane)]
        elif wire.end.side == "left":
            points += [(before, lane), (before, end[1])]
        else:
            points += [(self.rights[first] + 22, lane), (self.rights[first] + 22, end[1])]
        return Way((*points, end), wire.start.side, wire.end.side, back=True)

    def _move_into_view(self) -> None:
        xs = [x for way in self.ways.values() for x, _ in way.points] + [x for x, _ in self.corners.values()]
        ys = [y for way in self.ways.values() for _, y in way.points] + [y for _, y in self.corners.values()]
        left, top = min(xs), min(ys)
        self.corners = {name: (x - left, y - top) for name, (x, y) in self.corners.items()}
        self.ways = {
            number: Way(tuple((x - left, y - top) for x, y in way.points), way.start, way.end, way.back)
            for number, way in self.ways.items()
        }
        rights = [self.corners[box.name][0] + box.width for box in self.boxes]
        bottoms = [self.corners[box.name][1] + box.height for box in self.boxes]
        self.width = max(*rights, *(x - left for x in xs))
        self.height = max(*bottoms, *(y - top for y in ys))


def _level(anchor: Anchor) -> float:
    """The height at which a wire comes to an anchor."""
    return anchor.y + {"top": -OVER, "bottom": OVER}.get(anchor.side, 0.0)


def _leaving(anchor: Anchor, corner: Point, box: Box) -> list[Point]:
    start = at(corner, anchor)
    if anchor.side not in ("top", "bottom"):
        return [start]
    beside = (corner[0] + box.width + 4, corner[1] + _level(anchor))
    return [start, beside, beside]


def _entering(anchor: Anchor, corner: Point) -> list[Point]:
    end = at(corner, anchor)
    if anchor.side not in ("top", "bottom"):
        return [end]
    beside = (corner[0] - 4, corner[1] + _level(anchor))
    return [beside, beside, end]


def _share(anchor: Anchor, box: Box) -> float:
    """How far down its box an anchor sits, for the order of wires; those of the sides stay a little inside."""
    return min(max(anchor.y / box.height if box.height else 0.5, 0.01), 0.99)


def _median(wishes: Sequence[tuple[float, float]]) -> float:
    """The weighted median; halfway between two where the weights balance."""
    ordered = sorted(wishes)
    half, total = sum(weight for _, weight in ordered) / 2, 0.0
    for place, (wish, weight) in enumerate(ordered):
        total += weight
        if abs(total - half) < 1e-9 and place + 1 < len(ordered):
            return (wish + ordered[place + 1][0]) / 2
        if total > half:
            return wish
    return ordered[-1][0]
