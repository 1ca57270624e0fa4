"""Every error a person meets has a text of its own, held in golden/: code, what, where, one action, five lines.

Each case is two cells of a notebook. ``TINYFLOW_GOLDEN=write`` writes the files anew; look at the difference then.
"""

from __future__ import annotations

import linecache
import logging
import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tinyflow_jupyter as tf

GOLDEN = Path(__file__).parent / "golden"
BEGIN = """
import asyncio, threading, time
from collections.abc import Iterator
from dataclasses import dataclass

@dataclass
class Photo:
    name: str
    width: int

@tf.component
def double(x: int) -> int:
    return 2 * x

@tf.component
def shout(text: str) -> str:
    return text.upper()

@tf.component
def above(x: float, *, limit: float = 10.0) -> float | None:
    return x if x > limit else None

@tf.component
def crop(photo: Photo) -> int:
    return photo.width

@tf.component
async def ticks(*, every: float = 1.0):
    yield 1

flow = tf.Flow("numbers")
flow.node("a", double)
flow.node("b", double)
"""

# The second cell of each case; what it raises, or else the text it leaves in ``said``, is the error.
CASES = {
    "unknown-port": 'flow.edge("a:uot", "b:in")',
    "unknown-node": 'flow.edge("a:out", "c:in")',
    "swapped-ends": 'flow.edge("b:in", "a:out")',
    "ends-at-an-output": 'flow.edge("a:out", "b:out")',
    "type-mismatch": 'flow.node("loud", shout)\nflow.edge("a:out", "loud:in")',
    "map-mismatch": 'flow.edge("a:out", "b:in", map="str(msg)")',
    "undeclared-cycle": 'flow.edge("a:out", "b:in")\nflow.edge("b:out", "a:in")',
    "duplicate-name": 'flow.node("a", shout)',
    "bad-name": 'flow.node("First Node", double)',
    "two-inputs": "@tf.component\ndef add(x: int, y: int) -> int:\n    return x + y",
    "edge-into-a-source": 'flow.node("ticks", ticks)\nflow.edge("a:out", "ticks:in")',
    "handler-in-plain-def": (
        '@tf.component(outputs={"out": int})\ndef split(x: int, output: tf.Handler) -> None:\n    output("out", x)'
    ),
    "unresolvable-annotation": "@tf.component\ndef load(x: Imaeg) -> int:\n    return 1",
    "not-a-component": 'def half(x: float) -> float:\n    return x / 2\n\nflow.node("half", half)',
    "class-without-ports": 'class Count(tf.Component):\n    pass\n\nflow.node("count", Count)',
    "wrong-option": "@tf.component(retry=1000)\ndef fetch(x: int) -> int:\n    return x",
    "unknown-setting": 'flow.node("above", above, limt=2.0)',
    "wrong-setting": 'flow.node("above", above, limit="high")',
    "bad-expression": 'flow.edge("a:out", "b:in", when="mgs > 3")',
    "unknown-field": 'flow.node("crop", crop)\nflow.edge("crop:out", "b:in", map="msg.width")',
    "edge-to-remove": 'flow.edge("a:out", "b:in")\nflow.remove("a:out", "b:on")',
    "stopped-flow": 'flow.send("a:in", 1)',
    "send-to-an-output": 'flow.start()\nflow.send("a:out", 1)',
    "payload-does-not-fit": 'flow.start()\nflow.send("a:in", "one")',
    "field-does-not-fit": 'flow.node("crop", crop)\nflow.start()\nflow.send("crop:in", {"name": "x", "width": "wide"})',
    "unsendable-value": (
        "@tf.component\ndef take(x: dict) -> None:\n    pass\n\n"
        'flow.node("take", take)\nflow.start()\nflow.send("take:in", {"meta": {"lock": threading.Lock()}})'
    ),
    "context-outside": "tf.context()",
    "component-fails": (
        "@tf.component\ndef invert(x: int) -> float:\n    return 1 / x\n\n"
        'flow.node("invert", invert)\nflow.start()\nflow.send("invert:in", 0)\nflow.wait(5)\n'
        "said = refused(flow)"
    ),
    "emits-what-does-not-fit": (
        "@tf.component\ndef lie(x: int) -> int:\n    return 'seven'\n\n"
        'flow.node("lie", lie)\nflow.start()\nflow.send("lie:in", 0)\nflow.wait(5)\n'
        "said = refused(flow)"
    ),
    "emit-to-an-unknown-port": (
        '@tf.component(outputs={"even": int, "odd": int})\nasync def split(x: int, output: tf.Handler) -> None:\n'
        '    await output("evn", x)\n\n'
        'flow.node("split", split)\nflow.start()\nflow.send("split:in", 2)\nflow.wait(5)\n'
        "said = refused(flow)"
    ),
    "edge-that-fails-on-a-message": (
        'flow.edge("a:out", "b:in", when="10 / msg > 1")\nflow.start()\nflow.send("a:in", 0)\nflow.wait(5)\n'
        "said = refused(flow)"
    ),
    "handler-timeout": (
        "@tf.component(timeout=0.05)\nasync def fetch(x: int) -> int:\n    return await answer(x)\n\n"
        "async def answer(x):\n    await asyncio.sleep(0.5)\n    return x\n\n"
        'flow.node("fetch", fetch)\nflow.start()\nflow.send("fetch:in", 1)\nflow.wait(5)\nsaid = refused(flow)'
    ),
    "handler-timeout-in-a-thread": (
        "@tf.component(timeout=0.05, retry=2, blocking=True)\ndef fetch(x: int) -> int:\n"
        "    time.sleep(0.5)\n    return x\n\n"
        'flow.node("fetch", fetch)\nflow.start()\nflow.send("fetch:in", 1)\nflow.wait(5)\nsaid = refused(flow)'
    ),
    "message-too-large": (
        "@tf.component\ndef load(x: int) -> dict:\n    return {'name': 'x', 'pages': [{'png': bytes(x)}]}\n\n"
        'flow.node("load", load)\nflow.start()\nflow.send("load:in", 3_000_000)\nflow.wait(5)\nsaid = refused(flow)'
    ),
    "message-too-large-is-sent": (
        '@tf.component(outputs={"page": bytes})\nasync def load(x: int, output: tf.Handler) -> None:\n'
        '    await output("page", bytes(x))\n\n'
        'flow.node("load", load)\nflow.start()\nflow.send("load:in", 3_000_000)\nflow.wait(5)\nsaid = refused(flow)'
    ),
    "message-too-large-by-hand": 'flow.node("loud", shout)\nflow.start()\nflow.send("loud:in", "x" * 2_000_000)',
    "message-made-too-large-by-an-edge": (
        "@tf.component\ndef gather(x: list[str]) -> None:\n    pass\n\n"
        'flow.node("loud", shout)\nflow.node("gather", gather)\nflow.edge("loud:out", "gather:in", map="[msg, msg]")\n'
        'flow.start()\nflow.send("loud:in", "x" * 600_000)\nflow.wait(5)\nsaid = refused(flow)'
    ),
    "yields-what-does-not-fit": (
        "@tf.component\ndef lines(text: str) -> Iterator[str]:\n    yield from enumerate(text.split())\n\n"
        'flow.node("lines", lines)\nflow.start()\nflow.send("lines:in", "a b")\nflow.wait(5)\nsaid = refused(flow)'
    ),
    "blocked-loop": (
        "@tf.component\nasync def score(x: int) -> int:\n    time.sleep(0.4)\n    return x\n\n"
        'flow.node("score", score)\nflow.start()\nflow.send("score:in", 1)\nflow.send("score:in", 2)\n'
        "flow.wait(5)\nflow.stop()\n"
        "said = logged()"
    ),
    "busy": (
        "gate = asyncio.Event()\n\n@tf.component\nasync def hold(x: int) -> None:\n    await gate.wait()\n\n"
        'flow.node("hold", hold)\nflow.start()\n'
        'for number in range(200):\n    flow.send("hold:in", number, timeout=0.1)'
    ),
    "own-thread": (
        "@tf.component\ndef again(x: int) -> None:\n    flow.send('a:in', x)\n\n"
        'flow.node("again", again)\nflow.start()\nflow.send("again:in", 1)\nflow.wait(5)\n'
        "said = str(flow.dead_letters[0].error)"
    ),
    "waited-in-vain": 'flow.start()\nflow["a:out"].next(timeout=0.01)',
    "document-with-a-misspelt-field": (
        'flow.edge("a:out", "b:in", when="msg > 3")\ntf.Flow.from_yaml(flow.to_yaml().replace("when:", "wehn:"))'
    ),
    "document-of-an-unknown-component": (
        'tf.Flow.from_yaml(flow.to_yaml().replace("component: double", "component: duoble"))'
    ),
}

