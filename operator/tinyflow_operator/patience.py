"""Patience: what an operator has to know before it begins is asked for until the cluster answers."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tinyflow_runtime.errors import ClusterError

from tinyflow_operator.kube import Refused

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0  # seconds before the cluster is asked again


async def answered(ask: Callable[[], Awaitable[T]], trouble: str) -> T:
    """What the cluster answers, however long it is away, busy or does not take our login; each reason is told once.

    Args:
        trouble: What the log says while it lasts: ``"The definitions cannot be looked at yet"``.

    Raises:
        ClusterError: It is another one, which waiting does not help.
    """
    said, delay = "", FIRST_DELAY
    while True:
        try:
            return await ask()
        except ClusterError as error:
            if not _passes(error):
                raise
            if said != error.what:
                log.warning("%s: %s", trouble, error)
                said = error.what
        await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # not all operators at the same moment
        delay = min(delay * 2, LONGEST_DELAY)


def _passes(error: ClusterError) -> bool:
    """Whether the same may succeed later; so may a login that is not taken, once there is another token."""
    if isinstance(error, Refused):
        return error.status in (401, 429) or error.status >= 500
    return error.code == "TF-162"
