"""What cannot go along and need not is left out of a module, and said once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyflow_jupyter._capture import capturing
from tinyflow_jupyter._capture.cells import Cells, _parsed

TEXTS = [
    "import tinyflow_jupyter as tf\nfile = open('/dev/null')",
    "@tf.component\ndef double(x: int) -> int:\n    return 2 * x",
    "@tf.component\ndef reads(x: int) -> str:\n    return file.read()",
]


def test_a_component_that_is_left_out_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(capturing, "_left_out", set())
    made, _ = _parsed(list(enumerate(TEXTS, 1)))

    for _ in range(3):
        source = capturing.capture_cells(Cells(made, tmp_path), "notebook", wanted={"double"})

    assert "reads" not in source.files[source.entry]
    assert caplog.text.count("Left out of module notebook") == 1
