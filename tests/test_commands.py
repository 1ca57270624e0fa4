"""Every command explains itself, and stands in the reference."""

from __future__ import annotations

import argparse
import re
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from tinyflow_runtime.__main__ import GROUP, OWN, main

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COMMANDS = OWN | PROJECT["entry-points"][GROUP]
PAGE = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")


def test_the_reference_tells_of_every_command_and_no_other():
    told = re.findall(r"^\| `tinyflow (\w+(?: (?:un)?install)?)", PAGE, flags=re.MULTILINE)

    assert set(told) == {name.replace(".", " ") for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_is_for_and_what_each_option_does(name, monkeypatch):
    seen = []

    def parse(parser, *_):
        seen.append(parser)
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(argparse.ArgumentParser, "parse_known_args", parse)
    with pytest.raises(SystemExit):
        EntryPoint(name, COMMANDS[name], GROUP).load()([])

    assert seen[0].prog == f"tinyflow {name.replace('.', ' ')}"
    assert seen[0].description.endswith(".")
    assert [action.dest for action in seen[0]._actions if action.option_strings and not action.help] == []


def test_the_help_of_all_says_a_sentence_of_each(monkeypatch, capsys):
    entries = [EntryPoint(name, where, GROUP) for name, where in PROJECT["entry-points"][GROUP].items()]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: entries)

    with pytest.raises(SystemExit):
        main(["--help"])

    said = capsys.readouterr().out
    assert [name for name in COMMANDS if not re.search(rf"^  {name} +[A-Z].*\.$", said, re.MULTILINE)] == []
