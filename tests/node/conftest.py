"""TinyFlow as it is installed on a cluster that runs pods; see README.md for what that needs."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "browser")]  # tests are no packages, and these use the harness of those

from real_cluster import IMAGES, MODULE, OPERATOR, READY, ROOT, SYSTEM, Cluster, image, take_away  # noqa: E402 - see above

if TYPE_CHECKING:
    from lab import Lab


@pytest.fixture(scope="session")
def cluster(need: Callable[[bool, str], None], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The cluster, with an empty namespace for flows; whoever installs there takes it away."""
    need(bool(os.environ.get("KUBECONFIG")), "a cluster that runs pods: KUBECONFIG is not set")
    for name in IMAGES:
        need(name in os.environ, f"an image: {name} is not set")
    assets = os.environ.get("KUBEBUILDER_ASSETS", "")
    kubectl = shutil.which("kubectl") or shutil.which("kubectl", path=assets) or ""
    need(bool(kubectl), "kubectl, on the path or in KUBEBUILDER_ASSETS")
    namespace = f"tinyflow-test-{uuid.uuid4().hex[:6]}"
    file = tmp_path_factory.mktemp("cluster") / "kubeconfig"
    given = Cluster(kubectl, Path(os.environ["KUBECONFIG"]), namespace)
    need(bool(given.get("nodes")["items"]), "a cluster that runs pods: this one has no node")
    file.write_text(given("config", "view", "--raw", "--flatten"))
    ours = Cluster(kubectl, file, namespace)
    ours("config", "set-context", "--current", f"--namespace={namespace}")
    ours("create", "namespace", namespace)
    return ours


@pytest.fixture(scope="session")
def helm(cluster: Cluster) -> Any:
    """Helm, in the namespace that TinyFlow is installed in."""
    import helm_python

    return helm_python.Config(kubeconfig_path=cluster.kubeconfig, namespace=SYSTEM)


@pytest.fixture(scope="session")
def installed(cluster: Cluster, helm: Any) -> Iterator[Cluster]:
    """The cluster with TinyFlow on it; whoever leaves it there has it taken away at the end."""
    values = {"image": image(OPERATOR), "modules": {"image": image(MODULE)}}
    charts = ROOT / "charts"
    try:
        helm.install(charts / "tinyflow-crds", "tinyflow-crds", {}, create_namespace=True, wait="watcher")
        helm.install(charts / "tinyflow-operator", "tinyflow", values, wait="watcher", timeout=READY)
        yield cluster
    finally:
        take_away(cluster)
        cluster("delete", "namespace", SYSTEM, "--ignore-not-found")


@pytest.fixture
async def lab(chromium: str, environment: None, tmp_path: Path) -> AsyncIterator[Lab]:
    """A tab of a JupyterLab of its own, whose kernels find the cluster."""
    from lab import browser_in, tab
    from lab_server import lab_server

    with lab_server(tmp_path) as server:
        async with browser_in(server.profile, chromium) as browser, tab(browser, server) as lab:
            yield lab


@pytest.fixture(scope="session", autouse=True)
def environment(cluster: Cluster) -> Iterator[None]:
    """Kernels find the cluster as a person's do, and our packages where these tests have them."""
    before = dict(os.environ)
    os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
    os.environ["TEST_KUBECTL"] = " ".join(cluster.command())
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT, ROOT / "runtime", ROOT / "operator")))
    yield
    os.environ.clear()
    os.environ.update(before)
