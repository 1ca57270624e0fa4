"""The reference says what the components are, and its examples run."""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from tinyflow_runtime.component import ports_of
from tinyflow_runtime.components import MODULE
from tinyflow_runtime.schema import type_name

PAGE = Path(__file__).parents[3] / "docs/reference/components.md"
COMPONENTS = {type(component).__name__: component for component in MODULE.components.values()}


def described(component) -> str:
    """What the page must say of a component, as the component itself says it."""
    ports = ports_of(component)
    lines = [f"## {type(component).__name__}", "", inspect.cleandoc(type(component).__doc__).replace("``", "`"), ""]
    lines += ["| port | | type |", "|---|---|---|"]
    lines += [
        f"| `{port.name}` | {'status, ' if port.status else ''}{port.direction} | `{type_name(port.type)}` |"
        for port in ports.values()
        if port.name not in ("error", "settings")
    ]
    lines += ["", "| setting | default | |", "|---|---|---|"]
    lines += [
        f"| `{field.name}` | {_default(field)} | {_help(field, ports['settings'].type)} |"
        for field in dataclasses.fields(ports["settings"].type)
    ]
    return "\n".join(lines).replace("`|", "`|").replace(" | None`", " or None`")


def _default(field) -> str:
    if field.default is dataclasses.MISSING:
        return "needed"
    return f"`{field.default!r}`".replace("None", "empty") if field.default is not None else "empty"


def _help(field, owner) -> str:
    annotation = inspect.get_annotations(owner, eval_str=True)[field.name]
    metas = [part for part in (annotation, *get_args(annotation)) for part in getattr(part, "__metadata__", ())]
    return next(meta.description for meta in metas if isinstance(meta, msgspec.Meta) and meta.description)


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_page_says_of_each_component_what_it_is(name):
    assert described(COMPONENTS[name]) in PAGE.read_text()


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_example_on_the_page_runs_as_it_stands(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    (example,) = re.findall(r"```python\n(.*?)```", next(s for s in section if s.startswith(f"{name}\n")), re.DOTALL)

    exec(compile(example, f"<example of {name}>", "exec"), {"__name__": "example"})
