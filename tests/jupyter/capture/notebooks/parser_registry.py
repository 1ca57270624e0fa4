# calls: notebook parse({"kind": "csv", "text": "1,2,3"}) == [1.0, 2.0, 3.0]
# calls: notebook parse({"kind": "words", "text": "one three"}) == [1.0, 3.0]
# calls: notebook parse({"kind": "hex", "text": "ff 10"}) == [255.0, 16.0]
# calls: notebook parse({"kind": "exe", "text": "1"}) == []
# calls: notebook describe(3) == "the integer 3"
# calls: notebook describe([1, 2]) == "2 things: the integer 1, the integer 2"
# calls: notebook shout("a") == "A!"
# %% a registry, as every plug-in system begins
import functools
from typing import Any, Callable, TypedDict

import tinyflow_jupyter as tf

PARSERS: dict[str, Callable[[str], list[float]]] = {}


def parser(kind, *more):
    def register(function):
        for name in (kind, *more):
            PARSERS[name] = function
        return function
    return register
# %% the first format
@parser("csv", "tsv")
def separated(text):
    return [float(field) for field in text.replace("\t", ",").split(",")]
# %% a colleague's format
WORDS = {"one": 1, "two": 2}

@parser("words")
def spoken(text):
    return [float(WORDS[word]) for word in text.split()]
# %%
WORDS["three"] = 3
# %% a format without a function of its own
PARSERS["hex"] = lambda text: [float(int(digits, 16)) for digits in text.split()]
# %% one function, many types
@functools.singledispatch
def told(thing: Any) -> str:
    return f"something: {thing!r}"

@told.register
def _(thing: int) -> str:
    return f"the integer {thing}"

@told.register(list)
def _(thing):
    return f"{len(thing)} things: " + ", ".join(told(each) for each in thing)
# %% subclasses announce themselves
class Style:
    known: dict[str, type["Style"]] = {}

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        Style.known[cls.__name__.lower()] = cls

    def apply(self, text):
        return text
# %%
class Loud(Style):
    def apply(self, text):
        return text.upper() + "!"
# %% the components name the registries only
class Input(TypedDict):
    kind: str
    text: str

@tf.component
def parse(raw: Input) -> list[float]:
    if (found := PARSERS.get(raw["kind"])) is None:
        return []
    return found(raw["text"])

@tf.component
def describe(thing: Any) -> str:
    return told(thing)

@tf.component
def shout(text: str) -> str:
    return Style.known["loud"]().apply(text)