# What a person does who follows the text: this for that, in the second cell, and the error is gone.
FIXES = {
    "unknown-port": ("uot", "out"),
    "swapped-ends": ('"b:in", "a:out"', '"a:out", "b:in"'),
    "ends-at-an-output": ('"b:out"', '"b:in"'),
    "type-mismatch": ('"loud:in"', '"loud:in", map="str(msg)"'),
    "undeclared-cycle": ('"b:out", "a:in"', '"b:out", "a:in", loop=True'),
    "duplicate-name": ("flow.node", 'flow.remove("a")\nflow.node'),
    "bad-name": ("First Node", "first-node"),
    "not-a-component": ("def half", "@tf.component\ndef half"),
    "handler-in-plain-def": (
        'def split(x: int, output: tf.Handler) -> None:\n    output("out", x)',
        'async def split(x: int, output: tf.Handler) -> None:\n    await output("out", x)',
    ),
    "unknown-setting": ("limt", "limit"),
    "emit-to-an-unknown-port": ("evn", "even"),
    "emits-what-does-not-fit": ("'seven'", "7"),
    "yields-what-does-not-fit": ("enumerate(text.split())", "text.split()"),
    "handler-timeout": ("timeout=0.05", "timeout=5"),
    "handler-timeout-in-a-thread": ("timeout=0.05", "timeout=5"),
    "message-too-large": ("3_000_000", "1_000_000"),
    "message-too-large-is-sent": ('output("page", bytes(x))', 'output("page", b"http://pages/1")'),
    "message-too-large-by-hand": ("2_000_000", "1_000_000"),
    "message-made-too-large-by-an-edge": ("[msg, msg]", "[msg]"),
    "blocked-loop": ("time.sleep", "await asyncio.sleep"),
    "class-without-ports": (
        "    pass",
        '    def ports(self): return [tf.Port("in", "in", int), tf.Port("out", "out", int)]',
    ),
    "stopped-flow": ("flow.send", "flow.start()\nflow.send"),
    "send-to-an-output": ("a:out", "a:in"),
    "edge-to-remove": ("b:on", "b:in"),
    "bad-expression": ("mgs", "msg"),
    "document-with-a-misspelt-field": ("wehn:", "when:"),
    "document-of-an-unknown-component": ("duoble", "double"),
}


