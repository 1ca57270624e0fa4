"""Results are what functions returned or yielded: None is not sent, and what does not fit its port is a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinyflow_runtime.errors import PayloadError
from tinyflow_runtime.schema import Check, snapshot

if TYPE_CHECKING:
    from tinyflow_runtime.execution.outlet import Handoff, Outlet
    from tinyflow_runtime.observation.lineage import Lineage

Failed = Callable[[int, PayloadError], None]  # is told the origin of a result that does not fit, and why


def sift(
    check: Check,
    results: list[Any],
    origins: list[int] | None,
    failed: Failed,
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


def send(
    outlet: Outlet, results: list[Any], lineage: Lineage, origins: list[int] | None, failed: Failed
) -> Handoff | None:
    """Send what can be sent of the results that the messages of a batch had; arguments as above."""
    if outlet.check.first_misfit(results) >= 0:
        results, origins = sift(outlet.check, results, origins, failed)
    try:
        return _send_fitting(outlet, results, lineage, origins)
    except PayloadError:  # only a snapshot looks so deep: something inside a payload cannot be sent
        results, origins = sift(outlet.check, results, origins, failed, deep=True)
        return _send_fitting(outlet, results, lineage, origins)


def _send_fitting(outlet: Outlet, results: list[Any], lineage: Lineage, origins: list[int] | None) -> Handoff | None:
    if not results:
        return None
    scheduler = outlet.runner.scheduler
    parents = lineage if origins is None else lineage.only(origins)
    return outlet.send(results, parents.next(scheduler.ids.draw(len(results)), scheduler.now()))
