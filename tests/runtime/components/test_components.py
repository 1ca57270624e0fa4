import subprocess
import sys

import pytest
from tinyflow_runtime.component import ports_of
from tinyflow_runtime.components import MODULE
from tinyflow_runtime.definition.settings import settings_from
from tinyflow_runtime.module import find
from tinyflow_runtime.schema import json_schema

NAMES = [
    "aggregate", "csv-reader", "debug", "filter", "http-server", "join", "map", "router", "ticker", "vitals", "window",
]  # fmt: skip

REQUIRED = {"csv-reader": {"path": "some.csv"}, "window": {"size": 3}}


def test_the_module_holds_the_first_components():
    assert sorted(MODULE.components) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_component_can_be_found_and_says_what_it_is(name):
    component = find("tinyflow", name)

    assert component is not None
    assert component.info().name == name
    assert component.info().description.endswith(".")
    assert component.info().tags


@pytest.mark.parametrize("name", NAMES)
def test_every_component_has_a_form_with_a_help_text_for_each_setting(name):
    settings = ports_of(find("tinyflow", name))["settings"]

    fields = json_schema(settings.type)
    fields = (
        fields["$defs"][fields["$ref"].rsplit("/", 1)[1]]["properties"] if "$ref" in fields else fields["properties"]
    )

    assert fields
    assert [field for field, schema in fields.items() if "description" not in str(schema)] == []


def test_importing_the_components_loads_no_server_and_no_psutil():
    code = "import sys, tinyflow_runtime.components; print([m for m in ('aiohttp', 'psutil') if m in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
async def test_a_component_takes_new_settings_without_a_message(name, output):
    component = find("tinyflow", name).instance()
    component.settings = settings_from(component, REQUIRED.get(name, {}))

    await component.handle(output, "settings", component.settings)

    assert output.got == []


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_given_as_a_document_would_hold_them_too(name):
    documents = {
        "router": {"routes": [{"name": "hot", "when": "msg > 30"}]},
        "join": {"inputs": ["cpu", "memory"], "how": "latest"},
        **REQUIRED,
    }
    component = find("tinyflow", name).instance()

    component.settings = settings_from(component, documents.get(name, {}))

    assert ports_of(component)["settings"].type is type(component.settings)
