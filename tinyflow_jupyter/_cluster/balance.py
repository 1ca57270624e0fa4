"""The balance of a flow: what became of every message, as its modules and their neighbours tell it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from tinyflow_runtime import protocol
from tinyflow_runtime.definition.edges import Edge
from tinyflow_runtime.observation.counts import Counts, counts_of


def balance(edges: Iterable[Edge], states: Iterable[protocol.State]) -> dict[str, Counts]:
    """By node, made of the states of all modules of a flow."""
    states = list(states)
    ends = {edge.id: edge.target.node for edge in edges}
    lost = Counter[str]()
    for one in (one for state in states for one in state.lost):
        lost[ends.get(one.edge, "")] += one.count
    runners = [runner for state in states for runner in state.nodes]
    return {runner.name: replace(counts_of(runner), lost=lost[runner.name]) for runner in runners}


def letters(states: Iterable[protocol.State]) -> Counter[str]:
    """The dead letters that are kept, by node."""
    return Counter({runner.name: runner.letters for state in states for runner in state.nodes})
