"""Which port types fit which: a table that a browser can look into while Python is busy."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from tinyflow_runtime.fits import fits


def fits_table(types: Sequence[Any]) -> list[list[int]]:
    """For the number of each output type, the numbers of the input types that it fits.

    Args:
        types: What people wrote as annotations, each once.
    """
    return [[target for target, tp in enumerate(types) if _fits(source, tp)] for source in types]


def _fits(source: Any, target: Any) -> bool:
    try:
        return _fits_once(source, target)
    except TypeError:  # a type whose notes have no hash
        return fits(source, target)


@functools.lru_cache(maxsize=16_384)  # the table is asked for at every change of a flow, and types rarely change
def _fits_once(source: Any, target: Any) -> bool:
    return fits(source, target)
