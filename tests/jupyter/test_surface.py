"""The public surface is pinned: a name enters it with a notebook that uses it."""

from __future__ import annotations

import json
import subprocess
import sys

import tinyflow_jupyter as tf


def test_the_public_names_are_these():
    assert tf.__all__ == [
        "Cluster",
        "Component",
        "Flow",
        "Handler",
        "Info",
        "Module",
        "Port",
        "Project",
        "Retry",
        "__version__",
        "component",
        "context",
        "errors",
    ]


def test_every_public_name_exists():
    assert [name for name in tf.__all__ if not hasattr(tf, name)] == []


def test_importing_starts_nothing_and_loads_no_large_library():
    code = (
        "import json, sys, threading, time; began = time.process_time()\n"
        "import tinyflow_jupyter\n"
        "print(json.dumps([time.process_time() - began, threading.active_count(), list(sys.modules)]))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took, threads, loaded = json.loads(done.stdout)

    large = {"IPython", "aiohttp", "grpc", "ipywidgets", "kubernetes", "numpy", "pandas", "psutil", "pydantic", "yaml"}
    assert large & set(loaded) == set()
    assert threads == 1
    assert took < 1  # a third of that on a quiet machine
