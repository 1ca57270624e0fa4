"""Writes what is generated in the charts: `make charts`. Their READMEs have a table of values, out of the schemas."""

from __future__ import annotations

import json
from pathlib import Path

import helm_python
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BEGIN, END = "<!-- values -->\n", "<!-- /values -->\n"


def written():
    """Every generated file, and what has to be in it."""
    found = {}
    for folder in sorted((ROOT / "charts").iterdir()):
        readme = folder / "README.md"
        schema = json.loads((folder / "values.schema.json").read_text())
        values = yaml.safe_load((folder / "values.yaml").read_text())
        before, _, rest = readme.read_text().partition(BEGIN)
        found[readme] = f"{before}{BEGIN}{table(rows(schema, values))}{END}{rest.partition(END)[2]}"
        found[folder / "LICENSE"] = (ROOT / "LICENSE").read_text()
    found[HERE / "golden" / "tinyflow-operator.yaml"] = golden()
    return found


def golden():
    """The default rendering, for a person to read what a change of a template changes."""
    with helm_python.Chart.load(ROOT / "charts" / "tinyflow-operator") as chart:
        files = chart.render(name="tinyflow", namespace="tinyflow")
    return "".join(f"---\n# {name}\n{text.strip()}\n" for name, text in sorted(files.items()) if text.strip())


def rows(schema, values, before="", definitions=None):
    """(path, default, meaning) of every value."""
    definitions = definitions or schema.get("definitions", {})
    for name, default in values.items():
        part = schema["properties"][name]
        path = f"{before}{name}"
        if isinstance(default, dict) and default and "properties" in part:
            yield from rows(part, default, f"{path}.", definitions)
        elif isinstance(default, dict) and default:  # of a shared definition: by its parts
            for inner, value in leaves(default, path):
                yield inner, value, part["description"]
        else:
            yield path, default, part["description"]


def leaves(values, before):
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{before}.{name}")
        else:
            yield f"{before}.{name}", value


def table(found):
    lines = ["| value | default | meaning |", "|---|---|---|"]
    lines += [f"| `{path}` | `{json.dumps(default)}` | {meaning} |" for path, default, meaning in found]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for path, text in written().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
