"""Blame names every part of a document that does not fit, by its path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from msgspec import Meta
from tinyflow_runtime.payloads.blame import MOST, blame


@dataclass
class Part:
    name: str
    size: Annotated[int, Meta(ge=0)] = 0


@dataclass
class Whole:
    parts: list[Part] = field(default_factory=list)
    limits: dict[str, float] = field(default_factory=dict)
    pair: tuple[int, str] = (1, "a")
    maybe: Part | None = None

    def __post_init__(self) -> None:
        if len(self.parts) > 2:
            raise ValueError("two parts at most")


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ({}, []),
        ({"parts": [{"name": "a", "size": 1}], "maybe": None}, []),
        ({"parts": [{"size": -1}, {"name": 2}]}, [("parts", 0, "size"), ("parts", 0, "name"), ("parts", 1, "name")]),
        ({"limits": {"a": 1, "b": "x"}}, [("limits", "b")]),
        ({"pair": ["x", "y"]}, [("pair", 0)]),
        ({"pair": [1]}, [("pair",)]),
        ({"maybe": {"name": "a", "size": "x"}}, [("maybe", "size")]),
        ({"maybe": 3}, [("maybe",)]),
        ({"colour": 1}, [("colour",)]),
        ("text", [()]),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(document: Any, paths: list[Any]) -> None:
    assert set(blame(document, Whole)) == set(paths)


def test_a_field_that_is_missing_is_needed_and_a_class_says_itself_why() -> None:
    missing = blame({"parts": [{}]}, Whole)
    refused = blame({"parts": [{"name": "a"}] * 3}, Whole)

    assert missing == {("parts", 0, "name"): "It is needed."}
    assert refused == {(): "It is refused by Whole: two parts at most."}


def test_of_many_misfits_the_first_are_named() -> None:
    assert len(blame(["x"] * 1_000, list[int])) == MOST
