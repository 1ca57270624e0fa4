"""The colours and faces of a drawing, light and dark: one style sheet that stands alone and follows its surroundings.

Inside a page the notebook's own theme decides (JupyterLab and VS Code say it on their body); as a picture, the reader's
preference does. Every rule begins with the class of our drawing, for in a page a style sheet is everybody's.
"""

from __future__ import annotations

LIGHT = {
    "page": "#f8fafc",
    "rim": "#e2e8f0",
    "card": "#ffffff",
    "line": "#cbd5e1",
    "ink": "#1e293b",
    "soft": "#64748b",
    "shade": "#0f172a14",
    "number": "#2563eb",
    "text": "#15803d",
    "truth": "#9333ea",
    "list": "#c2570c",
    "record": "#0e7490",
    "any": "#64748b",
    "other": "#be185d",
    "good": "#16a34a",
    "warn": "#b45309",
    "bad": "#dc2626",
    "on": "#ffffff",
}
DARK = {
    "page": "#10151d",
    "rim": "#263040",
    "card": "#1b2330",
    "line": "#3a475a",
    "ink": "#e6ecf5",
    "soft": "#94a3b8",
    "shade": "#00000040",
    "number": "#7aa9ff",
    "text": "#5fd28c",
    "truth": "#c99bff",
    "list": "#ffab66",
    "record": "#4fcfe6",
    "any": "#a3b1c6",
    "other": "#ff8ab4",
    "good": "#4ade80",
    "warn": "#fbbf24",
    "bad": "#f87171",
    "on": "#10151d",
}

FACES = "'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif"
MONO_FACES = "ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono','DejaVu Sans Mono',monospace"


def _colours(names: dict[str, str]) -> str:
    return "{" + ";".join(f"--tf-{name}:{value}" for name, value in names.items()) + "}"


_DARK_PLACES = (
    '[data-jp-theme-light="false"] .tf-flow',
    '[data-vscode-theme-kind="vscode-dark"] .tf-flow',
    '[data-vscode-theme-kind="vscode-high-contrast"] .tf-flow',
)
_LIGHT_PLACES = ('[data-jp-theme-light="true"] .tf-flow', '[data-vscode-theme-kind="vscode-light"] .tf-flow')

STYLE = "".join(
    (
        f".tf-flow{_colours(LIGHT)}",
        f"@media(prefers-color-scheme:dark){{.tf-flow{_colours(DARK)}}}",
        f"{','.join(_LIGHT_PLACES)}{_colours(LIGHT)}",
        f"{','.join(_DARK_PLACES)}{_colours(DARK)}",
        f".tf-flow text{{font-family:{FACES};font-size:11px;fill:var(--tf-ink)}}",
        ".tf-flow .tf-page{fill:var(--tf-page);stroke:var(--tf-rim)}",
        ".tf-flow .tf-name{font-size:13px;font-weight:600}",
        ".tf-flow .tf-soft{fill:var(--tf-soft)}",
        ".tf-flow .tf-card{fill:var(--tf-card);stroke:var(--tf-line)}",
        ".tf-flow .tf-shade{fill:var(--tf-shade)}",
        ".tf-flow .tf-hurt .tf-card{stroke:var(--tf-bad);stroke-width:1.6}",
        ".tf-flow .tf-rule{stroke:var(--tf-rim)}",
        f".tf-flow .tf-code,.tf-flow .tf-code tspan{{font-family:{MONO_FACES};font-size:10px}}",
        ".tf-flow .tf-pill{fill:var(--tf-card);stroke:var(--tf-line)}",
        ".tf-flow .tf-badge text{fill:var(--tf-on);font-size:10px;font-weight:600}",
        ".tf-flow .tf-value{fill:var(--tf-page);stroke:var(--tf-rim)}",
        ".tf-flow .tf-wire{fill:none;stroke-width:1.7;opacity:.8}",
        ".tf-flow .tf-back{stroke-dasharray:5 4}",
        ".tf-flow .tf-edge:hover .tf-wire{stroke-width:3;opacity:1}",
        ".tf-flow .tf-dot{stroke:var(--tf-card);stroke-width:1.5}",
        ".tf-flow .tf-ring{fill:var(--tf-card);stroke-width:2}",
        *(f".tf-flow .tf-f-{name}{{fill:var(--tf-{name})}}.tf-flow .tf-s-{name}{{stroke:var(--tf-{name})}}"
          for name in ("number", "text", "truth", "list", "record", "any", "other", "good", "warn", "bad")),
    )
)  # fmt: skip
