"""What secrets look like: one list for what is masked where it is observed, and for what no module's text may hold."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["SHAPES", "Shape"]


class Shape(NamedTuple):
    """One kind of secret that can be told by its letters.

    Attributes:
        name: What a person calls it, with its article.
        shown: How it begins.
        marks: One of these is in every text that has it: to look for them costs a hundredth of the pattern.
        pattern: The whole of it.
    """

    name: str
    shown: str
    marks: tuple[str, ...]
    pattern: re.Pattern[str]


def _shape(name: str, shown: str, marks: str, pattern: str) -> Shape:
    return Shape(name, shown, tuple(marks.split()), re.compile(pattern, re.DOTALL))


SHAPES = (
    _shape("an AWS access key", "AKIA…", "AKIA ASIA", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    _shape("a GitHub token", "gh…_", "ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    _shape("a GitHub token", "gh…_", "github_pat_", r"\bgithub_pat_\w{20,}"),
    _shape("a GitLab token", "glpat-…", "glpat-", r"\bglpat-[\w-]{20,}"),
    _shape("a Slack token", "xox…", "xox", r"\bxox[abeoprs]-[\w-]{10,}"),
    _shape("a Google API key", "AIza…", "AIza", r"\bAIza[\w-]{35}"),
    _shape("an API key", "sk-…", "sk- rk-", r"\b[sr]k-[\w-]{20,}"),
    _shape("an API key", "sk-…", "k_live_ k_test_", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    _shape("a Hugging Face token", "hf_…", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    _shape("a JSON web token", "eyJ…", "eyJ", r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*"),
    _shape(
        "a private key",
        "-----BEGIN",
        "-----BEGIN",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
)
