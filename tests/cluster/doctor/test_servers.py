"""The doctor reaches a server: down, silent, somebody else, too old, or with another clock."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest


def test_a_server_that_is_down_is_all_that_is_told(config, look):
    config("https://127.0.0.1:9")

    found = look()

    assert list(found) == ["kubeconfig", "API server"]
    assert found["API server"].state == "bad"
    assert "cannot be reached: Connection refused" in found["API server"].what.replace("[Errno 111] ", "")


def test_a_server_that_says_nothing_is_waited_for_some_seconds(config, monkeypatch, look):
    monkeypatch.setattr("tinyflow_jupyter._doctor.server.READ", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        config(f"http://127.0.0.1:{silent.getsockname()[1]}")

        began = time.monotonic()
        found = look()

    assert time.monotonic() - began < 5
    assert found["API server"].state == "bad"


def test_an_authority_that_is_not_the_servers_is_named(config, tmp_path, server, look):
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=other"]
    subprocess.run([*made, "-keyout", tmp_path / "key", "-out", tmp_path / "ca.crt"], check=True, capture_output=True)
    authority = base64.b64encode((tmp_path / "ca.crt").read_bytes()).decode()
    config(server, {"token": "token"}, **{"certificate-authority-data": authority})

    found = look()

    assert list(found) == ["kubeconfig", "API server"]
    assert "authority did not sign" in found["API server"].what
    assert found["API server"].fix.startswith("kubectl config set-cluster")


def test_a_login_that_is_not_taken_is_named(config, server, look):
    config(server, {"token": "stale"}, **{"insecure-skip-tls-verify": True})

    found = look()

    assert found["API server"].what.endswith("does not take the credentials.")


@contextlib.contextmanager
def answering(status, body, **headers):
    """Something on HTTP that is no Kubernetes."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, b"<html>Please log in</html>", {}),
        (302, b"", {"Location": "https://login.example.com/"}),
        (200, b"[1, 2]", {}),
        (200, b'{"major": {}, "minor": null}', {}),
        (502, b"bad gateway", {}),
    ],
)
def test_what_is_no_kubernetes_is_named(config, status, body, headers, look):
    with answering(status, body, **headers) as url:
        config(url)

        found = look()

    assert list(found)[-1] == "API server"
    assert "does not answer as Kubernetes does" in found["API server"].what


def test_an_api_that_is_nonsense_throughout_breaks_nothing(config, look):
    body = json.dumps({"major": "1", "minor": "34", "items": [{"metadata": {}}], "status": [], "spec": 7}).encode()
    with answering(200, body) as url:
        config(url)

        found = look()

    assert found["API server"].state == "ok"


def test_a_server_is_told_with_its_version_and_what_it_is_too_old_for(real, look):
    found = look()

    version = real.version()
    assert f"Kubernetes v{version[0]}.{version[1]}." in found["API server"].what
    assert found["API server"].state == ("ok" if version >= (1, 30) else "warn")
    assert ("rules" in found["API server"].what) == (version < (1, 25))
    assert found["clock"].state == "ok"


@pytest.mark.parametrize(("off", "state"), [(20, "warn"), (-20, "warn"), (3600, "bad")])
def test_clocks_that_differ_are_told(real, monkeypatch, off, state, look):
    monkeypatch.setattr("tinyflow_jupyter._doctor.server.time.time", lambda now=time.time: now() + off)

    found = look()["clock"]

    assert found.state == state
    assert ("before" if off > 0 else "behind") in found.what
    assert found.fix == "sudo timedatectl set-ntp true"
