"""Findings as a person reads them: lines of text, and a table that follows the notebook's theme."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tinyflow_jupyter._text import plain, safe
from tinyflow_jupyter._theme import FACES, MONO_FACES, STYLE

from .finding import Finding

SIGNS = {"ok": "✓", "warn": "!", "bad": "✗"}
SHADES = {"ok": "good", "warn": "warn", "bad": "bad"}
INKS = {"ok": "32", "warn": "33", "bad": "31"}  # of a terminal

# Three times, to be before what a notebook's page has to say of tables.
_ALL = ".tf-doctor.tf-doctor.tf-doctor"
TABLE = "".join(
    (
        f"{_ALL}{{background:var(--tf-page);color:var(--tf-ink);border:1px solid var(--tf-rim);border-radius:8px;"
        f"padding:8px 12px;font:13px/1.45 {FACES};max-width:900px;display:block}}",
        f"{_ALL} table{{border-collapse:collapse;table-layout:auto;width:100%;margin:0;color:inherit;font-size:inherit;"
        "border:none}",
        f"{_ALL} table tr{{background:none}}",
        f"{_ALL} tr :is(th,td){{padding:5px 8px;text-align:left;vertical-align:top;border:none;color:inherit;"
        "background:none;white-space:normal;max-width:none}",
        f"{_ALL} tr+tr :is(th,td){{border-top:1px solid var(--tf-rim)}}",
        f"{_ALL} tr th{{font-weight:600;white-space:nowrap}}",
        f"{_ALL} tr td:last-child{{width:100%;overflow-wrap:anywhere}}",
        f"{_ALL} tr .tf-sign{{font-weight:700;text-align:center}}",
        *(f"{_ALL} tr .tf-is-{state}{{color:var(--tf-{shade})}}" for state, shade in SHADES.items()),
        f"{_ALL} code{{display:block;margin-top:3px;padding:3px 7px;border-radius:5px;background:var(--tf-card);"
        f"border:1px solid var(--tf-line);color:var(--tf-ink);font:12px/1.45 {MONO_FACES};white-space:pre-wrap;"
        "overflow-wrap:anywhere;user-select:all;text-align:left}",
        f"{_ALL} p{{margin:8px 8px 2px;color:var(--tf-soft)}}",
    )
)


def text(findings: Sequence[Finding]) -> str:
    """Lines: how it is, what was looked at, what was found; and below, what to do."""
    wide = max((len(each.about) for each in findings), default=0)
    lines = []
    for each in findings:
        lines.append(f"{each.state:<4}  {each.about:<{wide}}  {plain(each.what)}")
        if each.fix:
            lines.append(f"{'':<4}  {'':<{wide}}  → {plain(each.fix)}")
    return "\n".join([*lines, "", summary(findings)])


def coloured(findings: Sequence[Finding]) -> str:
    """The same for a terminal, whose first words have a colour."""
    said = text(findings)
    if not sys.stdout.isatty():
        return said
    for state, ink in INKS.items():
        said = "\n".join(
            f"\x1b[{ink}m{line[:4]}\x1b[0m{line[4:]}" if line.startswith(f"{state:<4}  ") else line
            for line in said.splitlines()
        )
    return said


def table(findings: Sequence[Finding]) -> str:
    """HTML; everything in it is text, whatever a server answered."""
    rows = "".join(
        f'<tr><td class="tf-sign tf-is-{each.state}" aria-label="{each.state}">{SIGNS[each.state]}</td>'
        f"<th>{safe(each.about)}</th><td>{safe(each.what)}"
        + (f"<code>{safe(each.fix)}</code>" if each.fix else "")
        + "</td></tr>"
        for each in findings
    )
    return (
        f'<div class="tf-flow tf-doctor"><style>{STYLE}{TABLE}</style><table>{rows}</table>'
        f"<p>{safe(summary(findings))}</p></div>"
    )


def summary(findings: Sequence[Finding]) -> str:
    """How many are how, in one sentence."""
    bad = sum(each.state == "bad" for each in findings)
    warn = sum(each.state == "warn" for each in findings)
    if not bad and not warn:
        return "Everything is well."
    said = [f"{bad} to mend"] if bad else []
    said += [f"{warn} to know of"] if warn else []
    return f"{' and '.join(said)}, of {len(findings)} things looked at."
