"""A quantity as Kubernetes writes it, which has many ways to write the same one: 1, "1" and "1000m"."""

from __future__ import annotations

import re

PATTERN = r"^([0-9]+(?:\.[0-9]+)?)(m|k|Ki|[MGTPE]i?)?$"
_POWERS = {letter: power for power, letter in enumerate("kMGTPE", 1)} | {"K": 1}


def amount(quantity: object) -> float | None:
    """How much it is; None when it is no quantity."""
    found = re.fullmatch(PATTERN, str(quantity))
    if found is None or isinstance(quantity, bool):
        return None
    number, unit = float(found[1]), found[2] or ""
    if unit == "m":
        return number / 1000
    return number * float((1024 if unit.endswith("i") else 1000) ** _POWERS.get(unit[:1], 0))


def mebibytes(quantity: object) -> int:
    """Memory in MiB, rounded down."""
    return int((amount(quantity) or 0.0) // 1024**2)
