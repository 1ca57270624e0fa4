"""Brings a module to what its TinyModule says: its source verified, its Deployment there, its process known."""

from __future__ import annotations

import time

from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ModuleUnavailable, TinyFlowError
from tinyflow_runtime.resources.labels import HOT_RELOAD, REQUIREMENTS_SHA256

from tinyflow_operator.cache import Key, key_of
from tinyflow_operator.conditions import condition_of
from tinyflow_operator.desk import FLOW, NODE, PLAN, Desk
from tinyflow_operator.due import Outcome, done, retry, stuck
from tinyflow_operator.kinds import DEPLOYMENTS, MODULES, SERVICES, Document
from tinyflow_operator.kube import Refused
from tinyflow_operator.names import workload_name
from tinyflow_operator.pods import address_of, serving
from tinyflow_operator.podtemplate import Code, lock_of
from tinyflow_operator.podtrouble import CRASH_LOOP, loop_of, trouble_of
from tinyflow_operator.reconcile.modulestatus import Seen, status
from tinyflow_operator.running import Process
from tinyflow_operator.sources import Sources, Unfit
from tinyflow_operator.workload import deployment, service
from tinyflow_operator.writer import NameTaken

PULSE = 3.0  # seconds between two looks at a process that serves; that it ended is told by its pod at once
ANSWER = 2.0  # seconds it has to answer


