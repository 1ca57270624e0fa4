"""A library that another thread is just importing is one that nobody has a value of yet."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec
import pytest
from tinyflow_runtime.payloads.codec import encode
from tinyflow_runtime.payloads.optional import loaded
from tinyflow_runtime.schema import snapshot


@pytest.fixture(params=["numpy", "pydantic"])
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A library of which nothing is there yet."""
    module = types.ModuleType(request.param)
    spec = importlib.machinery.ModuleSpec(request.param, None)
    spec._initializing = True  # type: ignore[attr-defined] # as importlib marks it
    module.__spec__ = spec
    monkeypatch.setitem(sys.modules, request.param, module)
    return module


def test_payloads_pass_while_a_library_is_being_imported(half: types.ModuleType) -> None:
    @dataclass
    class Own:  # a class that nobody has seen before, so that every library is asked about it
        number: float
        home: PurePosixPath

    made = Own(1.5, PurePosixPath("/a"))

    assert snapshot([made, {"b": made}]) == [made, {"b": made}]
    assert msgspec.msgpack.decode(encode(made)) == {"number": 1.5, "home": "/a"}


def test_a_library_is_there_when_it_has_been_imported(half: types.ModuleType) -> None:
    before = loaded(half.__name__)

    half.__spec__._initializing = False  # type: ignore[union-attr] # it was made above

    assert before is None
    assert loaded(half.__name__) is half
