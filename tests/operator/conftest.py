"""A place to work in: a namespace on a real API, an operator, and doubles of module servers behind real gRPC."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import uuid

import pytest
from kubernetes import client as official
from tinyflow_operator.conditions import condition_of
from tinyflow_operator.crds import definitions
from tinyflow_operator.kinds import CONFIGMAPS, DEFINITIONS, FLOWS, MODULES, NAMESPACES, NODES, OURS, PODS
from tinyflow_operator.kube import Kube, Refused
from tinyflow_operator.loop import Operator
from tinyflow_operator.pocket.api import serve as pocket
from tinyflow_operator.pocket.store import Store
from tinyflow_runtime import protocol
from tinyflow_runtime.errors import ComponentError
from tinyflow_runtime.manifest import nodes_hash
from tinyflow_runtime.resources.labels import ADDRESS, FLOW_LABEL, MODULE_LABEL, NODES_SHA256, SHA256
from tinyflow_runtime.source.archive import Source
from tinyflow_runtime.wire import serve

PORTS = [
    protocol.Port(name="in", direction="in", type="int", schema='{"type":"integer"}'),
    protocol.Port(name="out", direction="out", type="int", schema='{"type":"integer"}'),
]


class Double:
    """A module server that runs whatever it is told, but for nodes that are in trouble."""

    def __init__(self, *, components=("double", "root"), revision="", refuses=None, broken=(), **troubles):
        self.components = components
        self.revision = revision
        self.instance = uuid.uuid4().hex
        self.plans, self.loads, self.messages, self.keys = [], [], [], set()
        self.refuses, self.broken, self.troubles = refuses, broken, troubles
        self.failing, self.asked = [], 0

    async def describe(self, request):
        components = [protocol.Component(name=name, ports=PORTS) for name in self.components]
        self.asked += 1
        return protocol.Description(
            module="m",
            components=components,
            version="1",
            revision=self.revision,
            instance=self.instance,
            failing=self.failing,
        )

    async def apply(self, plan):
        if self.refuses:
            raise self.refuses
        self.plans.append(plan)
        states = [
            protocol.NodeState(
                flow=node.flow, name=node.name, trouble=self.trouble(node), running=not self.trouble(node)
            )
            for node in plan.nodes
        ]
        return protocol.Applied(hash=plan.hash, nodes=states)

    def trouble(self, node):
        if node.component not in self.components:
            return f"TF-118 Module 'm' has no component {node.component!r}."
        return self.troubles.get(node.name, "")

    async def load(self, archive):
        self.loads.append(archive.sha256)
        if archive.sha256 in self.broken:
            raise ComponentError("TF-110", "Module 'm' failed to load: NameError: x", where="cell 3, line 2")
        self.revision = archive.sha256
        return await self.describe(None)

    async def send(self, batch):
        for message in batch.messages:
            if message.idempotency_key not in self.keys:
                self.keys.add(message.idempotency_key)
                self.messages.append(message)
        return protocol.Accepted(count=len(batch.messages))

    async def watch(self, request):
        yield protocol.Seen()

    @property
    def nodes(self):
        """What it runs, by the last plan."""
        return sorted(f"{node.flow}.{node.name}" for node in self.plans[-1].nodes) if self.plans else []


class Place:
    """One namespace."""

    def __init__(self, kube, namespace):
        self.kube, self.namespace = kube, namespace

    def key(self, name):
        return {"name": name, "namespace": self.namespace}

    async def apply(self, kind, name, spec, **metadata):
        document = {"metadata": {**self.key(name), **metadata}, "spec": spec}
        return await self.kube.apply(kind, document, "test")

    async def node(self, name, component="double", module="m", **spec):
        labels = {FLOW_LABEL: name.partition(".")[0]}
        return await self.apply(NODES, name, {"module": module, "component": component, **spec}, labels=labels)

    async def flow(self, name, *nodes, component="double", module="m", wait=True):
        """Push a flow as a whole."""
        spec = {"module": module, "component": component}
        documents = [{"metadata": {"name": f"{name}.{node}"}, "spec": spec} for node in nodes]
        await self.apply(FLOWS, name, {}, annotations={NODES_SHA256: nodes_hash(documents)})
        for node in nodes:
            await self.node(f"{name}.{node}", component, module)
        return await self.until(FLOWS, name, is_ready) if wait else None

    async def get(self, kind, name):
        return await self.kube.get(kind, self.namespace, name)

    async def delete(self, kind, name):
        await self.kube.delete(kind, self.namespace, name)

    async def list(self, kind):
        items, _ = await self.kube.list(kind, self.namespace)
        return {item["metadata"]["name"]: item for item in items}

    async def until(self, kind, name, fits, *, timeout=30):
        """Wait, by a watch, until an object fits."""
        items, version = await self.kube.list(kind, self.namespace)
        found = next((item for item in items if item["metadata"]["name"] == name), None)
        if fits(found):
            return found
        try:
            async with asyncio.timeout(timeout):
                async for event, document in self.kube.watch(kind, self.namespace, version):
                    if event == "BOOKMARK" or document["metadata"]["name"] != name:
                        continue
                    found = None if event == "DELETED" else document
                    if fits(found):
                        return found
        except TimeoutError:
            pytest.fail(f"never fitted: {found}")

    async def condition(self, kind, name, about="Ready", *, generation=1, **wanted):
        """Wait until a condition says what is wanted of this generation."""

        def fits(document):
            found = condition_of(document, about)
            return found.get("observedGeneration", 0) >= generation and all(
                found.get(field) == value for field, value in wanted.items()
            )

        return condition_of(await self.until(kind, name, fits), about)

    async def source(self, text, module="m"):
        """Put a source where a push puts it."""
        source = Source(module, {f"{module}.py": text})
        name = f"tm-{module}-{source.sha256[:12]}"
        metadata = {
            **self.key(name),
            "labels": {MODULE_LABEL: module, SHA256: source.sha256[:12]},
            "annotations": {SHA256: source.sha256},
        }
        content = {"immutable": True, "binaryData": {"source.zip": base64.b64encode(source.archive()).decode()}}
        await self.kube.apply(CONFIGMAPS, {"metadata": metadata, **content}, "test")
        return {"sha256": source.sha256, "configMapRef": {"name": name}}

    @contextlib.asynccontextmanager
    async def serving(self, double, module="m", name="pod-1", sha256="", **container_status):
        """A double that serves as the module's pod."""
        async with serve(double, "127.0.0.1:0") as address:
            await self.pod(module, name, sha256=sha256, address=address, **container_status)
            yield address

    @contextlib.asynccontextmanager
    async def serving_nothing(self, double):
        """A double that serves, and no pod that says so."""
        async with serve(double, "127.0.0.1:0") as address:
            yield address

    async def operate(self, kube, **options):
        await Operator(kube, self.namespace, **options).run()

    async def pod(self, module, name="pod-1", *, sha256="", address="", crash="", **container_status):
        labels = {MODULE_LABEL: module, **({SHA256: sha256[:12]} if sha256 else {})}
        metadata = {**self.key(name), "labels": labels, "annotations": {ADDRESS: address}}
        await self.kube.apply(
            PODS, {"metadata": metadata, "spec": {"containers": [{"name": "module", "image": "none"}]}}, "kubelet"
        )
        container = {"name": "module", "image": "none", "imageID": "", "ready": bool(address), "restartCount": 0}
        if crash:
            container["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
            container["lastState"] = {"terminated": {"exitCode": 1, "message": crash}}
        container |= container_status
        status = {"conditions": [{"type": "Ready", "status": str(bool(address))}], "containerStatuses": [container]}
        await self.kube.apply(PODS, {"metadata": self.key(name), "status": status}, "kubelet-status", part="status")

    @contextlib.asynccontextmanager
    async def operating(self, kube=None, **options):
        operator = Operator(kube or self.kube, self.namespace, **options)
        task = asyncio.create_task(operator.run())
        try:
            yield operator
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def module(self, double, **options):
        """An operator, and a module that somebody else runs."""
        await self.apply(MODULES, "m", {})
        async with self.serving(double), self.operating(**options) as operator:
            yield operator


async def until(says, *, timeout=10):
    """Wait until something that no watch tells is so."""
    async with asyncio.timeout(timeout):
        while not says():  # noqa: ASYNC110  # doubles have no events
            await asyncio.sleep(0.01)


def is_ready(document):
    return condition_of(document, "Ready").get("status") == "True"


def pytest_collection_modifyitems(items):
    for item in items:
        if (
            getattr(item, "callspec", None)
            and item.callspec.params.get("place", item.callspec.params.get("places")) == "kubernetes"
        ):
            # First of all, and not amid the test: the server is the session's, and takes a while to start.
            item.fixturenames.insert(0, "bare_kubeconfig")
            if not item.get_closest_marker("timeout"):
                item.add_marker(pytest.mark.timeout(120))


@pytest.fixture(params=["pocket", "kubernetes"])
async def place(request, monkeypatch):
    """A place on the pocket's API, then one on a real one."""
    if request.param == "pocket":
        async with pocket(Store(definitions())) as url, Kube(official.Configuration(host=url)) as kube:
            yield Place(kube, "default")
        return
    # Not the server of KUBECONFIG: its own controllers may run Deployments too.
    monkeypatch.setenv("KUBECONFIG", request.getfixturevalue("bare_kubeconfig"))
    async with Kube.of_this_machine() as kube:
        await define(kube)
        name = f"tinyflow-test-{uuid.uuid4().hex[:8]}"
        await kube.create(NAMESPACES, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        yield Place(kube, name)
        await kube.delete(NAMESPACES, "", name)


async def define(kube):
    """Have our kinds served."""
    for definition in definitions(rules=False):
        await kube.apply(DEFINITIONS, definition, "tinyflow-tests")
    for kind in OURS:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(Refused):  # 404 for the moment between a definition and its API
                    await kube.list(kind, "default")
                    break
                await asyncio.sleep(0.05)


@pytest.fixture(params=["pocket", "kubernetes"])
async def places(request, monkeypatch):
    """Makes places: each on a pocket's API of its own, or each in a namespace of its own of a real one."""
    async with contextlib.AsyncExitStack() as stack:
        if request.param == "kubernetes":
            monkeypatch.setenv("KUBECONFIG", request.getfixturevalue("bare_kubeconfig"))
            kube = await stack.enter_async_context(Kube.of_this_machine())
            await define(kube)

        async def make():
            if request.param == "kubernetes":
                name = f"tinyflow-test-{uuid.uuid4().hex[:8]}"
                await kube.create(NAMESPACES, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
                return Place(kube, name)
            url = await stack.enter_async_context(pocket(Store(definitions())))
            return Place(await stack.enter_async_context(Kube(official.Configuration(host=url))), "default")

        yield make


@pytest.fixture
def place_at():
    """Makes places of an API and a namespace."""
    return Place


@pytest.fixture
def served():
    """Has our kinds served by an API."""
    return define


@pytest.fixture
def eventually():
    """Waits until something that no watch tells is so."""
    return until


@pytest.fixture
def double():
    """Makes doubles."""
    return Double


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Whoever waits says so soon."""
    monkeypatch.setattr("tinyflow_operator.reconcile.nodes.GRACE", 0.3)
    monkeypatch.setattr("tinyflow_operator.reconcile.modules.PULSE", 0.5)
    monkeypatch.setattr("tinyflow_operator.gate.SETTLED", 2.0)
