"""The client, on a real Kubernetes API."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys

import aiohttp
import pytest
from aiohttp import web
from kubernetes import client as official
from tinyflow_operator.access import Access, of_this_machine
from tinyflow_operator.cache import Cache
from tinyflow_operator.kinds import MODULES, NAMESPACES, NODES
from tinyflow_operator.kube import Gone, Kube, Refused
from tinyflow_operator.pocket.api import serve
from tinyflow_operator.pocket.store import Store
from tinyflow_runtime.errors import ClusterError


def node(name, namespace, **spec):
    return {
        "apiVersion": "tinyflow.dev/v1alpha1",
        "kind": "TinyNode",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"module": "notebook", "component": "double", **spec},
    }


async def test_an_object_that_is_not_there_is_none(kube, namespace):
    assert await kube.get(NODES, namespace, "sums.double") is None


async def test_what_was_applied_is_listed(kube, namespace):
    await kube.apply(NODES, node("sums.double", namespace), "a")

    items, version = await kube.list(NODES, namespace)

    assert [item["metadata"]["name"] for item in items] == ["sums.double"]
    assert version


async def test_applying_the_same_again_changes_nothing(kube, namespace):
    first = await kube.apply(NODES, node("sums.double", namespace), "a")

    second = await kube.apply(NODES, node("sums.double", namespace), "a")

    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_the_status_has_a_manager_of_its_own(kube, namespace):
    await kube.apply(NODES, node("sums.double", namespace), "a")
    status = {"metadata": {"name": "sums.double", "namespace": namespace}, "status": {"observedGeneration": 1}}

    await kube.apply(NODES, status, "b", part="status")

    found = await kube.get(NODES, namespace, "sums.double")
    assert found["status"] == {"observedGeneration": 1}
    assert found["spec"]["component"] == "double"


async def test_a_document_that_breaks_the_schema_is_refused_with_the_field(kube, namespace):
    with pytest.raises(Refused, match=r"TF-161 .*spec\.component") as caught:
        await kube.apply(NODES, node("sums.double", namespace, component="Not A Name"), "a")

    assert caught.value.status == 422


async def test_a_list_longer_than_a_page_is_whole(kube, namespace, monkeypatch):
    monkeypatch.setattr("tinyflow_operator.kube.PAGE", 2)
    for number in range(5):
        await kube.apply(NODES, node(f"sums.n{number}", namespace), "a")

    items, _ = await kube.list(NODES, namespace)

    assert len(items) == 5


async def test_deleting_what_is_gone_is_no_error(kube, namespace):
    await kube.delete(MODULES, namespace, "nothing")


async def test_a_watch_tells_what_happens_after_the_list(kube, namespace):
    _, version = await kube.list(NODES, namespace)
    await kube.apply(NODES, node("sums.double", namespace), "a")
    await kube.delete(NODES, namespace, "sums.double")

    seen = []
    async with asyncio.timeout(10):
        async for event, _ in kube.watch(NODES, namespace, version):
            seen.append(event)
            if event == "DELETED":
                break

    assert seen == ["ADDED", "DELETED"]


async def test_an_object_of_half_a_megabyte_comes_through_a_watch(kube, namespace):
    _, version = await kube.list(NODES, namespace)
    # Longer than a line that aiohttp reads by itself.
    settings = [{"name": "settings", "settings": {"text": "x" * 500_000}}]
    await kube.apply(NODES, node("sums.double", namespace, ports=settings), "a")

    async with asyncio.timeout(10):
        _, document = await anext(aiter(kube.watch(NODES, namespace, version)))

    assert document["spec"]["ports"] == settings


async def test_a_watch_from_before_the_servers_memory_is_gone(kube, namespace):
    with pytest.raises(Gone):
        async for _ in kube.watch(NODES, namespace, "1"):
            pass


async def test_a_cache_hears_of_what_was_deleted_while_it_was_away(kube, namespace):
    await kube.apply(NODES, node("sums.a", namespace), "a")
    heard = []
    cache = Cache(kube, NODES, namespace, lambda document: heard.append(document["metadata"]["name"]))
    await cache._relist()
    await kube.delete(NODES, namespace, "sums.a")
    await kube.apply(NODES, node("sums.b", namespace), "a")

    await cache._relist()

    assert heard == ["sums.a", "sums.b", "sums.a"]
    assert [document["metadata"]["name"] for document in cache] == ["sums.b"]


async def test_a_selector_chooses_by_labels(kube, namespace):
    for name, labels in (("sums.a", {"x": "1"}), ("sums.b", {})):
        await kube.apply(
            NODES, node(name, namespace) | {"metadata": {**node(name, namespace)["metadata"], "labels": labels}}, "a"
        )

    items, _ = await kube.list(NODES, namespace, selector="x")

    assert [item["metadata"]["name"] for item in items] == ["sums.a"]


async def test_what_was_written_is_known_before_the_watch_tells_it_and_is_no_news_then(kube, namespace):
    heard = []
    first = await kube.apply(NODES, node("sums.a", namespace), "a")
    cache = Cache(kube, NODES, namespace, lambda document: heard.append(document["spec"]["component"]))
    await cache._relist()
    second = await kube.apply(NODES, node("sums.a", namespace, component="other"), "a")

    cache.put(second)
    cache._see("MODIFIED", dict(first))
    cache._see("MODIFIED", dict(second))

    assert heard == ["double", "other"]


async def test_an_answer_that_comes_after_the_end_brings_nothing_back(kube, namespace):
    cache = Cache(kube, NODES, namespace, lambda document: None)
    written = await kube.apply(NODES, node("sums.a", namespace), "a")

    cache.put(written)

    assert list(cache) == []


@pytest.mark.parametrize("malformed", [{}, {"metadata": {"resourceVersion": "x", "uid": "u", "name": "sums.a"}}])
async def test_a_malformed_event_makes_a_cache_read_everything_again_and_ends_nothing(malformed, monkeypatch):
    good = {"metadata": {"name": "sums.a", "uid": "u", "resourceVersion": "7"}}

    class Told:
        def __init__(self):
            self.lists, self.twice = 0, asyncio.Event()

        async def list(self, *_, **__):
            self.lists += 1
            if self.lists > 1:
                self.twice.set()
            return [good], "7"

        async def watch(self, *_, **__):
            yield "MODIFIED", {**malformed, "metadata": {**malformed.get("metadata", {})}}
            await asyncio.Event().wait()

    kube = Told()
    monkeypatch.setattr("tinyflow_operator.cache.BETWEEN_LISTS", 0.0)
    monkeypatch.setattr("tinyflow_operator.cache.FIRST_DELAY", 0.01)
    cache = Cache(kube, NODES, "", lambda document: None)
    task = asyncio.create_task(cache.run())
    await asyncio.wait([task, asyncio.ensure_future(kube.twice.wait())], return_when=asyncio.FIRST_COMPLETED)
    ended = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert not ended
    assert [document["metadata"]["name"] for document in cache] == ["sums.a"]


LOGIN = """import json, pathlib, sys
told = pathlib.Path(sys.argv[1])
told.write_text(str(int(told.read_text()) + 1))
status = {"token": f"secret{told.read_text()}", "expirationTimestamp": "2020-01-01T00:00:00Z"}
print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}))
"""


def configured(monkeypatch, folder, url, user):
    """A kubeconfig for a server, and the environment that leads to it."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": url}}],
        "users": [{"name": "it", "user": user}],
    }
    (folder / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", str(folder / "kubeconfig"))


async def test_a_login_program_is_asked_and_asked_again_when_its_token_is_old(tmp_path, monkeypatch):
    (tmp_path / "login.py").write_text(LOGIN)
    (tmp_path / "told").write_text("0")
    program = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable, "interactiveMode": "Never"}
    program["args"] = [str(tmp_path / "login.py"), str(tmp_path / "told")]

    async with serve(Store(), token="secret2") as url:
        configured(monkeypatch, tmp_path, url, {"exec": program})
        async with Kube.of_this_machine() as kube:
            assert await kube.get(NAMESPACES, "", "default")


