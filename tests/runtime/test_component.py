from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from tinyflow_runtime.component import Component, Failure, Port, Retry, label_of, ports_of, prototype
from tinyflow_runtime.definition.settings import settings_from
from tinyflow_runtime.errors import ComponentError, PortError, SettingsError
from tinyflow_runtime.module import component


@dataclass
class CounterSettings:
    step: int = 1


@dataclass
class Routes:
    routes: list[str]


class Counter(Component):
    """Counts what passes.

    More about it.
    """

    def __init__(self) -> None:
        self.count = 0  # without super().__init__()

    def ports(self) -> list[Port]:
        return [
            Port("in", "in", int),
            Port("count", "out", int, status=True),
            Port("settings", "in", CounterSettings, settings=True),
        ]

    async def handle(self, output: Any, port: str, payload: Any) -> None:
        self.count += self.settings.step
        await output("count", self.count)


def test_a_class_is_a_component_with_its_docstring_and_a_label_as_name():
    found = prototype(Counter)

    assert (found.name, found.info().description, found.module) == ("counter", "Counts what passes.", "notebook")
    assert isinstance(found.instance(), Counter)
    assert found.instance() is not found


def test_every_component_has_an_error_output_unless_it_declares_one():
    class Own(Counter):
        def ports(self):
            return [Port("error", "out", str)]

    assert ports_of(prototype(Counter))["error"].type is Failure
    assert ports_of(prototype(Own))["error"].type is str


def test_a_port_stands_left_or_right_unless_told_otherwise():
    assert [Port("a", "in").position, Port("a", "out").position] == ["left", "right"]
    assert Port("a", "in", position="top").position == "top"


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        (("In", "in"), {}, "TF-106 'In' is no name for a port."),
        (("in", "up"), {}, "TF-108 Port 'in' has direction 'up'."),
        (("in", "in"), {"position": "middle"}, "TF-108 Port 'in' has position 'middle'."),
        (("in", "in"), {"overflow": "drop"}, "TF-108 Port 'in' has overflow 'drop'."),
        (("s", "out"), {"settings": True}, "TF-108 Port 's' is an output and cannot take settings."),
    ],
)
def test_a_wrong_port_is_refused_where_it_is_written(arguments, options, text):
    with pytest.raises(PortError) as caught:
        Port(*arguments, **options)

    assert str(caught.value).startswith(text)
    assert "test_component.py, line" in caught.value.where


def _with_ports(*ports: Any) -> Component:
    class Odd(Component):
        def ports(self) -> Any:
            return list(ports)

    return prototype(Odd)


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        ([Port("a", "in"), Port("a", "out")], "'odd' has two ports 'a'"),
        ([Port("a", "in", settings=True), Port("b", "in", settings=True)], "'odd' has 2 settings ports: a, b"),
        (["a"], "Odd.ports() holds 'a', which is no port"),
    ],
)
def test_ports_that_contradict_each_other_are_refused(ports, text):
    with pytest.raises(PortError, match="TF-108") as caught:
        ports_of(_with_ports(*ports))

    assert text in caught.value.what


def test_an_error_in_ports_says_that_settings_are_none_the_first_time():
    class Early(Component):
        def ports(self) -> Any:
            return [Port(name, "out") for name in self.settings.names]

    with pytest.raises(PortError, match=r"TF-108 Early.ports\(\) raised AttributeError") as caught:
        ports_of(prototype(Early))

    assert "The very first time, self.settings is None" in str(caught.value)
    assert "test_component.py, line" in caught.value.where


def test_ports_may_depend_on_the_settings():
    class Router(Component):
        def ports(self):
            routes = self.settings.routes if self.settings else ["default"]
            return [Port("settings", "in", Routes, settings=True), *(Port(route, "out") for route in routes)]

    router = prototype(Router)
    configured = router.instance()
    configured.settings = settings_from(router, {"routes": ["a", "b"]})

    assert list(ports_of(router)) == ["settings", "default", "error"]
    assert list(ports_of(configured)) == ["settings", "a", "b", "error"]


def test_the_keywords_of_a_class_are_the_fields_of_its_settings():
    assert settings_from(prototype(Counter), {}) == CounterSettings(1)
    assert settings_from(prototype(Counter), {"step": 5}) == CounterSettings(5)
    with pytest.raises(SettingsError, match="TF-109 'Counter' has no setting 'stepp'") as caught:
        settings_from(prototype(Counter), {"stepp": 5})
    assert "Did you mean 'step'? Settings of Counter: step." in str(caught.value)


def test_a_plain_function_is_no_component_and_the_way_out_says_what_to_write():
    def plain(x):
        return x

    with pytest.raises(ComponentError) as caught:
        prototype(plain)

    assert caught.value.what == "'plain' is a plain function, not a component."
    assert "Decorate it with @tf.component" in str(caught.value)


@pytest.mark.parametrize("thing", [3, "double", dict, None])
def test_what_is_no_component_is_refused(thing):
    with pytest.raises(ComponentError, match="TF-115"):
        prototype(thing)


def test_a_class_without_ports_a_plain_handle_and_needed_arguments_are_refused():
    class NoPorts(Component):
        pass

    class Plain(Counter):
        def handle(self, output, port, payload):
            pass

    class Needs(Counter):
        def __init__(self, size):
            pass

    for cls, text in ((NoPorts, "no method ports"), (Plain, "must be async"), (Needs, "without arguments")):
        with pytest.raises(ComponentError, match="TF-112") as caught:
            prototype(cls)
        assert text in caught.value.what


@pytest.mark.parametrize("attempts", [0, 101, True, "3"])
def test_a_retry_has_between_1_and_100_attempts(attempts):
    with pytest.raises(ComponentError, match="TF-119"):
        Retry(attempts=attempts)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("double", "double"),
        ("to_text", "to-text"),
        ("HTTPServer", "http-server"),
        ("Window2D", "window2-d"),
        ("_a", "a"),
    ],
)
def test_a_label_is_made_of_a_python_name(name, label):
    assert label_of(name) == label


def test_a_subclass_of_a_modules_component_belongs_to_the_notebook():
    @component(retry=3, tags="demo")
    class Base(Counter):
        pass

    class Derived(Base):
        pass

    assert (prototype(Base).retry, prototype(Base).info().tags) == (Retry(attempts=3), ("demo",))
    assert prototype(Derived).module == "notebook"
