"""The style sheet of cytoscape's elements: boxes and wires. Everything with letters is drawn above them."""

from __future__ import annotations

from typing import Any

STYLE: list[dict[str, Any]] = [  # as cytoscape wants it; colours come from the theme, in the browser
    {
        "selector": "node",
        "style": {"shape": "round-rectangle", "width": "data(w)", "height": "data(h)", "label": ""},
    },
    {"selector": "edge", "style": {"curve-style": "straight", "width": 1.8}},
]
