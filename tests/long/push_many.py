"""Pushes a flow of many nodes to a pocket cluster, and says how long it took: ``tests/long/push_many.py 10000``."""

from __future__ import annotations

import sys
import time

from tinyflow_runtime.components import Map

import tinyflow_jupyter as tf

LINE = 50  # nodes in a row; a flow has as many rows as it takes


def main(count: int) -> None:
    flow = tf.Flow("many")
    for number in range(count):
        flow.node(f"n{number}", Map, to="msg")
    for number in range(count - 1):
        if number % LINE != LINE - 1:
            flow.edge(f"n{number}:out", f"n{number + 1}:in")
    with tf.Cluster.local() as cluster:
        began = time.monotonic()
        live = cluster.push(flow, timeout=300)
        ready = time.monotonic()
        cluster.push(flow)
        again = time.monotonic()
        live.send("n0:in", 1, timeout=10)
        live.wait(timeout=10)
        assert live[f"n{min(count, LINE) - 1}:out"].count == 1
    print(
        f"{count:,} nodes: pushed and Ready in {ready - began:.1f} s; pushed again, unchanged, in {again - ready:.1f} s"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
