"""What can be put on a flow, where it goes, and what fits what."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import msgspec
import pytest
import tinyflow_runtime.components  # noqa: F401  # they are known from then on
from tinyflow_runtime import component
from tinyflow_runtime.schema import fits

import tinyflow_jupyter as tf
from tinyflow_jupyter._view import palette as palette_file
from tinyflow_jupyter._view import port_types
from tinyflow_jupyter._view.editing import WORDS
from tinyflow_jupyter._view.edits import edits_of
from tinyflow_jupyter._view.flow_view import FlowView
from tinyflow_jupyter._view.palette import palette
from tinyflow_jupyter._view.port_types import Types

shop = tf.Module("palette-shop")


@shop.component(tags=["counting"])
def weigh(x: float, *, unit: str = "kg") -> str:
    """How heavy it is.

    The second paragraph is for who reads the code.
    """
    return f"{x} {unit}"


@shop.component
def double(x: int) -> int:
    """Twice the number."""
    return 2 * x


@shop.component
class Broken(tf.Component):
    """Its ports cannot be told."""

    def ports(self):
        raise OSError("<b>no</b>\nmore")


@tf.component
def typed_in_a_cell(x: int) -> int:
    """Of the notebook's own module."""
    return x


@pytest.fixture(autouse=True)
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests have made components by the hundred, as no notebook has."""
    mine = tf.Module.all["notebook"].components["typed-in-a-cell"]
    monkeypatch.setattr(tf.Module.all["notebook"], "components", {"typed-in-a-cell": mine})
    known = {name: module for name, module in tf.Module.all.items() if name in ("notebook", "palette-shop", "tinyflow")}
    monkeypatch.setattr(tf.Module, "all", known)
    monkeypatch.setattr(component, "UNDECORATED", {})
    monkeypatch.setattr(palette_file, "UNDECORATED", {})


def entry(found: dict[str, Any], *component: str) -> dict[str, Any]:
    return next(one for one in found["components"] if one["component"] == list(component))


def test_a_component_is_described_by_what_it_says_of_itself():
    types = Types()

    found = palette(types)

    one = entry(found, "palette-shop", "weigh")
    assert {key: one[key] for key in ("title", "description", "tags", "settings")} == {
        "title": "weigh",
        "description": "How heavy it is.",
        "tags": ["counting"],
        "settings": "WeighSettings",
    }
    assert [(port["name"], port["dir"], port["side"], port["kind"], port["family"]) for port in one["ports"]] == [
        ("in", "in", "left", "data", "number"),
        ("settings", "in", "left", "settings", "record"),
        ("out", "out", "right", "data", "text"),
        ("error", "out", "right", "error", "bad"),
    ]
    assert [found["types"][port["type"]] for port in one["ports"]][:1] == ["float"]


def test_the_notebooks_own_come_first_and_those_that_come_with_tinyflow_last():
    found = palette(Types())["components"]

    assert [one["own"] for one in found] == sorted((one["own"] for one in found), reverse=True)
    assert entry({"components": found}, "notebook", "typed-in-a-cell")["own"] is True
    assert found[-1]["component"][0] == "tinyflow"
    assert entry({"components": found}, "tinyflow", "ticker")["tags"] == ["source", "time"]


def test_a_component_that_cannot_be_described_is_listed_with_the_reason():
    found = palette(Types())

    assert entry(found, "palette-shop", "broken")["description"].startswith("It cannot be described: TF-108")


def test_the_table_says_of_every_two_types_whether_they_fit():
    types = Types()
    several = [int, float, str, list[int], list[float], Annotated[int, msgspec.Meta(ge=0)], Any]
    numbers = [types.number(tp) for tp in several]

    table = types.told()["fits"]

    assert table == {
        number: [other for other, into in zip(numbers, several, strict=True) if fits(out, into)]
        for number, out in zip(numbers, several, strict=True)
    }
    assert palette(types)["fits"].keys() == palette(types)["types"].keys()


def test_the_table_of_many_types_is_made_once_and_then_looked_up(monkeypatch: pytest.MonkeyPatch):
    asked: list[Any] = []
    monkeypatch.setattr(port_types, "fits", lambda *pair: asked.append(pair) or fits(*pair))
    types = Types()
    for number in range(60):
        types.number(Annotated[int, msgspec.Meta(ge=number)])
    first = types.told()
    odd = types.number(Annotated[int, msgspec.Meta(extra={"no": ["hash"]})])

    second = types.told()

    assert {source: set(first["fits"][source]) for source in range(60)} == {
        source: set(second["fits"][source]) - {odd} for source in range(60)
    }
    assert len(asked) == 61 * 61


def test_a_type_that_is_gone_leaves_its_number_to_no_other():
    types = Types()

    names = []
    for _ in range(20):
        for item in (int, str, float, bool, bytes):
            number = types.number(list[item])  # nobody keeps it: the next one may lie where it lay
            names.append(types.told()["types"][number])

    assert names == ["list[int]", "list[str]", "list[float]", "list[bool]", "list[bytes]"] * 20
    assert len(types.told()["types"]) == 5


def test_a_type_that_no_port_has_any_more_is_forgotten_and_its_number_never_given_again():
    types, old = Types(), _dataclass()
    with types.used("offered"):
        types.number(int)
    with types.used("drawn"):
        before = [types.number(int), types.number(old), types.number(float)]

    types.told()
    with types.used("drawn"):
        after = [types.number(int), types.number(_dataclass())]

    assert (before, after) == ([0, 1, 2], [0, 3])
    assert list(types.told()["types"]) == [0, 3]
    assert list(types.told()["fits"]) == [0, 3]
    assert old not in {*types._numbers, *types._types.values()}


def _dataclass() -> Any:
    return dataclasses.make_dataclass("Payload", [("x", int)])


def test_a_cell_that_runs_again_leaves_a_view_no_more_types():
    flow = tf.Flow("rerun")
    view = FlowView(flow)
    view.shown()

    counted = []
    for _ in range(5):
        flow.node("a", _component(_dataclass()))
        counted.append(len(view.shown()["types"]))
    view.close()

    assert len(set(counted)) == 1


def _component(tp: Any) -> Any:
    def take(x: Any) -> None:
        """Takes one."""

    take.__annotations__["x"] = tp
    return tf.component(take)


def chain() -> tf.Flow:
    flow = tf.Flow("chain")
    for name in ("a", "b", "c", "d"):
        flow.node(name, double)
    flow.edge("a:out", "b:in")
    flow.edge("b:out", "c:in", when="msg > 1")
    flow.edge("c:out", "d:in")
    return flow


def test_a_layout_places_all_nodes_and_is_undone_as_one():
    flow = chain()
    flow.move("c", (-500, 3))
    before = flow.to_yaml()

    edits_of(flow).lay_out()

    places = [flow.nodes[name].position for name in ("a", "b", "c", "d")]
    assert places == sorted(places)
    edits_of(flow).undo()
    assert flow.to_yaml() == before


def test_a_layout_of_some_leaves_the_others_and_keeps_their_corner():
    flow = chain()
    for number, name in enumerate(("d", "c", "b", "a")):
        flow.move(name, (100 * number + 40, 70))

    edits_of(flow).lay_out(["b", "c", "nobody"])

    assert flow.nodes["b"].position == (140, 70)
    assert flow.nodes["c"].position > (140, 70)
    assert flow.nodes["a"].position == (340, 70)
    assert flow.nodes["d"].position == (40, 70)


def test_what_was_copied_is_pasted_into_another_flow_with_its_settings_and_edges():
    flow, other = chain(), tf.Flow("other")
    flow.node("w", weigh, unit="t")
    flow.edge("b:out", "w:in")
    flow.move("b", (5, 6))
    words = edits_of(flow).answers(Types())

    answer = words["copy"]({"do": "copy", "names": ["b", "c", "w", "nobody"]})
    flow.remove("b")
    edits_of(other).edit([{"op": "paste", "offset": [10, 10]}])

    assert answer == {"nodes": 3}
    assert list(map(repr, other.edges.values())) == ['Edge("b:out", "c:in", when="msg > 1")', 'Edge("b:out", "w:in")']
    assert other.nodes["w"].settings == {"unit": "t"}
    assert other.nodes["b"].position == (15, 16)


def test_a_browser_asks_for_the_code_and_the_palette():
    flow = chain()
    words = edits_of(flow).answers(Types())

    code = words["code"]({"do": "code"})

    assert 'flow.edge("b:out", "c:in", when="msg > 1")' in code
    assert words["palette"]({"do": "palette"})["components"]
    assert sorted(words) == sorted(WORDS)


@pytest.mark.parametrize("names", [[], None])
def test_a_flow_of_nothing_has_a_layout_of_nothing(names):
    flow = tf.Flow("empty")

    answer = edits_of(flow).lay_out(names)

    assert answer["undo"] == 0
