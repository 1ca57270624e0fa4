"""What a cluster's API answers, or does not answer, is told in words with a way out."""

from __future__ import annotations

import http.server
import json
import threading
import time

import pytest

import tinyflow_jupyter as tf
from tinyflow_jupyter._cluster import api as api_file
from tinyflow_jupyter._cluster.api import Api
from tinyflow_jupyter._cluster.logs import read_logs
from tinyflow_jupyter._cluster.refusals import Refused


class Server(http.server.ThreadingHTTPServer):
    """Answers what it was told to answer, one after the other, the last for ever."""

    daemon_threads = True

    def __init__(self):
        self.answers, self.asked = [], []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # the base class's name
        self.server.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        if length := int(self.headers.get("Content-Length", 0)):
            self.rfile.read(length)
        status, body = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_PATCH = do_PUT = do_DELETE = do_GET  # the base class's names

    def log_message(self, *_): ...


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def kubeconfig(tmp_path, url):
    path = tmp_path / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
            {"name": "there", "context": {"cluster": "c", "user": "u"}},
        ],
        "users": [{"name": "u", "user": {"token": "secret"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
    }
    path.write_text(json.dumps(config))
    return str(path)


@pytest.fixture
def api(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, f"http://127.0.0.1:{server.server_port}"))
    monkeypatch.setattr(api_file, "_delays", lambda: iter((0.0, 0.01, 0.01)))
    api = Api.of_context(None, None)
    yield api
    api.close()


@pytest.mark.parametrize("text", [b"a: [", b"[]", b"", b"\xff\xfe\x00", b"contexts: 7"])
def test_a_file_that_is_no_kubeconfig_is_no_cluster(monkeypatch, tmp_path, text):
    (tmp_path / "odd").write_bytes(text)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "odd"))

    with pytest.raises(tf.errors.ClusterError, match=r"TF-160 No cluster is configured"):
        tf.Cluster()


def test_without_a_kubeconfig_the_error_tells_of_the_pocket_cluster(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    with pytest.raises(tf.errors.ClusterError, match=r"TF-160 No cluster is configured[\s\S]*tf.Cluster.local\(\)"):
        tf.Cluster()


def test_an_unknown_context_is_refused_with_those_that_there_are(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, "http://127.0.0.1:1"))

    with pytest.raises(tf.errors.ClusterError, match=r"TF-160 .*'ther'[\s\S]*'there'\? Contexts: here, there"):
        tf.Cluster("ther")


def test_a_context_that_is_named_needs_no_current_one(monkeypatch, tmp_path):
    path = kubeconfig(tmp_path, "http://127.0.0.1:1")
    config = json.loads((tmp_path / "kubeconfig").read_text())
    del config["current-context"]
    (tmp_path / "kubeconfig").write_text(json.dumps(config))
    monkeypatch.setenv("KUBECONFIG", path)

    with tf.Cluster("here") as cluster:
        where = cluster._api.namespace, cluster._api.context

    assert where == ("team", "here")


@pytest.mark.parametrize("given", ["numbers", 7])
def test_what_is_no_flow_is_not_pushed_and_that_is_said(monkeypatch, tmp_path, given):
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, "http://127.0.0.1:1"))

    with tf.Cluster() as cluster, pytest.raises(tf.errors.TinyFlowError, match=r"TF-119 .*no flow") as caught:
        cluster.push(given)

    assert "cluster.push(flow)" in str(caught.value)


def test_the_contexts_namespace_is_used_unless_another_is_given(api, server, monkeypatch):
    server.answers = [(200, {"items": []})]

    api.objects("TinyFlow")
    other = Api.of_context("there", "mine")
    other.objects("TinyFlow")
    other.close()

    assert [path.split("/")[5] for _, path, _ in server.asked] == ["team", "mine"]
    assert server.asked[0][2] == "Bearer secret"


