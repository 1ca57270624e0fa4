"""The public surface is pinned: a name enters it with a notebook that uses it."""

from __future__ import annotations

import tinyflow_jupyter as tf


def test_the_public_names_are_these():
    assert tf.__all__ == [
        "Component",
        "Flow",
        "Handler",
        "Info",
        "Module",
        "Port",
        "Retry",
        "__version__",
        "component",
        "context",
        "errors",
    ]


def test_every_public_name_exists():
    assert [name for name in tf.__all__ if not hasattr(tf, name)] == []
