"""A rate is how fast a count grows, as a person reads it: steady while nothing changes, and soon nothing at the end."""

from __future__ import annotations

from collections import deque

WINDOW = 2.0  # seconds over which it is averaged
ALONE = 8.0  # the same where messages come one by one: of two a second, a look may well see none
SHORTEST = 1.0  # seconds, for a few messages that came at once
QUIET = 1.5  # seconds without a message after which nothing moves; of slow ones, after the next two did not come
HELD = 1.0  # seconds for which a rate is shown, whatever it is meanwhile,
LEAP = 1.3  # unless it is so many times as high, or as low


class Rate:
    """Of one count, which is looked at again and again.

    Attributes:
        shown: Messages a second, with two digits that count.
        since: When more was seen last, or else when it was looked at first.
    """

    __slots__ = ("_count", "_grown", "_looked", "_points", "_told", "shown", "since")

    def __init__(self, count: int, now: float) -> None:
        self.shown = 0.0
        self.since = now
        self._grown = False
        self._count, self._looked, self._told = count, now, now
        self._points: deque[tuple[float, int]] = deque()  # when more was seen, and how much there was then

    def look(self, count: int, now: float) -> float:
        """The rate, with what the count is now; less than before is the count of a flow that began anew."""
        points = self._points
        if count < self._count:
            points.clear()
        elif count > self._count:
            if count - self._count > 1 and not (points and points[-1][0] == self._looked):
                points.append((self._looked, self._count))  # many at once came since the last look
            points.append((now, count))
            self.since, self._grown = now, True
        self._count, self._looked = count, now
        while points and now - points[0][0] > ALONE:
            points.popleft()
        self._show(self._measured(now), now)
        return self.shown

    def moving(self, now: float) -> bool:
        """Whether anything comes, or came a moment ago."""
        return self.shown > 0 or (self._grown and now - self.since < QUIET)

    def _measured(self, now: float) -> float:
        if len(self._points) < 2:
            return 0.0
        (end, last), (begin, first), alone = self._points[-1], self._points[-1], True
        for at, count in reversed(self._points):
            alone = alone and first - count <= 1
            if end - at > WINDOW and not alone and begin < end:  # of many nodes a look is rarer than that
                break
            begin, first = at, count
        rate = (last - first) / max(end - begin, SHORTEST)
        if now - end > max(QUIET, 2.5 / rate):
            self._points.clear()
            return 0.0
        return rate

    def _show(self, rate: float, now: float) -> None:
        leapt = not (self.shown / LEAP <= rate <= self.shown * LEAP)
        if rate == 0 or leapt or now - self._told >= HELD:
            self.shown, self._told = float(f"{rate:.2g}"), now
