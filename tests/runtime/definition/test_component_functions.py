from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import msgspec
import pytest
from tinyflow_runtime.component import Handler, ports_of, prototype
from tinyflow_runtime.definition.functions import FunctionComponent
from tinyflow_runtime.definition.settings import settings_from
from tinyflow_runtime.errors import ComponentError, SettingsError
from tinyflow_runtime.module import component
from tinyflow_runtime.schema import json_schema, type_name


def shown(function: Any) -> str:
    """The ports of a function on one line, without the implicit one."""
    ports = ports_of(prototype(function)).values()
    return ", ".join(f"{port.direction} {port.name}: {type_name(port.type)}" for port in ports if port.name != "error")


class Sent(list):
    """A Handler that keeps what is sent."""

    async def __call__(self, port: str, payload: Any) -> None:
        self.append((port, payload))


def test_a_signature_becomes_ports():
    @component
    def above(x: float, *, limit: float = 10.0) -> float | None:
        return x if x > limit else None

    assert shown(above) == "in in: float, in settings: AboveSettings, out out: float"
    assert above(11.0) == 11.0
    assert (prototype(above).style, prototype(above).source) == ("value", False)


def test_generators_are_recognised_by_yield_and_send_each_item():
    @component
    def spell(word: str) -> Iterator[str]:
        yield from word

    @component
    async def ticks(*, every: float = 1.0) -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(every)

    assert shown(spell) == "in in: str, out out: str"
    assert shown(ticks) == "in settings: TicksSettings, out out: int"
    assert (prototype(spell).style, prototype(ticks).style, prototype(ticks).source) == (
        "generator",
        "async generator",
        True,
    )


def test_no_annotation_means_any_and_none_means_no_output():
    @component
    def show(x):
        return x

    @component
    def swallow(x: int) -> None:
        pass

    assert shown(show) == "in in: Any, out out: Any"
    assert shown(swallow) == "in in: int"


def test_annotations_may_name_what_is_local_to_the_decorating_frame():
    @dataclass
    class Point:
        x: int
        next: Point | None = None

    @component
    def move(point: Point) -> list[Point]:
        return [point]

    assert shown(move) == "in in: Point, out out: list[Point]"
    assert "next" in json_schema(Point)["properties"]


async def test_a_handler_sends_to_many_outputs():
    @component(outputs={"even": int, "odd": int})
    async def split(x: int, output: Handler) -> None:
        await output("even" if x % 2 == 0 else "odd", x)

    sent = Sent()
    await prototype(split).handle(sent, "in", 3)

    assert shown(split) == "in in: int, out even: int, out odd: int"
    assert sent == [("odd", 3)]


async def test_a_function_component_sends_what_its_function_gives_but_never_none():
    @component
    def spell(word: str) -> Iterator[str | None]:
        for letter in word:
            yield None if letter == "-" else letter

    sent = Sent()
    await prototype(spell).handle(sent, "in", "a-b")

    assert sent == [("out", "a"), ("out", "b")]


async def test_settings_are_bound_and_every_instance_has_its_own():
    @component
    def scale(x: int, *, factor: int = 2, words: list = []) -> int:  # noqa: B006  # what a beginner writes
        words.append(x)
        return x * factor

    one, other = prototype(scale).instance(), prototype(scale).instance()
    one.settings = settings_from(prototype(scale), {"factor": 10})
    sent = Sent()
    await one.handle(sent, "in", 2)
    await other.handle(sent, "in", 2)

    assert sent == [("out", 20), ("out", 4)]
    assert (one.settings.words, other.settings.words) == ([2], [2])


def test_a_setting_is_described_by_the_docstring_and_bounded_by_its_annotation():
    @component
    def above(x: float, *, limit: Annotated[float, msgspec.Meta(ge=0)] = 10.0, unit: str = "°C") -> float:
        """Lets through what is above the limit.

        Args:
            x: What comes.
            limit: What must be passed;
                not reached.
        """
        return x

    schema = json_schema(ports_of(prototype(above))["settings"].type)

    assert schema["properties"]["limit"] == {
        "type": "number",
        "minimum": 0,
        "title": "Limit",
        "description": "What must be passed; not reached.",
        "default": 10.0,
    }


def _two(a: int, b: int) -> int:
    return a + b


def _three(a, b, c):
    return a


def _star(*values):
    return values


def _stars(x, **more):
    return x


def _unresolved(x: Missing) -> int:  # noqa: F821  # the point of the test
    return 1


