"""Credentials: what cannot be used is not taken, at the start or later, and says why."""

from __future__ import annotations

import datetime
import sys
import time
from pathlib import Path

import pytest
from tinyflow_runtime.rpc import credentials as credentials_
from tinyflow_runtime.rpc.credentials import Credentials
from tinyflow_runtime.rpc.identity import GATEWAY, OPERATOR, identity_of, module_identity

sys.path.insert(0, str(Path(__file__).parents[2]))  # tests are no packages, and these share what makes certificates

from certificates import DAY, FOREIGNER, NEIGHBOUR, STRANGER, WANTED, Authority

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder, other: (folder / "tls.key").unlink(), "tls.key: No such file"),
        (lambda folder, other: (folder / "tls.key").write_bytes(other.key), "key values mismatch"),
        (lambda folder, other: (folder / "tls.crt").write_bytes(b"none"), "one of its files is not pem"),
        (lambda folder, other: (folder / "ca.crt").write_bytes(other.trusted), "unable to get local issuer"),
        (lambda folder, other: (folder / "ca.crt").write_bytes(b""), "no certificate or crl found"),
    ],
    ids=["no key", "another key", "no certificate", "another authority", "no authority"],
)
async def test_a_process_does_not_start_with_credentials_that_cannot_be_used(process, tmp_path, spoil, why):
    own = tmp_path / "own"
    own.mkdir()
    for name, content in zip(("tls.crt", "tls.key", "ca.crt"), Authority().issue(WANTED.uri, WANTED.host), strict=True):
        (own / name).write_bytes(content)
    spoil(own, Authority("another").issue(WANTED.uri, WANTED.host))
    async with process(tmp_path, "--tls", own) as bound:
        assert bound == ""
    said = (tmp_path / "log").read_text()

    assert "TF-155 The certificate in" in said
    assert why in said
    assert "Traceback" not in said


async def test_a_process_does_not_serve_under_the_name_of_another(process, tmp_path):
    own = Authority().of(STRANGER, tmp_path / "own")
    async with process(tmp_path, "--tls", own) as bound:
        assert bound == ""

    assert "is for module 'stranger' of namespace 'here', and module 'wanted' was" in (tmp_path / "log").read_text()


async def test_without_certificates_nothing_listens_beyond_this_machine(process, tmp_path):
    async with process(tmp_path, "--listen", "0.0.0.0:0") as bound:
        assert bound == ""

    assert "reachable from other machines" in (tmp_path / "log").read_text()


def test_credentials_that_cannot_be_used_leave_those_of_before(tmp_path, caplog):
    authority = Authority()
    credentials = Credentials(authority.of(WANTED, tmp_path))
    before = credentials.pems

    authority.of(WANTED, tmp_path, begins=-9 * DAY, ends=-DAY)
    assert (credentials.refresh(), credentials.pems) == (1, before)
    assert "certificate has expired" in caplog.text
    authority.of(STRANGER, tmp_path)
    assert (credentials.refresh(), credentials.pems) == (1, before)
    assert "holds a certificate for module 'stranger'" in caplog.text
    authority.of(WANTED, tmp_path)
    assert credentials.refresh() == 2
    assert credentials.pems != before


def test_credentials_that_could_not_be_used_are_tried_again_and_told_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(credentials_, "AGAIN", 0.0)
    authority = Authority()
    credentials = Credentials(authority.of(WANTED, tmp_path))
    authority.of(WANTED, tmp_path, begins=datetime.timedelta(seconds=2))  # this machine's clock is behind
    deadline = time.monotonic() + 10
    assert credentials.refresh() == 1
    while credentials.refresh() == 1 and time.monotonic() < deadline:
        pass

    assert credentials.version == 2
    assert caplog.text.count("not yet valid") == 1


def test_identities_are_read_as_they_are_written():
    for identity in (OPERATOR, GATEWAY, WANTED, module_identity("0", "a-b")):
        assert identity_of([identity.uri]) == identity
    hosts = {identity.host for identity in (OPERATOR, GATEWAY, WANTED, NEIGHBOUR, FOREIGNER)}
    assert len(hosts) == 5
    for uri in (f"{OPERATOR.uri}/", f"{OPERATOR.uri}\n", "spiffe://tinyflow.dev/ns//module/x", WANTED.uri.upper(), ""):
        assert identity_of([uri]) is None
