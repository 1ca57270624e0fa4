"""The census: no test leaves a thread, a task, a process or an open file behind; and what was skipped is counted."""

from __future__ import annotations

import asyncio
import base64
import collections
import contextlib
import gc
import inspect
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if (
    TYPE_CHECKING
):  # imported by the fixtures that need them: most tests know no cluster, and the client is slow to import
    from tinyflow_operator.kinds import Kind
    from tinyflow_operator.kube import Kube

GRACE = 5.0  # seconds that what a test ended may take to be gone; only a test that leaks waits so long
SERVER_STARTS = (
    120  # seconds for a test that may have to start a Kubernetes API first, on a machine that others use too
)
GIVEN = os.environ.get("KUBECONFIG", "")  # by whoever runs the tests, before some of them set their own
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
CHROMIUMS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)

_missing: collections.Counter[str] = collections.Counter()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "census(keeps): what this test may leave behind, and why")
    config.addinivalue_line("markers", "mortal: this test ends the process that others share, so it has one of its own")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"kubeconfig", "bare_kubeconfig", "apiserver"} & set(
            getattr(item, "fixturenames", ())
        ) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SERVER_STARTS))


@pytest.fixture(autouse=True)
def census(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a thread, a child process or an open file behind.

    It stands around all other fixtures of the test. What a session's fixture holds was there before.
    """
    if request.node.get_closest_marker("census"):
        yield
        return
    before = _here()

    yield

    left = _here() - before
    deadline = time.monotonic() + GRACE
    while left and time.monotonic() < deadline:
        gc.collect()  # sockets in reference cycles close when they are collected
        time.sleep(0.01)
        left = _here() - before
    if left:
        pytest.fail("left behind: " + ", ".join(sorted(left.elements())), pytrace=False)


@pytest.fixture(autouse=True)
def _census_of_tasks(request: pytest.FixtureRequest, census: None) -> None:
    if inspect.iscoroutinefunction(getattr(request, "function", None)) and not request.node.get_closest_marker(
        "census"
    ):
        request.getfixturevalue("_no_task_left")


@pytest.fixture
async def _no_task_left() -> AsyncIterator[None]:
    """Runs on the test's own loop, after its fixtures: whoever started a task has to have ended it."""
    yield
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=0.5)  # cancelled ones need a turn
    if left:
        pytest.fail("left behind: " + ", ".join(sorted(f"task {task!r}" for task in left)), pytrace=False)


def _here() -> collections.Counter[str]:
    """Every thread, child and descriptor, by what it is: numbers are used again for other files."""
    here = collections.Counter(f"thread {thread.name}" for thread in threading.enumerate() if thread.is_alive())
    here.update(_children())
    here.update(_files())
    return here


def _children() -> Iterator[str]:
    listing = Path("/proc/self/task")
    if not listing.exists():
        for child in psutil.Process().children():
            yield f"process {child.pid}"
        return
    # A hundred times cheaper than looking through every process of the machine.
    for thread in listing.iterdir():
        with contextlib.suppress(OSError):  # the thread ended meanwhile
            for pid in (thread / "children").read_text().split():
                yield f"process {pid}"


def _files() -> Iterator[str]:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    for number in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{number}") if folder == "/proc/self/fd" else f"descriptor {number}"
        except OSError:  # the listing itself
            continue
        kind = target.split(":")[0]
        if kind == "anon_inode":  # gRPC keeps its epolls; an event loop that is not closed shows by its sockets
            continue
        yield f"open {kind}" if kind in ("socket", "pipe") else f"open {target}"


@pytest.fixture(scope="session")
def need() -> Callable[[bool, str], None]:
    """``need(found, "no Chromium")``: skip for want of something, count it, and fail where it has to be there."""

    def need(found: bool, missing: str) -> None:
        if found:
            return
        if IN_CI:
            pytest.fail(f"{missing}; in CI that is a failure", pytrace=False)
        pytest.skip(missing)

    return need


@pytest.fixture
def interrupts() -> Iterator[None]:
    """A started-in-the-background test run ignores interrupts, as shells have it; here they come."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def chromium(need: Callable[[bool, str], None]) -> str:
    """The path of a Chromium; without one the test is skipped and counted."""
    found = os.environ.get("TINYFLOW_CHROMIUM") or next(
        (path for name in CHROMIUMS if (path := shutil.which(name))), ""
    )
    need(bool(found), "no Chromium on this machine")
    return found


@pytest.fixture
def with_controllers(need: Callable[[bool, str], None]) -> str:
    """The kubeconfig that was given to the tests, of a server with controllers; none of theirs has any."""
    need(bool(GIVEN), "a Kubernetes API with controllers: KUBECONFIG is not set")
    return GIVEN


@pytest.fixture(scope="session")
def kubeconfig(request: pytest.FixtureRequest) -> Iterator[str]:
    """The path of a kubeconfig: that of KUBECONFIG, else that of a server started from KUBEBUILDER_ASSETS."""
    if GIVEN:
        yield GIVEN
        return
    path = request.getfixturevalue("bare_kubeconfig")
    os.environ["KUBECONFIG"] = path
    yield path
    del os.environ["KUBECONFIG"]


@pytest.fixture(scope="session")
def bare_kubeconfig(need: Callable[[bool, str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The kubeconfig of a server without controllers, where tests play kubelet: started from KUBEBUILDER_ASSETS."""
    assets = os.environ.get("KUBEBUILDER_ASSETS", "")
    need(bool(assets), "a Kubernetes API of the tests' own: KUBEBUILDER_ASSETS is not set")
    server = ApiServer(Path(assets), tmp_path_factory.mktemp("apiserver"))
    try:
        server.start()
        yield server.kubeconfig
    finally:
        server.end()