class Modules:
    """Reconciles TinyModules."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._sources = Sources(desk.writer)
        self._failed: dict[tuple[str, str, str], str] = {}  # module's uid, hash, process: why it did not load
        self._swept: dict[str, tuple[str, ...]] = {}  # module's uid: the revisions that are kept

    async def reconcile(self, key: Key) -> Outcome:
        """Bring one module to what is wanted, and say in its status how far it came."""
        module = self._desk.world.get(MODULES, key)
        if module is None:
            await self._desk.processes.forget(key)
            if self._desk.certificates is not None:
                self._desk.certificates.forget(key)
            self._tell_neighbours(key)
            return done("is gone")
        seen = Seen(external=not module["spec"].get("source") and not module["spec"].get("image"))
        outcome = done(after=PULSE)
        try:
            seen.code = await self._sources.code(module)
        except Unfit as error:
            seen.unfit = error
            outcome = retry(error.message) if error.again else stuck(error.message, after=PULSE)
        process = await self._process(key, module, seen)
        try:
            await self._certify(module, seen)  # whatever its source: what ran before serves on
            if seen.unfit is None and not seen.external:
                await self._bring(key, module, seen, process)
        except Refused as error:
            reason = "NameTaken" if isinstance(error, NameTaken) else "ClusterRefused"
            seen.unfit = seen.unfit or Unfit("Accepted", reason, str(error), again=True)
            outcome = retry(str(error))
        if seen.unreachable:
            outcome = retry(seen.unreachable)
        await self._tell(module, seen)
        return outcome

    async def _process(self, key: Key, module: Document, seen: Seen) -> Process | None:
        """The module's process, asked what it holds."""
        desk = self._desk
        wanted = seen.code.sha256 if seen.code else str((module["spec"].get("source") or {}).get("sha256", ""))
        pods = desk.world.pods_of_module(key)
        pod = serving(pods, wanted)
        seen.pods = len(pods)
        seen.stuck = trouble_of(pods, wanted, desk.world.get(DEPLOYMENTS, (key[0], workload_name(key[1]))))
        seen.loop = loop_of(pods, time.time())
        seen.address = address_of(pod) if pod else ""
        if seen.external and not seen.address:
            seen.address = str((module.get("status") or {}).get("address", ""))  # whoever runs it has said so
            seen.address_is_foreign = True
        known = desk.processes.get(key)
        if not seen.address:
            if known is not None:
                self._away(key, known)
            self._sources.forget(module)  # a source that went is found out before a process needs it again
            return None
        moved = known is None or known.address != seen.address
        process = await desk.processes.at(key, seen.address)
        was = ("", "") if moved else (process.instance, process.revision)
        try:
            process.description = await process.remote.describe(timeout=ANSWER)
        except TinyFlowError as error:
            seen.unreachable = str(error)
            self._away(key, process)
            return process
        seen.description = process.description
        for flow, name in process.fails():
            desk.many.add((NODE, key[0], f"{flow}.{name}"))
        back, process.away = process.away is not None, None
        if process.instance != was[0]:
            process.plan = ""
        if moved or (process.instance, process.revision) != was:
            self._tell_neighbours(key)
        elif back:
            desk.few.add((PLAN, *key))
        return process

    async def _certify(self, module: Document, seen: Seen) -> None:
        """Have a certificate for it in its Secret; also for what somebody else runs."""
        if self._desk.certificates is not None:
            seen.certificate = (module.get("status") or {}).get("certificate")  # true on when another is refused
            served = seen.description is not None
            seen.certificate = await self._desk.certificates.of_module(module, serves=served)

    async def _bring(self, key: Key, module: Document, seen: Seen, process: Process | None) -> None:
        code = seen.code
        if code is not None and process is not None and seen.description is not None:
            if process.revision == code.sha256:
                self._forgive(module)
            elif self._is_hot(key, module, code):
                seen.trouble = await self._load(module, code, process, seen)
                if process.revision == code.sha256:
                    seen.description = process.description
                    self._tell_neighbours(key)
        if seen.trouble or seen.unreachable:
            return  # what runs goes on; its Deployment would start what does not load
        wanted = deployment(module, code, self._desk.configuration, tls=self._desk.certificates is not None)
        await self._desk.writer.child(DEPLOYMENTS, wanted)
        await self._desk.writer.child(SERVICES, service(module))

    def _is_hot(self, key: Key, module: Document, code: Code) -> bool:
        """Whether a source goes into the running process, which has to have its dependencies already."""
        if (module["metadata"].get("annotations") or {}).get(HOT_RELOAD) != "true":
            return False
        pods = self._desk.world.pods_of_module(key)
        pod = serving(pods, code.sha256)
        annotations = (pod or {}).get("metadata", {}).get("annotations") or {}
        return bool(annotations.get(REQUIREMENTS_SHA256, "") == lock_of(code))

    async def _load(self, module: Document, code: Code, process: Process, seen: Seen) -> str:
        """Why the running process does not take the source; empty when it did, or when a new process has to."""
        attempt = (module["metadata"]["uid"], code.sha256, process.instance)
        if attempt in self._failed:
            return self._failed[attempt]
        archive = await self._sources.archive(module, code.config_map)
        try:
            self._desk.check()
            process.description = await process.remote.load(protocol.Archive(sha256=code.sha256, archive=archive))
        except ModuleUnavailable as error:
            if error.code != "TF-151":  # TF-151: it cannot load anything while it runs
                seen.unreachable = str(error)
            return ""
        except TinyFlowError as error:
            self._failed[attempt] = str(error)
            return str(error)
        return ""

    def _forgive(self, module: Document) -> None:
        uid = module["metadata"]["uid"]
        self._failed = {attempt: why for attempt, why in self._failed.items() if attempt[0] != uid}

    async def _tell(self, module: Document, seen: Seen) -> None:
        desk = self._desk
        said = status(module, seen)
        kept = tuple(one["sha256"] for one in said.get("revisions", []))
        uid = module["metadata"]["uid"]
        if kept and seen.unfit is None and self._swept.get(uid) != kept:
            await self._sources.sweep(module, kept)
            self._swept[uid] = kept
        old, new = condition_of(module, "Ready"), condition_of({"status": said}, "Ready")
        other = any(old.get(field) != new[field] for field in ("status", "reason", "message"))
        if other:
            warning = condition_of({"status": said}, "Stalled")["status"] == "True"
            await desk.writer.event(MODULES, module, new["reason"], new["message"], warning=warning)
        foreign = ("address",) if seen.address_is_foreign else ()
        await desk.writer.status(MODULES, module, said, foreign=foreign)
        if other and CRASH_LOOP in (old.get("reason"), new["reason"]):  # its flows say what it says of that
            for flow in desk.flows_of_module(key_of(module)):
                desk.few.add((FLOW, *flow))

    def _away(self, key: Key, process: Process) -> None:
        if process.away is None:
            process.away = self._desk.clock()
            self._desk.few.add((PLAN, *key))

    def _tell_neighbours(self, key: Key) -> None:
        """Those who send to a module, or are sent to, have to know where it is."""
        for name in self._desk.neighbours(key):
            self._desk.few.add((PLAN, key[0], name))