def _unresolved_return(x) -> list[Missing]:  # noqa: F821  # the point of the test
    return []


def _sync_handler(x: int, output: Handler) -> None:
    output("out", x)


async def _no_outputs(x: int, output: Handler) -> None:
    await output("out", x)


def _returns_a_stream(x: int) -> Iterator[int]:
    return iter([x])


def _no_type(x: 3) -> int:
    return 3


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (_two, "TF-112 '_two' has two input parameters, a and b; a component has one."),
        (_three, "TF-112 '_three' has three input parameters, a, b and c; a component has one."),
        (_star, "TF-112 '_star' takes *values; a component has one input."),
        (_stars, "TF-112 '_stars' takes **more, but settings have names."),
        (_unresolved, "TF-113 The type of 'x' of '_unresolved' cannot be resolved: 'Missing' is not defined."),
        (_unresolved_return, "TF-113 The return type of '_unresolved_return' cannot be resolved"),
        (_sync_handler, "TF-112 '_sync_handler' has a Handler but is a plain def, which cannot wait."),
        (_no_outputs, "TF-112 '_no_outputs' has a Handler but declares no outputs."),
        (_returns_a_stream, "TF-112 '_returns_a_stream' returns Iterator[int], and one payload cannot be a stream."),
        (_no_type, "TF-113 The annotation of 'x' of '_no_type' is not a type"),
        (lambda x: x, "TF-106 '<lambda>' is no name for a component."),
        (3, "TF-112 'int' is no function."),
    ],
    ids=str,
)
def test_a_function_that_cannot_be_a_component_is_refused_with_its_place(function, text):
    with pytest.raises(ComponentError) as caught:
        component(function)

    assert str(caught.value).startswith(text)
    assert "test_component_functions.py, line" in caught.value.where
    assert caught.value.way_out


@pytest.mark.parametrize(
    "options",
    [{"timeout": 1}, {"timeout": -1, "blocking": True}, {"retry": 0}, {"retry": True}, {"blocking": "yes"}],
    ids=str,
)
def test_a_wrong_option_is_refused(options):
    def double(x: int) -> int:
        return 2 * x

    with pytest.raises(ComponentError, match="TF-119"):
        component(**options)(double)


def test_an_async_function_cannot_be_blocking():
    async def load(x: int) -> int:
        return x

    with pytest.raises(ComponentError, match="TF-119"):
        component(blocking=True)(load)


class Box(NamedTuple):
    width: int


BOX = Box(1)


@dataclass
class Options:
    path: str
    box: Box = BOX
    rates: dict[str, float] | None = None


@component
def reader(x: int, *, path: str, options: Options | None = None, rate: float = 1.0) -> int:
    return x


def test_the_defaults_of_a_function_with_a_needed_setting_are_none():
    assert isinstance(prototype(reader), FunctionComponent)
    assert prototype(reader).instance().settings is None


def test_settings_are_documents_or_values():
    found = settings_from(prototype(reader), {"path": "a", "options": {"path": "b", "box": [2]}, "rate": 2})

    assert (found.options, found.rate, type(found.rate)) == (Options("b", Box(2)), 2, int)


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({}, "TF-109 'reader' needs the setting 'path'."),
        ({"pth": "a", "path": "b"}, "TF-109 'reader' has no setting 'pth'."),
        ({"path": 1}, "TF-109 Setting 'path' of 'reader' is 1 (int), not str."),
        ({"path": "a", "rate": True}, "TF-109 Setting 'rate' of 'reader' is True (bool), not float."),
        (
            {"path": "a", "options": {"path": "b", "box": ["x"]}},
            "TF-109 Setting 'options.box.width' of 'reader' is 'x' (str), not int.",
        ),
    ],
    ids=str,
)
def test_wrong_settings_are_refused_with_the_path_of_the_field(keywords, text):
    with pytest.raises(SettingsError) as caught:
        settings_from(prototype(reader), keywords)

    assert str(caught.value).startswith(text)
    assert "test_component_functions.py, line" in caught.value.where


def test_an_unknown_setting_is_answered_with_the_nearest_one():
    with pytest.raises(SettingsError, match="Did you mean 'path'"):
        settings_from(prototype(reader), {"pth": "a", "path": "b"})


def test_a_component_without_settings_takes_none():
    @component
    def double(x: int) -> int:
        return 2 * x

    assert settings_from(prototype(double), {}) is None
    with pytest.raises(SettingsError, match="'double' has no settings, but was given limit"):
        settings_from(prototype(double), {"limit": 1})
