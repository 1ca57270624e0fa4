from __future__ import annotations

from pathlib import Path

import yaml
from tinyflow_operator.crds import chart, definitions, main

CHART = Path(__file__).parents[2] / "charts/tinyflow-crds"


def test_the_chart_holds_what_is_generated():
    kept = {str(path.relative_to(CHART)): path.read_text() for path in CHART.rglob("*.yaml")}

    assert kept == chart(), "run `make crds`"


def test_every_text_list_and_map_has_a_bound():
    unbounded = []

    def look(schema, path):
        kind = schema.get("type")
        if kind == "string" and not schema.keys() & {"maxLength", "enum", "format"}:
            unbounded.append(path)
        if kind == "array" and "maxItems" not in schema:
            unbounded.append(path)
        for name, part in schema.get("properties", {}).items():
            look(part, f"{path}.{name}")
        if "items" in schema:
            look(schema["items"], f"{path}[]")

    for definition in definitions():
        properties = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        look(properties["spec"], f"{definition['spec']['names']['kind']}.spec")
        look(properties["status"], f"{definition['spec']['names']['kind']}.status")

    assert unbounded == []


def test_the_command_prints_what_kubectl_takes(capsys):
    main([])

    printed = list(yaml.safe_load_all(capsys.readouterr().out))
    assert [document["spec"]["names"]["kind"] for document in printed] == ["TinyModule", "TinyNode", "TinyFlow"]
