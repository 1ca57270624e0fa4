"""Which port types fit which: a table that a browser can look into while Python is busy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinyflow_runtime.fits import fits


def fits_table(types: Sequence[Any]) -> list[list[int]]:
    """For the number of each output type, the numbers of the input types that it fits.

    Args:
        types: What people wrote as annotations.
    """
    return [[target for target, tp in enumerate(types) if fits(source, tp)] for source in types]
