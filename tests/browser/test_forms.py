"""A form gives back what it was given, for every kind of type; and what it gives fits the type that it was made of."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import msgspec
import pytest
import pytest_asyncio
from msgspec import Meta
from playwright.async_api import Page
from pydantic import BaseModel
from pydantic import Field as Described
from tinyflow_runtime.component import Port
from tinyflow_runtime.payloads.blame import blame
from tinyflow_runtime.redaction import Redactor
from tinyflow_runtime.schema import document_of

from tinyflow_jupyter._view.marks import masked, schema_of, written

sys.path.insert(0, str(Path(__file__).parent))
from panels import script

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]


class Colour(enum.Enum):
    RED = "r"
    DARK_BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Pair(NamedTuple):
    left: int
    right: str = "x"


class Keyed(TypedDict):
    name: str
    size: float


class Model(BaseModel):
    name: str = Described(min_length=1, title="Its name", description="What it is called.")
    parts: list[Pair] = []


class Cat(msgspec.Struct, tag="cat"):
    lives: int = 9


class Dog(msgspec.Struct, tag="dog"):
    name: str = "Rex"


@dataclass
class Branch:
    name: str
    inside: list[Branch] = field(default_factory=list)
    above: Branch | None = None


@dataclass
class Many:
    number: Annotated[int, Meta(ge=0, le=10)] = 3
    maybe: float | None = None
    word: Annotated[str, Meta(pattern="^[a-z]+$")] = "abc"
    text: str | None = None
    colour: Colour = Colour.RED
    either: int | list[str] = 1
    pair: tuple[int, str] = (1, "a")
    when: datetime.datetime | None = None


KINDS: dict[str, tuple[Any, Any]] = {
    "int": (int, -7),
    "a large int": (int, 2**60 + 1),
    "float": (float, 0.1),
    "infinite": (float, float("-inf")),
    "str": (str, "a\tb"),
    "lines": (str, "one\ntwo\n"),
    "no text": (str, ""),
    "bool": (bool, True),
    "literal": (Literal["a", 1, None], 1),
    "enum": (Colour, Colour.DARK_BLUE),
    "int enum": (Level, Level.HIGH),
    "date": (datetime.date, datetime.date(2026, 11, 24)),
    "a naive moment": (datetime.datetime, datetime.datetime(2026, 11, 24, 12, 30, 5)),
    "a moment": (datetime.datetime, datetime.datetime(2026, 11, 24, 12, 30, 5, 1000, datetime.UTC)),
    "time": (datetime.time, datetime.time(12, 30, 5)),
    "duration": (datetime.timedelta, datetime.timedelta(days=1, seconds=30)),
    "uuid": (uuid.UUID, uuid.UUID(int=7)),
    "decimal": (decimal.Decimal, decimal.Decimal("1.10")),
    "path": (Path, Path("a/b")),
    "bytes": (bytes, b"\x00\xff"),
    "list": (list[int], [3, 1, 2]),
    "empty list": (list[str], []),
    "list of lists": (list[list[float]], [[1.5], [], [2.5, 3.5]]),
    "tuple": (tuple[int, str], (1, "a")),
    "set": (set[str], {"a"}),
    "dict": (dict[str, float], {"a": 1.5, "__proto__": 2.5}),
    "dict of anything": (dict, {"a": [1, {"b": None}]}),
    "anything": (Any, [1, "a", {"b": 2.5}]),
    "optional": (int | None, 4),
    "union": (int | str | list[int], [1]),
    "namedtuple": (Pair, Pair(1)),
    "typeddict": (Keyed, {"name": "a", "size": 1.5}),
    "pydantic": (Model, Model(name="a", parts=[Pair(2)])),
    "tagged": (Cat | Dog, Dog("Bello")),
    "many": (Many, Many(maybe=2.5, either=["x"], when=datetime.datetime(2026, 1, 2, 3, 4, 5))),
    "defaults": (Many, Many()),
    "branches": (Branch, Branch("a", [Branch("b", [Branch("c")])], Branch("d"))),
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def page(bare: Page) -> Page:
    await bare.add_script_tag(content=script() + "\nwindow.Form = Form;")
    return bare


async def test_a_form_gives_back_what_it_was_given(page: Page) -> None:
    given = {}
    for name, (tp, value) in KINDS.items():
        schema = schema_of(Port("in", "in", tp))
        given[name] = (schema, masked(document_of(value), schema, Redactor()))

    answer = await page.evaluate(
        """text => JSON.stringify(Object.entries(JSON.parse(text)).map(([name, [schema, value]]) => {
            const form = new Form({schema, value, submit: async () => ({})});
            return [name, [form.value, form.dirty, form.check()]];
        }))""",
        json.dumps(given),
    )
    told = dict(json.loads(answer))

    assert {name: value for name, (value, _, _) in told.items()} == {name: value for name, (_, value) in given.items()}
    assert [name for name, (_, dirty, _) in told.items() if dirty] == []
    assert [name for name, (_, _, fits) in told.items() if not fits] == []


async def test_what_a_form_gives_fits_its_type(page: Page) -> None:
    schemas = {name: schema_of(Port("in", "in", tp)) for name, (tp, _) in KINDS.items()}
    values = {name: masked(document_of(value), schemas[name], None) for name, (_, value) in KINDS.items()}

    told = await page.evaluate(
        """([schemas, values]) => Object.fromEntries(Object.entries(schemas).map(([name, schema]) =>
            [name, new Form({schema, value: values[name], submit: async () => ({})}).value]))""",
        [schemas, values],
    )

    wrong = {name: blame(written(told[name], lambda path: None), tp) for name, (tp, _) in KINDS.items()}
    assert {name: found for name, found in wrong.items() if found} == {}


async def test_a_form_without_a_value_begins_with_the_defaults(page: Page) -> None:
    schema = schema_of(Port("in", "in", Many))

    value = await page.evaluate("schema => new Form({schema, submit: async () => ({})}).value", schema)

    assert value == json.loads(json.dumps(document_of(Many())))


@pytest.mark.parametrize(
    ("tp", "entered", "said"),
    [
        (Annotated[int, Meta(ge=1, le=10)], "11", "At most 10."),
        (Annotated[int, Meta(ge=1, le=10)], "0", "At least 1."),
        (int, "1.5", "This is no whole number."),
        (float, "x", "This is no number."),
        (float, "", "It is needed."),
        (Annotated[float, Meta(gt=0)], "0", "More than 0."),
        (Annotated[int, Meta(multiple_of=5)], "7", "A multiple of 5."),
        (Annotated[str, Meta(min_length=3)], "ab", "At least 3 letters; there are 2."),
        (Annotated[str, Meta(max_length=2)], "abc", "At most 2 letters; there are 3."),
        (Annotated[str, Meta(pattern="^[a-z]+$")], "A", "It does not match ^[a-z]+$"),
        (float, "nan", ""),
    ],
)
async def test_what_does_not_fit_is_said_while_it_is_entered(page: Page, tp: Any, entered: str, said: str) -> None:
    await page.evaluate(
        "schema => document.body.append(new Form({schema, submit: async () => ({})}).el)",
        schema_of(Port("in", "in", tp)),
    )

    await page.locator("form input").first.fill("9")
    await page.locator("form input").first.fill(entered)

    assert await page.locator(".tf-error").first.text_content() == said