@pytest.fixture
def notebook(request: pytest.FixtureRequest) -> Any:
    """Run cells as a notebook would; the flow they leave behind is stopped."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]  # shorter than a class
    logger = logging.getLogger("tinyflow")
    logger.addHandler(handler)
    names: dict[str, Any] = {"tf": tf, "In": [""], "logged": lambda: "\n".join(lines), "refused": refused}

    def run(cell: str) -> Any:
        names["In"].append(cell)
        filename = f"/tmp/ipykernel_1/{request.node.name}-{len(names['In'])}.py"
        linecache.cache[filename] = len(cell), None, cell.splitlines(keepends=True), filename
        exec(compile(cell, filename, "exec"), names)
        return names.get("said", "")

    run(textwrap.dedent(BEGIN).strip())
    yield run
    if "gate" in names:
        names["flow"]._run._loop.call_soon_threadsafe(names["gate"].set)
    names["flow"].stop()
    logger.removeHandler(handler)


def refused(flow: tf.Flow) -> str:
    """Why the first message was not handled; empty when all were."""
    return next((str(letter.reason) for letter in flow.dead_letters), "")


def text_of(run: Callable[[str], Any], cell: str) -> str:
    try:
        said = run(cell)
    except tf.errors.TinyFlowError as error:
        said = str(error)
    said = re.sub(r"\b[0-9a-f]{10}-?[0-9a-f]+\b", "ID", str(said))
    return re.sub(r"for \d+\.\d s", "for N s", said)


@pytest.mark.parametrize("name", CASES)
def test_an_error_says_what_where_and_the_way_out(name: str, notebook: Callable[[str], Any]):
    said = text_of(notebook, CASES[name])

    path = GOLDEN / f"{name}.txt"
    if os.environ.get("TINYFLOW_GOLDEN") == "write":
        path.write_text(said + "\n", encoding="utf-8")
    assert said + "\n" == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_text_has_a_code_and_five_lines_and_none_of_our_frames(name: str):
    text = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")

    assert re.match(r"TF-\d{3} \S", text)
    assert len(text.splitlines()) <= 5
    assert max(map(len, text.splitlines())) <= 240
    assert not re.search(r"Traceback|File \"|tinyflow_runtime|0x[0-9a-f]{6}|<locals>", text)
    assert text.rstrip().endswith((".", "?", ")", "]", "…"))


@pytest.mark.parametrize("name", FIXES)
def test_who_does_what_the_text_says_is_rid_of_the_error(name: str, notebook: Callable[[str], Any]):
    old, new = FIXES[name]
    assert old in CASES[name]

    said = text_of(notebook, CASES[name].replace(old, new))

    assert said == ""


def test_every_golden_file_has_a_case():
    assert {path.stem for path in GOLDEN.iterdir()} == CASES.keys()
