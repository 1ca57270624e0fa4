from dataclasses import dataclass
from typing import Any

import pytest
from tinyflow_runtime.components import Filter, FilterSettings, Map, MapSettings, Route, Router, RouterSettings
from tinyflow_runtime.errors import ExpressionError, SettingsError


@dataclass
class Reading:
    percent: float


async def test_a_filter_sends_what_fits_one_way_and_the_rest_another(output):
    filter_ = Filter()
    filter_.settings = FilterSettings(when="msg.percent > 80")

    for percent in (10, 90, 80):
        await filter_.handle(output, "in", Reading(percent))

    assert output.on("out") == [Reading(90)]
    assert output.on("rest") == [Reading(10), Reading(80)]


async def test_a_filter_reads_fields_of_dictionaries_alike(output):
    filter_ = Filter()
    filter_.settings = FilterSettings(when="msg.percent > 80 and msg['kind'] == 'cpu'")

    await filter_.handle(output, "in", {"percent": 81, "kind": "cpu"})
    await filter_.handle(output, "in", {"percent": 81, "kind": "disk"})

    assert output.on("out") == [{"percent": 81, "kind": "cpu"}]


async def test_a_filter_follows_its_settings_at_once(output):
    filter_ = Filter()

    await filter_.handle(output, "in", 1)
    filter_.settings = FilterSettings(when="msg > 5")
    await filter_.handle(output, "in", 1)

    assert output.got == [("out", 1), ("rest", 1)]


@pytest.mark.parametrize(
    ("component", "settings"),
    [
        (Filter, FilterSettings(when="msg.percent >")),
        (Map, MapSettings(to="open('/etc/passwd')")),
        (Router, RouterSettings(routes=(Route("hot", "msg >"),))),
    ],
)
def test_a_bad_expression_is_refused_when_the_node_is_made(component, settings):
    node = component()
    node.settings = settings

    with pytest.raises(ExpressionError, match="TF-114"):
        node.ports()


async def test_a_map_sends_what_its_expression_makes(output):
    map_ = Map()
    map_.settings = MapSettings(to="{'celsius': (msg['fahrenheit'] - 32) / 1.8}")

    await map_.handle(output, "in", {"fahrenheit": 212})

    assert output.got == [("out", {"celsius": 100})]


async def test_a_map_sends_nothing_where_there_is_nothing(output):
    map_ = Map()
    map_.settings = MapSettings(to="msg['answer'] if 'answer' in msg else None")

    await map_.handle(output, "in", {"question": "?"})
    await map_.handle(output, "in", {"answer": 42})

    assert output.got == [("out", 42)]


def test_a_map_tells_the_type_of_what_it_makes_where_the_expression_tells():
    map_ = Map()
    map_.settings = MapSettings(to="len(msg)")

    types = {port.name: port.type for port in map_.ports()}

    assert types["out"] in (int, Any)


def router(*routes: tuple[str, str], send: str = "first") -> Router:
    made = Router()
    made.settings = RouterSettings(routes=tuple(Route(*route) for route in routes), send=send)
    return made


def test_a_router_has_one_output_for_each_route():
    names = [port.name for port in router(("hot", "msg > 30"), ("cold", "msg < 0")).ports()]

    assert names == ["in", "hot", "cold", "other", "settings"]


async def test_a_router_sends_to_the_first_route_that_fits_and_otherwise_to_other(output):
    node = router(("hot", "msg > 30"), ("warm", "msg > 20"))

    for degrees in (35, 25, 5):
        await node.handle(output, "in", degrees)

    assert output.got == [("hot", 35), ("warm", 25), ("other", 5)]


async def test_a_router_that_sends_to_all_gives_each_a_copy_of_its_own(output):
    node = router(("hot", "msg['t'] > 30"), ("warm", "msg['t'] > 20"), send="all")

    await node.handle(output, "in", {"t": 35})

    assert output.got == [("hot", {"t": 35}), ("warm", {"t": 35})]
    assert output.got[0][1] is not output.got[1][1]


@pytest.mark.parametrize("name", ["in", "other", "settings", "error"])
def test_a_route_cannot_take_the_name_of_a_port_that_every_router_has(name):
    with pytest.raises(SettingsError, match=f"TF-109 A route cannot be called '{name}'"):
        router((name, "True")).ports()
