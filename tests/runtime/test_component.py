from __future__ import annotations

from tinyflow_runtime.component import Failure, ports_of, prototype
from tinyflow_runtime.module import component


def test_a_functions_signature_becomes_its_ports():
    @component
    def above(x: float, *, limit: float = 10.0) -> float | None:
        return x if x > limit else None

    ports = ports_of(prototype(above))

    assert [(port.name, port.direction) for port in ports.values()] == [
        ("in", "in"),
        ("settings", "in"),
        ("out", "out"),
        ("error", "out"),
    ]
    assert (ports["in"].type, ports["out"].type, ports["error"].type) == (float, float, Failure)
    assert above(11.0) == 11.0
