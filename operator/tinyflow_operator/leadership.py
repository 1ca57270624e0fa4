"""Leadership: of several operators one works, which holds a Lease; the others wait for it to end.

As client-go does it: whoever waits looks at its own clock alone, for how long the Lease has not changed. Whoever holds
it stops earlier than anybody may take it over, and asks before each request whether it still may: a process that was
stopped for a minute does not know.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import time
import uuid
from collections.abc import Awaitable, Callable

from tinyflow_runtime.errors import ClusterError
from tinyflow_runtime.resources.labels import MANAGED
from tinyflow_runtime.resources.names import OPERATOR

from tinyflow_operator.kinds import LEASES, Document
from tinyflow_operator.kube import Kube, Refused

log = logging.getLogger(__name__)

LASTS = 15  # seconds without a change after which another may take the Lease
DEADLINE = 10.0  # seconds without a renewal after which its holder stops: five before another may begin
PERIOD = 2.0  # seconds between renewals, and between looks of those who wait
ATTEMPT = 4.0  # seconds for one: a server that hangs must leave time for another attempt
GOODBYE = 3.0  # seconds to give it back at the end; else it is waited out

# Counts while the machine sleeps, too; others' clocks do.
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class Leadership:
    """One operator's turn.

    Attributes:
        leads: Whether it is ours to work.
        holder: Who led when the Lease was seen last; empty until it was.

    Args:
        kube: Of its own: requests of the work must not make renewals wait.
        namespace: Of the Lease.
        name: Of whoever may lead, for people who look at the Lease; one that starts again is another one.
    """

    def __init__(self, kube: Kube, namespace: str, name: str) -> None:
        self.leads = False
        self._kube, self._namespace = kube, namespace
        self._me = f"{name}_{uuid.uuid4().hex[:8]}"
        self._lease: Document = {}  # as it was seen last
        self._changed = self._renewed = 0.0  # when it was seen to change; when we began to renew it last

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for our turn, then work. When the work is cancelled the Lease is given back, after it has ended.

        Raises:
            ClusterError: TF-189, the Lease could not be kept; the work was cancelled.
        """
        await self._gain()
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(self._keep())
                await work()
                keeping.cancel()
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            await self._give_back()

    def check(self) -> None:
        """Whether we may work at this very moment.

        Raises:
            ClusterError: TF-189.
        """
        if not self.leads or _clock() >= self._renewed + DEADLINE:
            raise _lost("it was not renewed in time")

    @property
    def holder(self) -> str:
        return str(self._lease.get("spec", {}).get("holderIdentity") or "")

    async def _gain(self) -> None:
        said = ""
        while True:
            level = logging.INFO
            try:
                async with asyncio.timeout(ATTEMPT):
                    self.leads = await self._take()
                what = f"{self.holder} leads" + ("" if self.leads else f"; {self._me} waits for its turn")
            except (ClusterError, TimeoutError) as error:
                level = logging.WARNING
                what = f"the lease could not be looked at: {error}" if str(error) else "no answer about the lease"
            if what != said:
                log.log(level, "%s", what)
            said = what
            if self.leads:
                return
            await asyncio.sleep(PERIOD)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            ours, left = None, self._renewed + DEADLINE - _clock()
            with contextlib.suppress(ClusterError, TimeoutError):
                async with asyncio.timeout(min(max(left, 0.0), ATTEMPT)):
                    ours = await self._renew()
            if ours is False or _clock() >= self._renewed + DEADLINE:
                self.leads = False
                raise _lost("another one took it" if ours is False else f"it was not renewed for {DEADLINE:g} s")

    async def _take(self) -> bool:
        """Take the Lease when it is free; whether it is ours now."""
        found = await self._kube.get(LEASES, self._namespace, OPERATOR)
        began = _clock()
        if found is None:
            return await self._write(self._kube.create, {"metadata": self._named()}, began, transitions=0)
        spec = found.get("spec") or {}
        if found["metadata"]["resourceVersion"] != self._lease.get("metadata", {}).get("resourceVersion"):
            self._lease, self._changed = found, began
        lasts = float(spec.get("leaseDurationSeconds") or LASTS)
        if spec.get("holderIdentity", "") not in ("", self._me) and began < self._changed + lasts:
            return False
        transitions = int(spec.get("leaseTransitions") or 0) + 1
        return await self._write(self._kube.replace, found, began, transitions=transitions)

    async def _renew(self) -> bool:
        """Renew the Lease; whether it was ours still."""
        began = _clock()
        spec = self._lease["spec"]
        transitions = int(spec["leaseTransitions"])
        if await self._write(
            self._kube.replace, self._lease, began, transitions=transitions, acquired=spec["acquireTime"]
        ):
            return True
        # Changed since: by a renewal of ours whose answer was lost, or by somebody else.
        found = await self._kube.get(LEASES, self._namespace, OPERATOR)
        if found is None or (found.get("spec") or {}).get("holderIdentity") != self._me:
            return False
        began = _clock()
        return await self._write(
            self._kube.replace, found, began, transitions=transitions, acquired=spec["acquireTime"]
        )

    async def _write(
        self,
        write: Callable[..., Awaitable[Document]],
        document: Document,
        began: float,
        *,
        transitions: int,
        acquired: str = "",
    ) -> bool:
        """Write the Lease as ours; False when somebody else was faster."""
        spec = {
            "holderIdentity": self._me,
            "leaseDurationSeconds": LASTS,
            "acquireTime": acquired or _now(),
            "renewTime": _now(),
            "leaseTransitions": transitions,
        }
        whole = {"apiVersion": LEASES.api_version, "kind": LEASES.name, **document, "spec": spec}
        try:
            self._lease = await write(LEASES, self._namespace, whole)
        except Refused as error:
            if error.status in (404, 409):
                return False
            raise
        self._renewed = began
        return True

    async def _give_back(self) -> None:
        if not self.leads:
            return
        self.leads = False
        spec = {**self._lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
        try:
            async with asyncio.timeout(GOODBYE):
                await self._kube.replace(LEASES, self._namespace, {**self._lease, "spec": spec})
            log.info("%s gave the lease back", self._me)
        except (ClusterError, TimeoutError) as error:
            log.warning("the lease was not given back, and is waited out: %s", error or "it took too long")

    def _named(self) -> Document:
        return {"name": OPERATOR, "namespace": self._namespace, "labels": MANAGED}


def _first(error: BaseException) -> BaseException:
    """What ended a group first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _clock() -> float:
    return time.clock_gettime(CLOCK)


def _now() -> str:
    """As a Lease has it, with microseconds."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def _lost(why: str) -> ClusterError:
    return ClusterError("TF-189", f"This operator does not lead any more: {why}.", "It ends; started anew, it waits.")