async def test_a_login_that_is_refused_is_read_again(tmp_path, monkeypatch):
    async with serve(Store(), token="new") as url:
        configured(monkeypatch, tmp_path, url, {"token": "old"})
        async with Kube.of_this_machine() as kube:
            configured(monkeypatch, tmp_path, url, {"token": "new"})

            assert await kube.get(NAMESPACES, "", "default")

    assert kube.counts == {("GET", "401"): 1, ("GET", "200"): 1}


def in_a_pod(monkeypatch, folder, host, port, *, token="token", ca="none"):
    """As in a pod of a cluster."""
    (folder / "token").write_text(token)
    (folder / "ca.crt").write_text(ca)
    monkeypatch.setattr("tinyflow_operator.access.ACCOUNT", folder)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(port))


def test_a_pod_finds_its_cluster_and_reads_its_token_again_when_it_is_old(tmp_path, monkeypatch):
    in_a_pod(monkeypatch, tmp_path, "fd00::1", 6443, token="first\n")
    access = Access(*of_this_machine())

    before = access.login
    (tmp_path / "token").write_text("second")
    young = access.login
    monkeypatch.setattr("tinyflow_operator.access.TOKEN_AGE", 0.0)
    old = access.login

    assert access.host == "https://[fd00::1]:6443"
    assert [login["authorization"] for login in (before, young, old)] == [
        "Bearer first",
        "Bearer first",
        "Bearer second",
    ]


