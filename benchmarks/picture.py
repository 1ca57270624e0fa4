"""The picture: how many times an asyncio.Queue hop everybody is, a panel for each workload."""

from __future__ import annotations

from pathlib import Path

from .report import Results
from .rounds import Round, ratio
from .workloads import ASYNCIO, NAIVE, Workload

OURS, THEIRS, YARDSTICK = "#2563eb", "#cbd5e1", "#64748b"


def draw(results: Results, path: Path) -> bool:
    """Write an SVG; False when there is nothing to draw or nothing to draw with."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "tinyflow"  # the same figures make the same file
    from matplotlib import pyplot

    panels = [one for one in results.values() if _yardstick(one) is not None]
    if not panels:
        return False
    heights = [len(workload.contenders) + 1 for workload, _ in panels]
    figure, axes = pyplot.subplots(
        len(panels), figsize=(9, 0.28 * sum(heights) + 0.6), height_ratios=heights, squeeze=False, layout="constrained"
    )
    for axis, panel in zip(axes[:, 0], panels, strict=True):
        workload, rounds = panel
        yardstick = _yardstick(panel)
        assert yardstick is not None
        compared = "traverse_ms" if workload.job == "w3" else workload.figures[0]
        values = {one.name: ratio(rounds, one.name, yardstick, compared) for one in workload.contenders}
        bars = sorted((value, name) for name, value in values.items() if value is not None)
        colors = [OURS if "TinyFlow" in name else YARDSTICK if name == yardstick else THEIRS for _, name in bars]
        drawn = axis.barh([name for _, name in bars], [value for value, _ in bars], color=colors)
        axis.bar_label(drawn, [f" {value:.2g} ×" for value, _ in bars], fontsize=8)
        axis.set_xscale("log")
        axis.axvline(1, color=YARDSTICK, linewidth=0.8)
        axis.margins(x=0.15)
        axis.set_title(f"{workload.name}: {workload.tells}", loc="left", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.xaxis.set_visible(False)
        axis.spines[["top", "right", "bottom"]].set_visible(False)
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return True


def _yardstick(panel: tuple[Workload, list[Round]]) -> str | None:
    workload, _ = panel
    names = [one.name for one in workload.contenders]
    return next((name for name in (ASYNCIO, NAIVE) if name in names), None)
