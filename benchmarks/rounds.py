"""Rounds: every contender of a workload in a process of its own, one after the other, in turn from both ends."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from .javascript import INSTALLED
from .peers.measure import Figures
from .workloads import LESS_IS_MORE, Contender, Workload

HERE = Path(__file__).parent
PATIENCE = 180  # seconds for one process

Run = Callable[[Workload, Contender], Figures]
Round = dict[str, Figures]  # by the contender's name


class Failed(Exception):
    """A contender delivered wrongly, or not at all."""


def apart(workload: Workload, contender: Contender) -> Figures:
    """Run a contender in a process of its own."""
    job = [workload.job, str(contender.n), str(workload.k), contender.variant]
    if is_javascript(contender):
        command = ["node", "--expose-gc", str(HERE / "peers" / f"{contender.program}.js"), *job]
    else:
        command = [sys.executable, "-m", f"benchmarks.peers.{contender.program}", *job]
    environment = os.environ | {"TINYFLOW_BENCH_NODE": str(INSTALLED)}
    try:
        done = subprocess.run(
            command, cwd=HERE.parent, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{workload.name}, {contender.name}: no answer within {PATIENCE} s") from None
    if done.returncode != 0:
        raise Failed(f"{workload.name}, {contender.name}:\n{done.stderr.strip()}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def is_javascript(contender: Contender) -> bool:
    return (HERE / "peers" / f"{contender.program}.js").exists()


def one_round(workload: Workload, number: int, run: Run) -> Round:
    """Everybody once; odd rounds begin at the other end, for a machine changes its speed while it runs."""
    order: Iterable[Contender] = workload.contenders if number % 2 == 0 else reversed(workload.contenders)
    return {contender.name: run(workload, contender) for contender in order}


def median(rounds: list[Round], name: str, figure: str) -> float | None:
    """The median of one figure; None where the contender does not have it."""
    values = [one[name][figure] for one in rounds if figure in one.get(name, {})]
    return statistics.median(values) if values else None


def ratio(rounds: list[Round], name: str, against: str, figure: str) -> float | None:
    """How many times better: the median of the ratios of each round, above 1 where `name` is the better one."""
    ratios = []
    for one in rounds:
        ours, theirs = one.get(name, {}).get(figure), one.get(against, {}).get(figure)
        if ours and theirs:
            ratios.append(theirs / ours if figure in LESS_IS_MORE else ours / theirs)
    return statistics.median(ratios) if ratios else None
