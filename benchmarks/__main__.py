"""``python -m benchmarks``: measure, print the tables, keep a picture and the figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .javascript import why_absent
from .picture import draw
from .report import RESULTS, Results, as_json, goals, machine, table, verdicts
from .rounds import Failed, apart, is_javascript, one_round
from .workloads import WORKLOADS, Workload


def chosen(only: list[str], peers: list[str]) -> list[Workload]:
    """The workloads whose names begin with these words, with the contenders whose names begin so."""
    out = []
    for workload in WORKLOADS:
        if only and not any(f"{workload.name} ".lower().startswith(f"{name} ".lower()) for name in only):
            continue
        kept = [
            one
            for one in workload.contenders
            if not peers or any(one.name.lower().startswith(name.lower()) for name in peers)
        ]
        out.append(replace(workload, contenders=tuple(kept)))
    return out


def without_javascript(workloads: list[Workload]) -> list[Workload]:
    return [
        replace(one, contenders=tuple(peer for peer in one.contenders if not is_javascript(peer))) for one in workloads
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for.

    Returns:
        1 when something was delivered wrongly, or with ``--gate`` when a goal that must be met was missed.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument(
        "--only", action="append", default=[], metavar="W1", help="workloads whose names begin with these words"
    )
    parser.add_argument("--peers", action="append", default=[], metavar="NAME", help="peers whose names begin so")
    parser.add_argument("--rounds", type=int, default=5, help="every peer runs once in each; 5 by default")
    parser.add_argument("--scale", type=float, default=1.0, help="how many messages, of the usual number")
    parser.add_argument("--gate", action="store_true", help="fail when a goal that must be met is missed")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where picture and figures go")
    asked = parser.parse_args(argv)

    workloads = [one.scaled(asked.scale) for one in chosen(asked.only, asked.peers)]
    absent = ""
    if any(is_javascript(peer) for one in workloads for peer in one.contenders):
        absent = why_absent()
    if absent:
        print(f"> **NoFlo and Node-RED are NOT measured: {absent}.**\n", flush=True)
        workloads = without_javascript(workloads)
    where = machine()
    print(", ".join(f"{name} {value}" for name, value in where.items()) + "\n", flush=True)
    try:
        results = measure(workloads, asked.rounds)
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    found = verdicts(results)
    print(goals(found))
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / "bench.json").write_text(as_json(results, found, where, absent))
    draw(results, asked.results / "bench.svg")
    return int(asked.gate and any(verdict.missed for verdict in found))


def measure(workloads: list[Workload], rounds: int) -> Results:
    """Run the rounds of one workload after the other, and print each table when it is there."""
    results: Results = {}
    for workload in workloads:
        done = []
        for number in range(rounds):
            print(f"{workload.name}, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            done.append(one_round(workload, number, apart))
        results[workload.name] = workload, done
        print(table(workload, done) + "\n", flush=True)
    return results


if __name__ == "__main__":
    sys.exit(main())
