"""The documents of the module protocol and of the module process tell of everything that is there, and of no more."""

from __future__ import annotations

import re
from pathlib import Path

from tinyflow_runtime import protocol
from tinyflow_runtime.hosting import metrics
from tinyflow_runtime.hosting.server import _parser
from tinyflow_runtime.rpc.methods import METHODS

DOCUMENTS = Path(__file__).parents[3] / "docs/reference"
PROTOCOL = (DOCUMENTS / "module-protocol.md").read_text(encoding="utf-8")
PROCESS = (DOCUMENTS / "module-process.md").read_text(encoding="utf-8")


def test_every_method_has_its_part():
    parts = re.findall(r"^## (\w+)$", PROTOCOL, re.MULTILINE)

    assert [part for part in parts if part in METHODS or part not in ("Errors", "Secrets")] == list(METHODS)


def test_every_option_is_told():
    options = {option for action in _parser()._actions for option in action.option_strings} - {"-h", "--help"}

    assert options == set(re.findall(r"(?<=`)--[a-z0-9]+", PROCESS.partition("## When")[0]))


def test_every_metric_is_told():
    state = protocol.State(nodes=[protocol.Runner()], edges=[protocol.Channel()])

    names = set(re.findall(r"^# TYPE (\S+)", metrics.text(state, protocol.Description()), re.MULTILINE))

    assert names == set(re.findall(r"`((?:tinyflow|process)_\w+)`", PROCESS.partition("## Metrics")[2]))


def test_every_code_that_is_told_is_one_of_ours():
    sources = Path(metrics.__file__).parents[1]
    ours = {code for path in sources.rglob("*.py") for code in re.findall(r'"(TF-\d{3})"', path.read_text("utf-8"))}

    assert set(re.findall(r"TF-\d{3}", PROTOCOL + PROCESS)) <= ours
