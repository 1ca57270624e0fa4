"""The doctor before a server is reached: a kubeconfig that is none, or that others read, and logins that fail."""

from __future__ import annotations

import time

import pytest


def test_no_kubeconfig_is_no_fault(monkeypatch, tmp_path, look):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)

    found = look()

    assert [(each.about, each.state) for each in found.values()] == [("kubeconfig", "ok")]


def test_a_kubeconfig_that_is_named_has_to_be_there(monkeypatch, tmp_path, look):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nowhere"))

    found = look()

    assert list(found) == ["kubeconfig"]
    assert found["kubeconfig"].state == "bad"
    assert "TF-160" in found["kubeconfig"].what


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe garbage",
        b"- a\n- list\n",
        b"just words",
        b"{a: b",
        b"apiVersion: v1\nkind: Config\n",
        b"{current-context: x, contexts: [], clusters: [], users: []}",
        b"{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}], clusters: [], users: []}",
        b"{current-context: x, contexts: 7, clusters: {}, users: null}",
        b"{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}],"
        b" clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9', certificate-authority-data: '%%%'}}],"
        b" users: [{name: u, user: {}}]}",
        b"{current-context: x, contexts: [{name: x, context: {cluster: c, user: u}}],"
        b" clusters: [{name: c, cluster: {server: 'no address'}}], users: [{name: u, user: {}}]}",
    ],
)
def test_garbage_is_named_as_such(monkeypatch, tmp_path, content, look):
    path = tmp_path / "kubeconfig"
    path.write_bytes(content)
    path.chmod(0o600)
    monkeypatch.setenv("KUBECONFIG", str(path))

    found = look()

    assert [each.state for each in found.values()][-1] == "bad"
    assert set(found) <= {"kubeconfig", "API server"}


def test_a_context_that_is_not_there_is_told_which_there_are(config, look):
    config("https://127.0.0.1:9")

    found = look(context="its")

    assert found["kubeconfig"].state == "bad"
    assert "Did you mean 'it'" in found["kubeconfig"].fix


def test_a_program_that_logs_in_and_never_ends_is_not_waited_for(config, monkeypatch, look):
    monkeypatch.setattr("tinyflow_jupyter._doctor.examination.LOGIN", 1.0)
    call = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["4"]}
    config("https://127.0.0.1:9", {"exec": {**call, "interactiveMode": "Never"}})

    began = time.monotonic()
    found = look()

    assert time.monotonic() - began < 8
    assert found["kubeconfig"].what == "There was no answer within 1 s."


def test_a_program_that_logs_in_and_is_not_there_is_named(config, look):
    call = {"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login", "interactiveMode": "Never"}
    config("https://127.0.0.1:9", {"exec": call})

    found = look()

    assert [each.state for each in found.values()][-1] == "bad"


def test_a_file_that_others_may_read_is_told(config, server, look):
    path = config(server, {"token": "token"}, **{"insecure-skip-tls-verify": True})
    path.chmod(0o644)

    found = look()

    assert (found["kubeconfig"].state, found["kubeconfig"].fix) == ("warn", f"chmod 600 {path}")