def test_a_server_that_is_away_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, "http://127.0.0.1:1"))
    monkeypatch.setattr(api_file, "_delays", lambda: iter((0.0, 0.01)))
    api = Api.of_context(None, None)

    with pytest.raises(tf.errors.ClusterError, match=r"TF-162 The cluster 'here' at http://127.0.0.1:1 cannot"):
        api.get("TinyFlow", "numbers")
    api.close()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"message": "Unauthorized"}, r"refused \(401\): Unauthorized[\s\S]*Log in again"),
        (403, {"message": "user may not"}, r"refused \(403\): user may not[\s\S]*Ask who runs the cluster"),
        (404, "404 page not found", r"refused \(404\)[\s\S]*tinyflow crds"),
        (422, {"message": "spec.module: too long"}, r"refused \(422\): spec.module: too long"),
        (302, "moved", r"refused \(302\): moved"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(api, server, status, body, said):
    server.answers = [(status, body)]

    with pytest.raises(Refused, match=said) as caught:
        api.get("TinyFlow", "numbers")

    assert caught.value.status == status
    assert len(server.asked) == 1


def test_of_a_pod_that_is_being_made_there_is_what_its_first_container_wrote(api, server):
    waiting = {"name": "module", "state": {"waiting": {"reason": "PodInitializing"}}}
    pod = {
        "metadata": {"name": "tm-maths-x"},
        "spec": {"initContainers": [{"name": "install"}], "containers": [{"name": "module"}, {"name": "mesh"}]},
        "status": {"containerStatuses": [waiting]},
    }
    said = 'container "module" in pod "tm-maths-x" is waiting to start: PodInitializing'  # a kubelet's words
    server.answers = [(200, {"items": [pod]}), (400, {"message": said}), (200, "Collecting numpy\n")]

    told = read_logs(api, ["maths"], 7)

    assert told == "Collecting numpy\n(tm-maths-x has not begun to write: PodInitializing)"
    assert [path.partition("/log?")[2] for _, path, _ in server.asked[1:]] == [
        "tailLines=7&container=module",
        "tailLines=7&container=install",
    ]


def test_a_log_that_is_refused_for_another_reason_is_told_as_any_refusal(api, server):
    server.answers = [(200, {"items": [{"metadata": {"name": "p"}, "spec": {"containers": [{"name": "module"}]}}]})]
    server.answers += [(403, {"message": 'pods is forbidden: User "ada" cannot get resource "pods/log"'})]

    with pytest.raises(Refused, match=r"TF-161 .*refused \(403\)"):
        read_logs(api, ["maths"], 7)


def test_a_login_page_is_told_from_an_answer(api, server):
    server.answers = [(200, "<html>Log in</html>")]

    with pytest.raises(tf.errors.ClusterError, match=r"TF-161 .*does not answer as Kubernetes does: '<html>"):
        api.get("TinyFlow", "numbers")


def test_an_object_that_is_not_there_is_none(api, server):
    server.answers = [(404, {"kind": "Status", "code": 404, "message": "not found", "details": {"name": "numbers"}})]

    assert api.get("TinyFlow", "numbers") is None
    assert api.delete("TinyFlow", "numbers") is False


def test_a_server_that_is_busy_is_asked_again(api, server):
    server.answers = [(503, "busy"), (429, "slow down"), (200, {"kind": "TinyFlow"})]

    assert api.get("TinyFlow", "numbers") == {"kind": "TinyFlow"}
    assert len(server.asked) == 3


def test_pages_are_read_to_their_end_and_anew_when_the_server_forgot_them(api, server):
    first = {"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "here"}}
    last = {"items": [{"metadata": {"name": "b"}}], "metadata": {}}
    server.answers = [(200, first), (410, {"message": "expired"}), (200, first), (200, last)]

    found = api.objects("TinyNode", label="tinyflow.dev/flow=numbers")

    assert [(one["kind"], one["metadata"]["name"]) for one in found] == [("TinyNode", "a"), ("TinyNode", "b")]
    assert "labelSelector=tinyflow.dev%2Fflow%3Dnumbers" in server.asked[0][1]


def test_of_many_works_the_first_that_fails_ends_those_that_have_not_begun(api):
    done = []

    def work(number):
        if number == 3:
            raise Refused("TF-161", "no")
        time.sleep(0.05)
        done.append(number)

    with pytest.raises(Refused):
        api.many([lambda number=number: work(number) for number in range(200)])

    assert len(done) < 100


def test_a_cluster_that_was_closed_says_so(api):
    api.close()

    for use in (lambda: api.get("TinyFlow", "a"), lambda: api.many([lambda: None])):
        with pytest.raises(tf.errors.ClusterError, match="TF-160 The cluster was closed"):
            use()


def test_an_error_never_shows_the_path_of_a_server_for_it_may_be_a_key(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path, "http://127.0.0.1:1/the-key"))
    monkeypatch.setattr(api_file, "_delays", lambda: iter((0.0,)))
    api = Api.of_context(None, None)

    with pytest.raises(tf.errors.ClusterError, match=r"at http://127\.0\.0\.1:1 cannot be reached") as refused:
        api.get("TinyFlow", "a")

    assert "the-key" not in str(refused.value)
    api.close()
