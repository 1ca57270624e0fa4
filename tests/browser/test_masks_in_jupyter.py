"""A secret that passes stands nowhere on the page, and nowhere in the notebook that is saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lab import Lab
from lab_server import LabServer

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

FLOW = """
from typing import Any
import tinyflow_jupyter as tf
from tinyflow_runtime.redaction import Secret

class Board(tf.Component):
    def ports(self):
        return [tf.Port("in", "in", Any), tf.Port("value", "out", Any, status=True)]

    async def handle(self, output, port, payload):
        await output("value", payload)

@tf.component
def call(x: str, *, key: Secret) -> str:
    return key

secret = "hun" * 2  # the source of a cell is what it is; a short one is drawn whole
flow = tf.Flow("masks")
flow.node("call", call, key=secret)
flow.node("said", Board)
flow.edge("call:out", "said:in")
flow.start()
flow.send("call:in", "x")
flow.wait(5)
flow
"""
VALUES = "Object.values(document.querySelector('.tf-view').tfView.picture.values.ports).map(([text]) => text)"


async def test_a_secret_stands_nowhere_on_the_page_nor_in_the_saved_notebook(
    lab: Lab, jupyter: LabServer, tmp_path: Path
) -> None:
    await lab.open("masked", [FLOW, 'flow["said:value"]', "flow.dashboard()"])
    await lab.run()
    await lab.ready()
    await lab.page.wait_for_function(f"{VALUES}.filter(text => text === '•••').length > 1")
    await lab.picture(tmp_path / "masked.png")
    page = await lab.page.evaluate("document.documentElement.innerText")
    model = json.dumps(await lab.page.evaluate(f"[{VALUES}, document.querySelector('.tf-view').tfView.picture.head]"))

    await lab.save()
    saved = (jupyter.home / "notebooks" / "masked.ipynb").read_text(encoding="utf-8")

    assert "image/svg+xml" in saved
    assert [text for text in (page, model, saved) if "hunhun" in text] == []
