"""Charts for the notebooks: a few lines of SVG, so that nothing has to be installed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from IPython.display import SVG

# After Okabe and Ito, the blue lighter: told apart by everybody, on a light and on a dark page.
COLOURS = ("#2a87c8", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
GREY = "#8a8a8a"
LEFT, TOP, WIDTH, HEIGHT = 52, 40, 700, 200


def lines(
    series: Mapping[str, Sequence[tuple[float, float]]],
    title: str,
    *,
    unit: str = "",
    top: float = 0,
    marks: Mapping[float, str] | None = None,
    newest: bool = False,
) -> SVG:
    """Draw one line for each name.

    Args:
        series: Points (x, y) by name; x grows.
        title: Stands above the chart.
        unit: Stands at the numbers of the y-axis.
        top: The chart reaches at least so high.
        newest: Say how high each line ends.
        marks: What stands under the x-axis, and where; the chart reaches at least so far.
    """
    marks = marks or {}
    points = [point for line in series.values() for point in line]
    along = [*marks, *(x for x, _ in points)] or [0.0]
    first, last = min(along), max(along)
    low, high, step = _scale(min([0.0, *(y for _, y in points)]), max([top, *(y for _, y in points)]) or 1.0)

    def place(x: float, y: float) -> str:
        across = (x - first) / (last - first) if last > first else 1.0
        return f"{LEFT + across * WIDTH:.1f},{TOP + HEIGHT * (1 - (y - low) / (high - low)):.1f}"

    drawn = [f'<text x="{LEFT}" y="18" font-size="15" font-weight="600" fill="{GREY}">{escape(title)}</text>']
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        _, y = place(first, value).split(",")
        drawn.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{y}" y2="{y}" stroke="{GREY}" stroke-opacity=".3"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{float(y) + 4}" text-anchor="end" fill="{GREY}">{value:g}{unit}</text>')
    for x, text in marks.items():
        across, down = place(x, low).split(",")
        drawn.append(
            f'<text x="{across}" y="{float(down) + 18}" text-anchor="middle" fill="{GREY}">{escape(text)}</text>'
        )
    for number, (name, line) in enumerate(series.items()):
        colour, x = COLOURS[number % len(COLOURS)], LEFT + WIDTH + 12
        path = " ".join(place(*point) for point in line)
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'
        )
        now = f" {line[-1][1]:.0f}{unit}" if line and newest else ""
        drawn.append(f'<text x="{x}" y="{TOP + 12 + 20 * number}" fill="{colour}">{escape(name)}{now}</text>')
    return _page(drawn)


def bars(values: Mapping[str, float], title: str, *, unit: str = "") -> SVG:
    """Draw one bar for each name, from the top to the bottom."""
    widest, row = max([1e-9, *values.values()]), HEIGHT / max(1, len(values))
    drawn = [f'<text x="{LEFT}" y="18" font-size="15" font-weight="600" fill="{GREY}">{escape(title)}</text>']
    for number, (name, value) in enumerate(values.items()):
        y, width = TOP + number * row, (WIDTH - 100) * value / widest
        drawn.append(
            f'<rect x="{LEFT + 40}" y="{y:.1f}" width="{width:.1f}" height="{row * 0.7:.1f}" fill="{COLOURS[0]}"/>'
        )
        drawn.append(
            f'<text x="{LEFT + 32}" y="{y + row * 0.5:.1f}" text-anchor="end" fill="{GREY}">{escape(name)}</text>'
        )
        drawn.append(
            f'<text x="{LEFT + 48 + width:.1f}" y="{y + row * 0.5:.1f}" fill="{GREY}">{value:,.0f}{unit}</text>'
        )
    return _page(drawn)


def _scale(low: float, high: float) -> tuple[float, float, float]:
    """Round numbers around two others, and the step between the grid lines."""
    span = max(high - low, 1e-9)
    step = 10 ** math.floor(math.log10(span / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 5)
    return math.floor(low / step) * step, math.ceil(high / step) * step, step


def _page(drawn: Sequence[str]) -> SVG:
    width, height = LEFT + WIDTH + 170, TOP + HEIGHT + 28
    size = f'viewBox="0 0 {width} {height}" width="100%" style="max-width:{width}px"'  # fits a narrow page
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="system-ui, sans-serif" font-size="12">'
    return SVG(data=f"{start}{''.join(drawn)}</svg>")