@pytest.fixture
async def kube(kubeconfig: str) -> AsyncIterator[Kube]:
    """The cluster's API, with our custom resources in it."""
    from tinyflow_operator.crds import definitions
    from tinyflow_operator.kinds import DEFINITIONS, OURS
    from tinyflow_operator.kube import Kube

    async with Kube.of_this_machine() as kube:
        # Without the rules, which older servers do not take; the operator has to check the same things anyway.
        for definition in definitions(rules=False):
            await kube.apply(DEFINITIONS, definition, "tinyflow-tests")
        for kind in OURS:
            await _served(kube, kind)
        yield kube


async def _served(kube: Kube, kind: Kind) -> None:
    from tinyflow_operator.kube import Refused

    async with asyncio.timeout(10):
        while True:
            try:
                await kube.list(kind, "default")
            except Refused:  # 404 for the moment between a definition and its API
                await asyncio.sleep(0.05)
            else:
                return


@pytest.fixture
async def namespace(kube: Kube) -> AsyncIterator[str]:
    """A namespace of this test's own."""
    from tinyflow_operator.kinds import NAMESPACES

    name = f"tinyflow-test-{uuid.uuid4().hex[:8]}"
    await kube.create(NAMESPACES, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await kube.delete(NAMESPACES, "", name)


class ApiServer:
    """etcd and kube-apiserver on loopback, as short as they go: no controllers, one user who may do all.

    Attributes:
        kubeconfig: Its path.
    """

    def __init__(self, assets: Path, folder: Path) -> None:
        self._assets, self._folder = assets, folder
        self._etcd, self._peer, self._port = _free_ports(3)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.kubeconfig = str(folder / "kubeconfig")
        subprocess.run(["openssl", "genrsa", "-out", folder / "sa.key", "2048"], check=True, capture_output=True)
        (folder / "tokens").write_text("token,admin,admin,system:masters\n")
        server = {"server": f"https://127.0.0.1:{self._port}", "insecure-skip-tls-verify": True}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "users": [{"name": "it", "user": {"token": "token"}}],
            "clusters": [{"name": "it", "cluster": server}],
        }
        (folder / "kubeconfig").write_text(json.dumps(config))

    def start(self) -> None:
        """Start what does not run, on the same port and data; returns when it answers."""
        key, folder, etcd = self._folder / "sa.key", self._folder, f"http://127.0.0.1:{self._etcd}"
        peer = f"http://127.0.0.1:{self._peer}"
        self._start(
            *("etcd", f"--data-dir={folder}/etcd", f"--initial-cluster=default={peer}"),
            *(f"--{flag}-client-urls={etcd}" for flag in ("listen", "advertise")),
            *(f"--{flag}-peer-urls={peer}" for flag in ("listen", "initial-advertise")),
        )
        self._start(
            *("kube-apiserver", f"--etcd-servers={etcd}", f"--cert-dir={folder}/pki"),
            *("--bind-address=127.0.0.1", f"--secure-port={self._port}", f"--token-auth-file={folder}/tokens"),
            *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
            *("--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.245.0.0/24"),
            *("--authorization-mode=RBAC", "--endpoint-reconciler-type=none"),
            "--disable-admission-plugins=ServiceAccount",  # nobody makes the accounts here
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",  # as the strictest of clusters have it
        )
        insecure = ssl._create_unverified_context()  # its certificate is of its own making, on loopback
        url = f"https://127.0.0.1:{self._port}/readyz"
        ready = urllib.request.Request(url, headers={"Authorization": "Bearer token"})
        for _ in range(900):
            with contextlib.suppress(OSError), urllib.request.urlopen(ready, context=insecure):
                return
            time.sleep(0.1)
        pytest.fail(f"kube-apiserver is not ready after 90 s; see {folder}/log", pytrace=False)

    @property
    def in_pod(self) -> dict[str, str]:
        """The environment by which pods find it; the token is ``token``."""
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self._port)}

    def stop(self, name: str = "kube-apiserver", *, number: int = signal.SIGKILL) -> None:
        """End a process, in the middle of whatever it does."""
        process = self._running.pop(name)
        process.send_signal(number)
        process.wait()

    def compact(self) -> int:
        """Have etcd forget all versions but the newest; returns which that is."""
        asked = self._ask("range", {"key": base64.b64encode(b"none").decode()})
        revision = int(asked["header"]["revision"])
        self._ask("compaction", {"revision": revision, "physical": True})
        return revision

    def end(self) -> None:
        for name in list(reversed(self._running)):
            self.stop(name, number=signal.SIGTERM)

    def _ask(self, what: str, body: dict[str, object]) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._etcd}/v3/kv/{what}", data=json.dumps(body).encode(), method="POST"
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def _start(self, name: str, *arguments: str) -> None:
        if name in self._running:
            return
        with open(self._folder / "log", "ab") as log:
            self._running[name] = subprocess.Popen(
                [self._assets / name, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )


@pytest.fixture
def apiserver(need: Callable[[bool, str], None], tmp_path: Path) -> Iterator[ApiServer]:
    """A Kubernetes API of this test's own, to be stopped and started."""
    assets = os.environ.get("KUBEBUILDER_ASSETS", "")
    need(bool(assets), "a Kubernetes API of the tests' own: KUBEBUILDER_ASSETS is not set")
    server = ApiServer(Path(assets), tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.end()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]  # pytest's
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
        _missing[report.longrepr[2].removeprefix("Skipped: ")] += 1
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):  # type: ignore[no-untyped-def]  # pytest's
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):  # a whole file
        _missing[report.longrepr[2].removeprefix("Skipped: ")] += 1
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reason, count in _missing.most_common():
        terminalreporter.write_line(f"NOT RUN: {count} test{'s' * (count > 1)}, for want of: {reason}", yellow=True)
