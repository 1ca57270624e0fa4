"""Delivers each TinySignal once: one message to one port, and what came of it."""

from __future__ import annotations

import datetime

import msgspec
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import Busy, ClusterError, ModuleUnavailable, NodeError, NotRunning, TinyFlowError

from tinyflow_operator.cache import Key
from tinyflow_operator.conditions import Condition, condition_of, now, status_of
from tinyflow_operator.deep import DEEPEST, is_too_deep
from tinyflow_operator.desk import Desk
from tinyflow_operator.due import Outcome, done
from tinyflow_operator.kinds import NODES, SIGNALS, Document
from tinyflow_operator.kube import Refused
from tinyflow_operator.running import Process

LARGEST = 64 * 1024  # bytes of a payload: etcd is no place for data
AGAIN = 0.5  # seconds between attempts
PASSES = (Busy, ModuleUnavailable, NodeError, NotRunning)  # a node may not run yet


class Signals:
    """Reconciles TinySignals."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def reconcile(self, key: Key) -> Outcome:
        """Deliver a signal, or remove it when its time is over.

        Which process it goes to is written down before it is sent. Whoever comes after us sends it to the same process
        again, which knows it by its key; when that process is gone, nobody can tell, and it is not sent again.
        """
        signal = self._desk.world.get(SIGNALS, key)
        if signal is None:
            return done("is gone")
        phase = (signal.get("status") or {}).get("phase")
        if phase in ("Delivered", "Failed"):
            return await self._keep(key, signal)
        payload = msgspec.msgpack.encode(signal["spec"].get("payload"))
        if is_too_deep(signal["spec"].get("payload")):
            text = f"The payload is nested more than {DEEPEST} deep. Make it flatter."
            return await self._end(signal, "TooDeep", text)
        if len(payload) > LARGEST:
            text = f"The payload has {len(payload):,} bytes; {LARGEST:,} fit. Send it to the module instead."
            return await self._end(signal, "TooLarge", text)
        process, missing = self._process(signal)
        sent_to = (signal.get("status") or {}).get("instance")
        if sent_to and process is not None and process.instance != sent_to:
            text = "The module ended while it was being sent: it may have been handled. Make another one if it was not."
            return await self._end(signal, "OutcomeUnknown", text)
        if process is None:
            return await self._wait(signal, missing)
        if not sent_to:
            doing = Condition("Delivered", None, "Sending", f"It is sent to {process.address}.")
            await self._tell(signal, "Sending", doing, instance=process.instance or process.address)
        return await self._send(signal, process, payload)

    async def _send(self, signal: Document, process: Process, payload: bytes) -> Outcome:
        spec = signal["spec"]
        message = protocol.Message(
            flow=spec["flow"], to=spec["to"], payload=payload, idempotency_key=f"signal-{signal['metadata']['uid']}"
        )
        try:
            self._desk.check()
            await process.remote.send(protocol.Batch(messages=[message]), timeout=max(0.1, min(_left(signal), 30.0)))
        except PASSES as error:
            return await self._wait(signal, str(error))
        except TinyFlowError as error:
            return await self._end(signal, "Refused", str(error))
        return await self._end(signal, "Accepted", f"{spec['to']} accepted it.", delivered=True)

    def _process(self, signal: Document) -> tuple[Process | None, str]:
        namespace, spec = signal["metadata"]["namespace"], signal["spec"]
        name = f"{spec['flow']}.{spec['to'].partition(':')[0]}"
        node = self._desk.world.get(NODES, (namespace, name))
        if node is None:
            return None, f"TF-107 There is no TinyNode {name!r}."
        process = self._desk.processes.get((namespace, self._desk.module_of(node)))
        if process is None or process.description is None or process.away is not None:
            return None, f"TF-163 The module of {name!r} does not serve."
        return process, ""

    async def _wait(self, signal: Document, why: str) -> Outcome:
        if _left(signal) > 0:
            return done(after=min(AGAIN, _left(signal) + 0.01))
        text = f"Not delivered in {signal['spec']['timeoutSeconds']} s. {why}"
        reason = "OutcomeUnknown" if (signal.get("status") or {}).get("instance") else "TimedOut"
        return await self._end(signal, reason, text)

    async def _end(self, signal: Document, reason: str, message: str, *, delivered: bool = False) -> Outcome:
        if not delivered:
            await self._desk.writer.event(SIGNALS, signal, reason, message, warning=True)
        phase = "Delivered" if delivered else "Failed"
        await self._tell(signal, phase, Condition("Delivered", delivered, reason, message), time=now())
        return done(f"is {phase.lower()}: {message}", after=float(signal["spec"]["keepSeconds"]))

    async def _tell(self, signal: Document, phase: str, delivered: Condition, **more: str) -> None:
        before = signal.get("status") or {}
        generation = signal["metadata"]["generation"]
        said = {**({"instance": before["instance"]} if "instance" in before else {}), **more}
        document = status_of(
            signal, generation=generation, conditions=[delivered], phase=phase, message=delivered.message[:4096], **said
        )
        await self._desk.writer.status(SIGNALS, signal, document)

    async def _keep(self, key: Key, signal: Document) -> Outcome:
        ended = (signal["status"] or {}).get("time") or condition_of(signal, "Delivered").get("lastTransitionTime")
        left = _seconds_since(ended) if ended else 0.0
        left = float(signal["spec"].get("keepSeconds", 300)) - left
        if left > 0:
            return done(after=left + 0.01)
        try:
            await self._desk.writer.kube.delete(SIGNALS, *key)
        except Refused as error:
            raise ClusterError("TF-161", f"The signal was not removed: {error}") from error
        return done("was removed")


def _left(signal: Document) -> float:
    """The seconds in which it may still be delivered."""
    return float(signal["spec"].get("timeoutSeconds", 10)) - _seconds_since(signal["metadata"]["creationTimestamp"])


def _seconds_since(time: str) -> float:
    then = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    return (datetime.datetime.now(datetime.UTC) - then).total_seconds()
