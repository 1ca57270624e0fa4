"""The report: a table for each workload, the goals, a picture, and all figures as JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .rounds import Round, median, ratio
from .workloads import ASYNCIO, DIRECT, NAIVE, UNITS, Goal, Workload

Results = dict[str, tuple[Workload, list[Round]]]

RESULTS = Path(__file__).parent / "results"
MILLION = {"rate", "wall_rate"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal, and what came of it.

    Attributes:
        value: A ratio, or the figure itself where the goal is a limit; None when a peer was absent.
    """

    workload: str
    goal: Goal
    value: float | None

    @property
    def missed(self) -> bool:
        return self.value is not None and self.goal.must is not None and not self._holds(self.goal.must)

    @property
    def word(self) -> str:
        if self.value is None:
            return "not measured"
        if self.missed:
            return "**MISSED**"
        if self.goal.reach is not None and self._holds(self.goal.reach):
            return "reached"
        return "met" if self.goal.must is not None else "not reached"

    def _holds(self, limit: float) -> bool:
        assert self.value is not None
        return self.value >= limit if self.goal.against else self.value <= limit


def verdicts(results: Results) -> list[Verdict]:
    """Every goal of what was run."""
    out = []
    for workload, rounds in results.values():
        for goal in workload.goals:
            if goal.against:
                value = ratio(rounds, goal.subject, goal.against, goal.figure)
            else:
                value = median(rounds, goal.subject, goal.figure)
            out.append(Verdict(workload.name, goal, value))
    return out


def table(workload: Workload, rounds: list[Round]) -> str:
    """One workload: medians, and how many times better than whom it is measured by."""
    names = [one.name for one in workload.contenders]
    yardsticks = [name for name in (DIRECT, ASYNCIO, NAIVE, "jsonpath-ng", "nobody looks") if name in names]
    figures = [figure for figure in workload.figures if any(figure in one for each in rounds for one in each.values())]
    compared = workload.figures[0]
    rows = [["", *(UNITS[figure] for figure in figures), *(f"× {name}" for name in yardsticks)]]
    for name in names:
        measured = [_figure(figure, median(rounds, name, figure)) for figure in figures]
        rows.append([name, *measured, *(_short(ratio(rounds, name, other, compared)) for other in yardsticks)])
    return f"### {workload.name}: {workload.tells}\n\n{_markdown(rows)}"


def goals(found: list[Verdict]) -> str:
    """What must be reached, and what was."""
    rows = [["workload", "what", "must", "reach for", "measured", ""]]
    for verdict in found:
        goal = verdict.goal
        sign = "≥" if goal.against else "≤"
        what = f"{goal.subject} × {goal.against}" if goal.against else goal.subject
        if goal.figure != "rate":
            what += f" ({UNITS[goal.figure]})"
        limits = [f"{sign} {limit:g}" if limit is not None else "" for limit in (goal.must, goal.reach)]
        rows.append([verdict.workload, what, *limits, _short(verdict.value), verdict.word])
    return f"### Goals\n\n{_markdown(rows, words=2)}"


def machine() -> dict[str, Any]:
    """Where and when it was measured; values are text and numbers, as JSON has them."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=RESULTS.parent, capture_output=True, text=True, check=False
    )
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "commit": commit.stdout.strip(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def as_json(results: Results, found: list[Verdict], where: dict[str, Any], absent: str) -> str:
    """Every round as it was, the medians, and the goals."""
    document = {
        "machine": where,
        "absent": absent,
        "workloads": {
            name: {
                "tells": workload.tells,
                "medians": {
                    one.name: {figure: median(rounds, one.name, figure) for figure in workload.figures}
                    for one in workload.contenders
                },
                "rounds": rounds,
            }
            for name, (workload, rounds) in results.items()
        },
        "goals": [
            {
                "workload": one.workload,
                "subject": one.goal.subject,
                "against": one.goal.against,
                "figure": one.goal.figure,
                "must": one.goal.must,
                "reach": one.goal.reach,
                "measured": one.value,
            }
            for one in found
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.processor())


def _figure(figure: str, value: float | None) -> str:
    return _short(value / 1e6 if value is not None and figure in MILLION else value)


def _short(value: float | None) -> str:
    """Three digits; nobody measures more."""
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _markdown(rows: list[list[str]], *, words: int = 1) -> str:
    """A table whose first columns are words and whose others are numbers."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    aligned = [
        " | ".join(cell.ljust(width) if i < words else cell.rjust(width) for i, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    rule = "|".join("-" * (width + 1) + ("-" if i < words else ":") for i, width in enumerate(widths))
    return "\n".join([f"| {aligned[0]} |", f"|{rule}|", *(f"| {line} |" for line in aligned[1:])])
