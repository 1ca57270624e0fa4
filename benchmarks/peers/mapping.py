"""Mappings of edges: one field, or five, out of one small document."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .measure import CAPACITY, Figures, Job, Wrong, main

DOCUMENT = {"a": 1, "b": 2.5, "c": "three", "d": [4], "e": {"f": 5}, "g": 6, "h": "seven"}
FIVE = {name: DOCUMENT[name] for name in "abcde"}

Mapping = Callable[[list[dict]], list[Any]]  # the values of a batch; what they are is the mapping's business


def tinyflow() -> tuple[Mapping, Mapping]:
    from tinyflow_runtime.language.expression import compile_edge, compile_expression

    def compiled(text: str) -> Mapping:
        program = compile_edge(None, compile_expression(text, dict))
        assert program is not None
        assert program.values is not None
        return program.values

    return compiled("msg['a']"), compiled("{'a': msg['a'], 'b': msg['b'], 'c': msg['c'], 'd': msg['d'], 'e': msg['e']}")


def jsonpath() -> tuple[Mapping, Mapping]:
    from jsonpath_ng import parse

    paths = {name: parse(f"$.{name}") for name in FIVE}
    first = paths["a"]

    def one(batch: list[dict]) -> list[Any]:
        return [first.find(m)[0].value for m in batch]

    def five(batch: list[dict]) -> list[Any]:
        return [{name: path.find(m)[0].value for name, path in paths.items()} for m in batch]

    return one, five


def jmespath() -> tuple[Mapping, Mapping]:
    import jmespath

    first, paths = jmespath.compile("a"), jmespath.compile("{a: a, b: b, c: c, d: d, e: e}")
    return lambda batch: [first.search(m) for m in batch], lambda batch: [paths.search(m) for m in batch]


def run(job: Job) -> Figures:
    language = {"tinyflow": tinyflow, "jsonpath-ng": jsonpath, "jmespath": jmespath}[job.variant]
    one, five = language()
    batch = [DOCUMENT] * CAPACITY
    if one(batch) != [1] * CAPACITY or five(batch) != [FIVE] * CAPACITY:
        raise Wrong(f"{job.variant} maps otherwise")
    return {"us_one": _microseconds(one, batch, job.n), "us_five": _microseconds(five, batch, job.n)}


def _microseconds(mapping: Mapping, batch: list[dict], n: int) -> float:
    batches = max(1, n // len(batch))
    begin = time.process_time()
    for _ in range(batches):
        mapping(batch)
    return (time.process_time() - begin) / (batches * len(batch)) * 1e6


if __name__ == "__main__":
    main(run)
