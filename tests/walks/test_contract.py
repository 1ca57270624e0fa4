"""The contract is a notebook with a cell for each rule; the same cells are a script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

CONTRACT = Path(__file__).parents[2] / "notebooks" / "00_contract.ipynb"


@pytest.mark.timeout(120)
@pytest.mark.census(keeps="what the kernel's client leaves of its sockets until its process ends")
@pytest.mark.filterwarnings("default")  # the kernel's client and its loops have warnings of their own
def test_every_rule_holds_in_a_notebook():
    notebook = nbformat.read(CONTRACT, as_version=4)

    NotebookClient(notebook, timeout=60).execute()

    rules = [cell.source for cell in notebook.cells if cell.source.startswith("## ") and cell.source[3].isdigit()]
    assert len(rules) == 13


@pytest.mark.timeout(120)
def test_every_rule_holds_in_a_script(tmp_path):
    notebook = nbformat.read(CONTRACT, as_version=4)
    script = tmp_path / "contract.py"
    script.write_text("\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code"))

    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr
