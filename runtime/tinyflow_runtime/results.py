"""Results are what functions returned or yielded: None is not sent, and what does not fit its port is a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.schema import Check, snapshot


def sift(
    check: Check,
    results: list[Any],
    origins: list[int] | None,
    failed: Callable[[int, PayloadError], None],
    *,
    deep: bool = False,
) -> tuple[list[Any], list[int]]:
    """Leave out what cannot be sent.

    Args:
        check: Of the output port.
        results: A batch of which the check has found that not all pass as they are.
        origins: For each, the index of the message it came from; its own index when not given.
        failed: Is told the origin of each result that does not fit, and why.
        deep: Look into every part too, as only a snapshot does.
    """
    # Mostly there is a None here and there; to look again at the others is much cheaper than one by one.
    kept = [index for index, result in enumerate(results) if result is not None]
    sources = kept if origins is None else [origins[index] for index in kept]
    found = [results[index] for index in kept]
    if not deep and check.first_misfit(found) < 0:
        return found, sources
    fitting, indexes = [], []
    for result, source in zip(found, sources, strict=True):
        try:
            checked = check.one(result)
            if deep:
                snapshot(checked)
        except PayloadError as error:
            failed(source, error)
        else:
            fitting.append(checked)
            indexes.append(source)
    return fitting, indexes
