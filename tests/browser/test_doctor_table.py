"""The doctor's table in a real JupyterLab: read in the light and in the dark, and nothing in it is more than text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lab import Lab

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.census(keeps="what playwright leaves of its pipes until its process is collected"),
    pytest.mark.filterwarnings("default"),  # playwright's transport has warnings of its own
]

FOUND = """
import os
os.environ.pop("KUBECONFIG", None)
from tinyflow_jupyter._doctor import Examination
from tinyflow_jupyter._doctor.finding import Finding
Examination((
    Finding("ok", "Python", "3.11.7 at /usr/bin/python3"),
    Finding("warn", "clock", "This computer's is 7 s behind the API server's: times of messages will look odd.",
            "sudo timedatectl set-ntp true"),
    Finding("bad", "operator", "<img src=x onerror='window.pwned=1'> None of 2 is ready in 'tinyflow'.",
            "kubectl -n tinyflow describe pods -l app.kubernetes.io/name=tinyflow-operator"),
))
"""
CONTRAST = """() => {
    const light = text => {
        const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map(v => v / 255)
            .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = part => {
        for (let each = part; each; each = each.parentElement) {
            const said = getComputedStyle(each).backgroundColor;
            if (!said.endsWith(', 0)')) return said;
        }
        return 'rgb(255, 255, 255)';
    };
    return Math.min(...[...document.querySelectorAll('.tf-doctor :is(th, code, p, td:last-child)')].map(part => {
        const [one, other] = [light(getComputedStyle(part).color), light(behind(part))].sort((a, b) => b - a);
        return (one + 0.05) / (other + 0.05);
    }));
}"""

ALIGNED = """() => [...new Set([...document.querySelectorAll('.tf-doctor :is(th, code, td:last-child)')]
    .map(part => getComputedStyle(part).textAlign))]"""


async def test_the_table_is_read_in_both_themes(lab: Lab, tmp_path: Path) -> None:
    await lab.open("doctor", [FOUND])
    await lab.run()
    await lab.page.locator(".tf-doctor").wait_for()

    contrasts = {theme: await _contrast_in(lab, theme, tmp_path) for theme in ("light", "dark")}

    assert min(contrasts.values()) >= 4.5, contrasts
    assert await lab.page.locator(".tf-doctor tr").count() == 3
    assert await lab.page.evaluate(ALIGNED) == ["left"]
    assert await lab.page.evaluate("window.pwned") is None
    assert await lab.page.locator(".tf-doctor img").count() == 0


async def _contrast_in(lab: Lab, theme: Any, folder: Path) -> float:
    await lab.theme(theme)
    await lab.picture(folder / f"doctor-{theme}.png", ".tf-doctor")
    return float(await lab.page.evaluate(CONTRAST))


@pytest.mark.timeout(180)
async def test_the_magic_looks_from_inside_a_notebook(lab: Lab) -> None:
    await lab.open("magic", ["import os; os.environ['KUBECONFIG'] = ''\n%load_ext tinyflow_jupyter\n%tinyflow doctor"])
    await lab.run()
    await lab.page.locator(".tf-doctor").wait_for(timeout=90_000)

    lines = await lab.page.locator(".tf-doctor tr").all_inner_texts()

    front = next(line for line in lines if "front end" in line)
    assert front.startswith("✓")
    assert "jupyterlab" in front
    assert any("pocket cluster" in line and "it starts" in line for line in lines)