def test_a_pods_token_that_is_refused_is_read_again_at_once(tmp_path, monkeypatch):
    in_a_pod(monkeypatch, tmp_path, "10.0.0.1", 443, token="first")
    access = Access(*of_this_machine())

    (tmp_path / "token").write_text("second")

    assert (access.renew(), access.login["authorization"]) == (True, "Bearer second")
    assert access.renew() is False


def test_a_pod_without_a_token_is_told_so(tmp_path, monkeypatch):
    in_a_pod(monkeypatch, tmp_path, "10.0.0.1", 443)
    (tmp_path / "token").unlink()

    with pytest.raises(ClusterError, match=r"TF-160 No cluster is configured: .*token"):
        of_this_machine()


def test_a_pod_needs_no_official_client(tmp_path, monkeypatch):
    in_a_pod(monkeypatch, tmp_path, "10.0.0.1", 443)
    code = (
        "import sys, pathlib, tinyflow_operator.__main__; from tinyflow_operator import access; "
        f"access.ACCOUNT = pathlib.Path({str(tmp_path)!r}); access.of_this_machine(); "
        "print('kubernetes' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout == "False\n", done.stderr


def test_a_pocket_and_its_operator_need_no_official_client():
    code = (
        "import asyncio, os, sys, tinyflow_operator.__main__, tinyflow_operator.pocket.program\n"
        "from tinyflow_operator.kinds import FLOWS\n"
        "from tinyflow_operator.kube import Kube\n"
        "from tinyflow_operator.pocket.api import serve\n"
        "from tinyflow_operator.pocket.store import Store\n"
        "from tinyflow_operator.crds import definitions\n"
        "async def main():\n"
        "    async with serve(Store(definitions()), token='secret') as url:\n"
        "        os.environ['TINYFLOW_POCKET'] = f'{url}/secret'\n"
        "        async with Kube.of_this_machine() as kube:\n"
        "            print(await kube.get(FLOWS, 'default', 'none'), 'kubernetes' in sys.modules)\n"
        "asyncio.run(main())"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout == "None False\n", done.stderr


async def test_a_pod_talks_to_a_real_server_with_its_certificate_checked(apiserver, tmp_path, monkeypatch):
    (tmp_path / "account").mkdir()
    ca = (tmp_path / "pki/apiserver.crt").read_text()
    where = apiserver.in_pod
    in_a_pod(monkeypatch, tmp_path / "account", *where.values(), ca=ca)

    async with Kube.of_this_machine() as kube:
        assert await kube.version() > (1, 0)


async def test_a_server_that_is_not_who_was_asked_for_is_not_talked_to(apiserver, tmp_path, monkeypatch):
    config = json.loads((tmp_path / "kubeconfig").read_text())
    monkeypatch.setenv("KUBECONFIG", apiserver.kubeconfig)
    told = {}
    for name in ("kubernetes.default.svc", "somebody.example"):
        server = config["clusters"][0]["cluster"]["server"]
        cluster = {
            "server": server,
            "certificate-authority": str(tmp_path / "pki/apiserver.crt"),
            "tls-server-name": name,
        }
        (tmp_path / "kubeconfig").write_text(json.dumps({**config, "clusters": [{"name": "it", "cluster": cluster}]}))
        async with Kube.of_this_machine() as kube:
            try:
                told[name] = await kube.version() > (1, 0)
            except ClusterError as error:
                told[name] = str(error)

    assert told["kubernetes.default.svc"] is True
    assert "CERTIFICATE_VERIFY_FAILED" in told["somebody.example"]


async def test_a_client_certificate_that_changed_is_used(tmp_path, monkeypatch):
    def configuration():
        made = official.Configuration(host="https://127.0.0.1:1")
        made.cert_file = str(tmp_path / "certificate")
        return made

    loaded = []
    monkeypatch.setattr(
        ssl.SSLContext, "load_cert_chain", lambda self, *_: loaded.append((tmp_path / "certificate").read_text())
    )
    (tmp_path / "certificate").write_text("first")
    access = Access(configuration(), configuration)

    first, same = access.way["ssl"], access.renew()
    (tmp_path / "certificate").write_text("second")
    changed, second = access.renew(), access.way["ssl"]

    assert (same, changed, loaded) == (False, True, ["first", "second"])
    assert first is not second


@pytest.fixture
async def proxy():
    """A proxy of the plain kind, and what was asked through it."""
    asked = []

    async def answer(request):
        asked.append(request.raw_path)
        async with aiohttp.ClientSession() as session, session.get(request.raw_path) as passed:
            return web.Response(status=passed.status, body=await passed.read(), content_type="application/json")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


@pytest.mark.parametrize(
    ("cluster", "environment", "goes_through"),
    [
        ({"proxy-url": "PROXY"}, {}, True),
        ({}, {"http_proxy": "PROXY"}, True),
        ({}, {"http_proxy": "PROXY", "no_proxy": "127.0.0.1"}, False),
        ({}, {}, False),
    ],
)
async def test_a_proxy_is_asked_where_one_is_said(tmp_path, monkeypatch, proxy, cluster, environment, goes_through):
    url, asked = proxy
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, said in environment.items():
        monkeypatch.setenv(name, said.replace("PROXY", url))
    async with serve(Store()) as server:
        configured(monkeypatch, tmp_path, server, {})
        config = json.loads((tmp_path / "kubeconfig").read_text())
        config["clusters"][0]["cluster"] |= {name: said.replace("PROXY", url) for name, said in cluster.items()}
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        async with Kube.of_this_machine() as kube:
            assert await kube.get(NAMESPACES, "", "default")

    assert bool(asked) is goes_through


async def test_a_login_that_stays_refused_is_an_error(tmp_path, monkeypatch):
    async with serve(Store(), token="new") as url:
        configured(monkeypatch, tmp_path, url, {"token": "old"})
        async with Kube.of_this_machine() as kube:
            with pytest.raises(Refused, match=r"\(401\): Unauthorized"):
                await kube.get(NAMESPACES, "", "default")


async def test_a_login_in_the_servers_path_is_not_told(tmp_path, monkeypatch):
    configured(monkeypatch, tmp_path, "http://127.0.0.1:1/hidden", {})

    async with Kube.of_this_machine() as kube:
        with pytest.raises(ClusterError, match=r"127\.0\.0\.1:1 ") as caught:
            await kube.get(NAMESPACES, "", "default")

    assert "hidden" not in str(caught.value)


async def test_a_cluster_that_is_away_is_named(tmp_path, monkeypatch):
    config = tmp_path / "kubeconfig"
    config.write_text(
        "{apiVersion: v1, kind: Config, current-context: it, contexts: [{name: it, context: {cluster: it, user: it}}],"
        " clusters: [{name: it, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: it, user: {token: t}}]}"
    )
    monkeypatch.setenv("KUBECONFIG", str(config))

    async with Kube.of_this_machine() as kube:
        with pytest.raises(ClusterError, match=r"TF-162 .*127\.0\.0\.1:1"):
            await kube.list(NODES, "default")


def test_no_kubeconfig_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nothing"))

    with pytest.raises(ClusterError, match="Set KUBECONFIG"):
        Kube.of_this_machine()


@pytest.mark.parametrize("text", [b"a: [", b"[]", b"", b"\xff\xfe\x00", b"contexts: 7"])
def test_a_file_that_is_no_kubeconfig_is_no_cluster(monkeypatch, tmp_path, text):
    (tmp_path / "odd").write_bytes(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "odd"))

    with pytest.raises(ClusterError, match="TF-160 No cluster is configured"):
        Kube.of_this_machine()
